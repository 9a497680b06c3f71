"""Checks for the fields of records: from what a model's code gives to what the annotation says.

The coercions are those of inputs (text to number, number to text ...), widened to what Python
code has and JSON has not: enums, datetimes, records, sets, arrays. A check returns the value to
keep, or appends to `errors`.
"""

from __future__ import annotations

import io

from cog.runtime_stdlib.sdk import annotations as a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

    Loc = Tuple[Any, ...]
    Errors = List[Dict[str, Any]]
    Check = Callable[[Any, Loc, Errors], Any]

LONGEST_NUMBER = 4300
TRUE = frozenset(["1", "on", "t", "true", "y", "yes"])
FALSE = frozenset(["0", "off", "f", "false", "n", "no"])


def wrong(errors: Errors, loc: Loc, msg: str, code: str, ctx: Any = None) -> None:
    error = {"loc": loc, "msg": msg, "type": code}
    if ctx is not None:
        error["ctx"] = ctx
    errors.append(error)


def not_none(check: Check) -> Check:
    def checked(value: Any, loc: Loc, errors: Errors) -> Any:
        if value is None:
            wrong(errors, loc, "none is not an allowed value", "type_error.none.not_allowed")
            return None
        return check(value, loc, errors)

    return checked


def check_any(value: Any, loc: Loc, errors: Errors) -> Any:
    return value


def check_none(value: Any, loc: Loc, errors: Errors) -> Any:
    if value is not None:
        wrong(errors, loc, "value is not none", "type_error.not_none")
    return None


def scalar(value: Any) -> Any:
    """A number of numpy or torch as Python's own; anything else as it is."""
    if not isinstance(value, (str, bytes, int, float, list, dict)):
        item = getattr(value, "item", None)
        if callable(item) and not a.is_enum(type(value)):
            try:
                return item()
            except (TypeError, ValueError, RuntimeError):  # more than one element
                pass
    return value


def check_str(value: Any, loc: Loc, errors: Errors) -> Any:
    if isinstance(value, str):
        return getattr(value, "value", value) if a.is_enum(type(value)) else value
    value = scalar(value)
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) or type(value).__name__ == "Decimal":
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    wrong(errors, loc, "str type expected", "type_error.str")
    return None


def too_long(value: Any) -> bool:
    """Whether int() of it would take very long: many digits, or Decimal("1E+999999999")."""
    if isinstance(value, (str, bytes)):
        return len(value) > LONGEST_NUMBER
    return type(value).__name__ == "Decimal" and value.is_finite() and value.adjusted() > LONGEST_NUMBER


def check_int(value: Any, loc: Loc, errors: Errors) -> Any:
    if isinstance(value, int) and type(value) is not bool:
        return value
    value = scalar(value)
    if not too_long(value):
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            pass
    wrong(errors, loc, "value is not a valid integer", "type_error.integer")
    return None


def check_float(value: Any, loc: Loc, errors: Errors) -> Any:
    if type(value) is float:
        return value
    try:
        return float(scalar(value))
    except (TypeError, ValueError, OverflowError):
        wrong(errors, loc, "value is not a valid float", "type_error.float")
    return None


def check_bool(value: Any, loc: Loc, errors: Errors) -> Any:
    value = scalar(value)
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
    wrong(errors, loc, "value could not be parsed to a boolean", "type_error.bool")
    return None


def check_bytes(value: Any, loc: Loc, errors: Errors) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, (str, int, float)):
        return str(value).encode()
    wrong(errors, loc, "byte type expected", "type_error.bytes")
    return None


def by_validate(cls: Any) -> Check:
    """Path, File and Secret know how to check themselves."""

    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        try:
            return cls.validate(value)
        except (TypeError, ValueError) as error:
            wrong(errors, loc, str(error), "type_error" if isinstance(error, TypeError) else "value_error")
            return None

    return check


def list_of(item: Check, make: Any, name: str) -> Check:
    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
            wrong(errors, loc, "value is not a valid %s" % name, "type_error.%s" % name)
            return None
        if hasattr(value, "tolist"):  # an array
            value = value.tolist()
        if item is check_any:
            return make(value)
        return make([item(one, loc + (i,), errors) for i, one in enumerate(value)])

    return check


def tuple_of(items: Tuple[Check, ...]) -> Check:
    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        if not isinstance(value, (tuple, list)):
            wrong(errors, loc, "value is not a valid tuple", "type_error.tuple")
            return None
        if len(value) != len(items):
            why = "wrong tuple length %d, expected %d" % (len(value), len(items))
            ctx = {"actual_length": len(value), "expected_length": len(items)}
            wrong(errors, loc, why, "value_error.tuple.length", ctx)
            return None
        return tuple([item(one, loc + (i,), errors) for i, (item, one) in enumerate(zip(items, value))])

    return check


def mapping(value: Any) -> Any:
    """Something like a dict as one, pairs too; None for anything else."""
    try:
        return dict(value)
    except (TypeError, ValueError):
        return None


def dict_of(key: Check, item: Check) -> Check:
    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        given = mapping(value)
        if given is None:
            wrong(errors, loc, "value is not a valid dict", "type_error.dict")
            return None
        return {key(one, loc + ("__key__",), errors): item(held, loc + (one,), errors) for one, held in given.items()}

    return check


def union_of(members: Tuple[Check, ...]) -> Check:
    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        kept: Errors = []
        for member in members:
            found: Errors = []
            result = member(value, loc, found)
            if not found:
                return result
            kept.extend(found)
        errors.extend(kept)
        return None

    return check


def literal_of(options: Tuple[Any, ...]) -> Check:
    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        for option in options:
            if option == value:
                return option
        why = "unexpected value; permitted: %s" % ", ".join(map(repr, options))
        wrong(errors, loc, why, "value_error.const", {"given": value, "permitted": options})
        return None

    return check


def enum_of(cls: Any) -> Check:
    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        try:
            return cls(value)
        except ValueError:
            permitted = ", ".join([repr(member.value) for member in cls])
            why = "value is not a valid enumeration member; permitted: %s" % permitted
            wrong(errors, loc, why, "type_error.enum", {"enum_values": list(cls)})
            return None

    return check


def record_of(cls: Any, build: Callable[[Dict[str, Any]], Any]) -> Check:
    """A nested record, given as one or as a dict."""

    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        if isinstance(value, cls):
            return value
        given = mapping(value)
        if given is None:
            wrong(errors, loc, "value is not a valid dict", "type_error.dict")
            return None
        try:
            return build(given)
        except ValueError as error:  # our ValidationError and both of pydantic's
            listed = getattr(error, "errors", None)
            for inner in listed() if callable(listed) else [{"msg": str(error), "type": "value_error"}]:
                ctx = inner.get("ctx")
                wrong(errors, loc + tuple(inner.get("loc", ())), inner["msg"], inner["type"], ctx)
        except TypeError as error:
            wrong(errors, loc, str(error), "type_error")
        return None

    return check


def time_of(cls: Any, name: str) -> Check:
    """datetime, date, time, timedelta: themselves, ISO text, or a number."""

    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        import datetime  # a model with such a field has imported it

        if cls is datetime.date and isinstance(value, datetime.datetime):
            return value.date()
        if isinstance(value, cls):
            return value
        try:
            if isinstance(value, str) and cls is not datetime.timedelta:
                return cls.fromisoformat(value[:-1] + "+00:00" if value[-1:] in ("Z", "z") else value)
            if isinstance(value, (int, float)):
                if cls is datetime.timedelta:
                    return datetime.timedelta(seconds=value)
                moment = datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
                if cls is datetime.datetime:
                    return moment
                if cls is datetime.date:
                    return moment.date()
        except (ValueError, OverflowError, OSError):
            pass
        if not isinstance(value, (str, bytes, int, float)):
            kinds = "invalid type; expected %s, string, bytes, int or float" % name
            wrong(errors, loc, kinds, "type_error")
            return None
        wrong(errors, loc, "invalid %s format" % name, "value_error.%s" % name)
        return None

    return check


def instance_of(cls: Any) -> Check:
    def check(value: Any, loc: Loc, errors: Errors) -> Any:
        try:
            fine = isinstance(value, cls)
        except TypeError:  # a protocol, say
            fine = True
        if not fine:
            why = "instance of %s expected" % getattr(cls, "__name__", cls)
            wrong(errors, loc, why, "type_error.arbitrary_type", {"expected_arbitrary_type": cls.__name__})
        return value

    return check


def check_for(annotation: Any, names: Dict[str, Any]) -> Check:
    """The check that an annotation stands for."""
    annotation = a.resolve(annotation, names)
    parts = a.take_apart(annotation)
    check = _check_for(parts, names)
    if parts.kind in ("any", "none", "other"):
        return check
    if parts.optional:

        def optional(value: Any, loc: Loc, errors: Errors) -> Any:
            return None if value is None else check(value, loc, errors)

        return optional
    return not_none(check)


def _check_for(parts: a.Parts, names: Dict[str, Any]) -> Check:
    kind = parts.kind
    if kind == "none":
        return check_none
    if kind == "union":
        members = tuple([check_for(member, names) for member in parts.args])
        return members[0] if len(members) == 1 else union_of(members)
    if kind == "literal":
        return literal_of(parts.args)
    if kind in ("list", "iterator", "iterable", "async_iterator", "concatenate"):
        return list_of(check_for(parts.args[0], names) if parts.args else check_any, list, "list")
    if kind == "set":
        item = check_for(parts.args[0], names) if parts.args else check_any
        make = parts.cls if parts.cls is frozenset else set
        return list_of(item, make, "set" if make is set else "frozenset")
    if kind == "tuple":
        if not parts.args:
            return list_of(check_any, tuple, "tuple")
        if len(parts.args) == 2 and parts.args[1] is ...:
            return list_of(check_for(parts.args[0], names), tuple, "tuple")
        return tuple_of(tuple([check_for(arg, names) for arg in parts.args if arg != ()]))
    if kind == "dict":
        if len(parts.args) == 2:
            return dict_of(check_for(parts.args[0], names), check_for(parts.args[1], names))
        return dict_of(check_any, check_any)
    if kind == "class":
        return _check_for_class(parts.cls)
    return check_any


def _check_for_class(cls: Any) -> Check:
    simple = {str: check_str, int: check_int, float: check_float, bool: check_bool, bytes: check_bytes}
    if cls in simple:
        return simple[cls]
    if cls is object:
        return check_any
    if a.is_enum(cls):
        return enum_of(cls)
    module = cls.__module__
    if module == "datetime":
        names = {"timedelta": "duration"}
        return time_of(cls, names.get(cls.__name__, cls.__name__))
    if a.is_path(cls):
        from cog.runtime_stdlib.sdk.paths import Path  # such a model has imported it, or pays now

        return by_validate(Path)
    if hasattr(cls, "validate") and (issubclass(cls, io.IOBase) or module == "cog"):
        return by_validate(cls)
    if hasattr(cls, "__cog_fields__") and hasattr(cls, "parse_obj"):
        return record_of(cls, lambda data: cls(**data))
    if a.is_pydantic(cls):
        return record_of(cls, lambda data: cls(**data))
    if hasattr(cls, "__dataclass_fields__"):
        return record_of(cls, lambda data: cls(**data))
    if a.is_typed_dict(cls):
        return dict_of(check_any, check_any)
    if a.is_named_tuple(cls):

        def named(value: Any, loc: Loc, errors: Errors) -> Any:
            if isinstance(value, cls):
                return value
            try:
                return cls(*value)
            except TypeError as error:
                wrong(errors, loc, str(error), "type_error")
                return None

        return named
    if module == "decimal" and cls.__name__ == "Decimal" or module == "uuid" and cls.__name__ == "UUID":

        def made(value: Any, loc: Loc, errors: Errors) -> Any:
            if isinstance(value, cls):
                return value
            try:
                return cls(str(value))
            except (ValueError, ArithmeticError):
                name = cls.__name__.lower()
                wrong(errors, loc, "value is not a valid %s" % name, "type_error.%s" % name)
                return None

        return made
    return instance_of(cls)

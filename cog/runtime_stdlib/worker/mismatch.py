"""Does an output fit its annotation? Only asked of results of synchronous requests.

Strategy: as lenient as the reference: what could be coerced passes, None always does. A shape
becomes one function that appends what it dislikes; uniform lists are judged as a whole first.
The text begins with the reference's sentence and then says what was returned and what was promised.
"""

from __future__ import annotations

from cog.runtime_stdlib.sdk import annotations as a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from cog.runtime_stdlib.schema.spec import Shape, Spec

    Loc = Tuple[Any, ...]
    Found = List[Tuple[Loc, str, Any]]
    Check = Callable[[Any, Loc, Found], None]

STR = "str type expected (type=type_error.str)"
INT = "value is not a valid integer (type=type_error.integer)"
FLOAT = "value is not a valid float (type=type_error.float)"
BOOL = "value could not be parsed to a boolean (type=type_error.bool)"
LIST = "value is not a valid list (type=type_error.list)"
DICT = "value is not a valid dict (type=type_error.dict)"
FILE = "value is not a file or the path of one (type=value_error)"
MOST = 20  # problems that the text lists
WORDS = frozenset("1 on t true y yes 0 off f false n no".split())


def explain(check: Check, value: Any, spec: Spec, loc: Loc) -> Optional[str]:
    """The text of the 500 answer, or None when the value fits."""
    found: Found = []
    title = "TrainingOutput" if spec.mode == "train" else "Output"
    named = spec.output.kind == "object" and spec.output.name == title  # it has no __root__ around it
    check(value, loc[:1] if named else loc, found)
    if not found:
        return None
    which = "TrainingResponse" if spec.mode == "train" else "PredictionResponse"
    lines = ["%d validation error%s for %s" % (len(found), "" if len(found) == 1 else "s", which)]
    for where, what, _ in found[:MOST]:
        lines.append(" -> ".join(map(str, where)))
        lines.append("  " + what)
    returned = a.readable(type(found[0][2]))
    verb = "yielded" if spec.is_generator or len(loc) > 2 else "returned"
    steps = [step for step in found[0][0][1:] if step != "__root__"]
    place = "".join(["[%r]" % step for step in steps])
    lines.append(
        "%s() %s %s%s, but its return annotation promises %s there: change one of the two"
        % (spec.mode, verb, returned, " at output" + place if place else "", promised(what_at(spec, steps)))
    )
    return "\n".join(lines)


def what_at(spec: Spec, steps: List[Any]) -> Shape:
    shape = spec.output
    for step in steps:
        if isinstance(step, int) and shape.kind == "tuple":
            shape = shape.args[step] if step < len(shape.args) else shape
        elif shape.kind == "object":
            inner = [field.shape for field in shape.fields if field.name == step]
            if not inner:
                return shape
            shape = inner[0]
        elif shape.args:
            shape = shape.args[0]
        else:
            return shape
    return shape


def promised(shape: Shape) -> str:
    names = {"path": "a file (cog.Path)", "file": "a file (cog.File)", "secret": "cog.Secret"}
    if shape.kind == "union":
        return " or ".join([promised(arg) for arg in shape.args])
    if shape.kind in ("object", "enum", "raw"):
        return shape.name
    if shape.kind in ("list", "iterator") and shape.args:
        return "a list of %s" % promised(shape.args[0])
    return names.get(shape.kind, shape.kind)


def number_like(value: Any) -> Any:
    """A scalar of numpy or torch as Python's own; a member of an enumeration as what is sent for it."""
    if a.is_enum(type(value)):
        return value.value
    if not isinstance(value, (str, int, float, bytes, list, tuple, dict)) and hasattr(value, "item"):
        try:
            return value.item()
        except (TypeError, ValueError, RuntimeError):  # more than one element
            return value
    return value


def check_str(value: Any, loc: Loc, found: Found) -> None:
    if isinstance(value, (str, int, float, bytes, bytearray)):
        return
    if type(value).__name__ == "Decimal" or hasattr(value, "isoformat") and hasattr(value, "timestamp"):
        return  # a datetime is sent as text; a date on its own is not one, for the reference
    if not isinstance(number_like(value), (str, int, float)):
        found.append((loc, STR, value))


def check_int(value: Any, loc: Loc, found: Found) -> None:
    if isinstance(value, int) or type(value).__name__ == "Decimal":
        return
    try:
        if isinstance(value, (list, dict, tuple)):
            raise TypeError
        int(number_like(value))
    except (TypeError, ValueError, OverflowError):
        if not isinstance(value, float):  # NaN and infinity go out as null
            found.append((loc, INT, value))


def check_float(value: Any, loc: Loc, found: Found) -> None:
    if isinstance(value, (float, int)):
        return
    try:
        float(number_like(value))
    except (TypeError, ValueError, OverflowError):
        found.append((loc, FLOAT, value))


def check_bool(value: Any, loc: Loc, found: Found) -> None:
    given = number_like(value)
    if isinstance(given, (bool, int, float)) and given in (0, 1):
        return
    if isinstance(given, str) and given.lower() in WORDS:
        return
    found.append((loc, BOOL, value))


def check_file(value: Any, loc: Loc, found: Found) -> None:
    if hasattr(value, "__fspath__") or hasattr(value, "read"):
        return
    if isinstance(value, str) and value.partition(":")[0].lower() in ("http", "https", "data"):
        return  # a URL that the model made itself
    found.append((loc, FILE, value))


def check_bytes(value: Any, loc: Loc, found: Found) -> None:
    if not isinstance(value, (bytes, bytearray, str, int, float)):
        found.append((loc, "byte type expected (type=type_error.bytes)", value))


def listed(value: Any) -> Any:
    """The items of something like a list, or None."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if hasattr(value, "tolist") and not isinstance(value, type):
        value = value.tolist()
        return value if isinstance(value, list) else None
    if isinstance(value, (str, bytes, dict)) or hasattr(value, "read") or hasattr(value, "__fspath__"):
        return None
    if hasattr(value, "keys") or hasattr(type(value), "__cog_fields__") or a.is_pydantic(type(value)):
        return None
    return value if hasattr(value, "__iter__") and not hasattr(value, "__next__") else None


def list_check(item: Optional[Check], kind: str, *, nullable: bool) -> Check:
    fine = {"str": (str,), "int": (int, bool), "float": (float, int), "bool": (bool,)}.get(kind)
    accepted = None if fine is None else frozenset(fine)

    def check(value: Any, loc: Loc, found: Found) -> None:
        if hasattr(value, "__next__"):  # a generator inside: its items are not here yet
            return
        items = listed(value)
        if items is None:
            found.append((loc, LIST, value))
            return
        if item is None or accepted is not None and accepted.issuperset(map(type, items)):
            return
        for i, one in enumerate(items):
            if one is not None:
                item(one, (*loc, i), found)
            elif not nullable:
                found.append(((*loc, i), "none is not an allowed value (type=type_error.none.not_allowed)", one))
            if len(found) > MOST:
                return

    return check


def tuple_check(items: Tuple[Optional[Check], ...]) -> Check:
    def check(value: Any, loc: Loc, found: Found) -> None:
        values = listed(value)
        if values is None:
            found.append((loc, "value is not a valid tuple (type=type_error.tuple)", value))
            return
        if len(values) != len(items):
            why = "wrong tuple length %d, expected %d (type=value_error.tuple.length)"
            found.append((loc, why % (len(values), len(items)), value))
            return
        for i, (item, one) in enumerate(zip(items, values)):
            if item is not None and one is not None:
                item(one, (*loc, i), found)

    return check


def as_mapping(value: Any) -> Any:
    """The properties of something like an object, or None."""
    if isinstance(value, dict):
        return value
    kind = type(value)
    if hasattr(kind, "__cog_fields__"):
        return vars(value)
    names = getattr(kind, "__dataclass_fields__", None)
    if names is not None:
        return {name: getattr(value, name, None) for name in names}
    if a.is_pydantic(kind):
        return value.model_dump() if hasattr(value, "model_dump") else value.dict()
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: value[key] for key in value.keys()}
    return None


def dict_check(item: Optional[Check]) -> Check:
    def check(value: Any, loc: Loc, found: Found) -> None:
        if item is None and (isinstance(value, dict) or a.is_pydantic(type(value))):
            return
        values = as_mapping(value)
        if values is None:
            if not hasattr(value, "columns"):  # a table becomes a list of objects
                found.append((loc, DICT, value))
        elif item is not None:
            for key, one in values.items():
                if one is not None:
                    item(one, (*loc, key), found)

    return check


def object_check(fields: Dict[str, Tuple[Optional[Check], bool]]) -> Check:
    def check(value: Any, loc: Loc, found: Found) -> None:
        values = as_mapping(value)
        if values is None:
            found.append((loc, DICT, value))
            return
        for name, (item, required) in fields.items():
            one = values.get(name)
            if one is None:
                if required and name not in values:
                    found.append(((*loc, name), "field required (type=value_error.missing)", value))
            elif item is not None:
                item(one, (*loc, name), found)

    return check


def union_check(members: Tuple[Optional[Check], ...]) -> Check:
    def check(value: Any, loc: Loc, found: Found) -> None:
        kept: Found = []
        for member in members:
            if member is None:
                return
            tried: Found = []
            member(value, loc, tried)
            if not tried:
                return
            kept.extend(tried)
        found.extend(kept)

    return check


def option_check(options: Tuple[Any, ...], *, enum: bool) -> Check:
    def check(value: Any, loc: Loc, found: Found) -> None:
        given = value.value if a.is_enum(type(value)) else value
        try:
            if given in options:
                return
        except (TypeError, ValueError):  # an array's == is an array
            pass
        permitted = ", ".join(map(repr, options))
        if enum:
            found.append(
                (loc, "value is not a valid enumeration member; permitted: %s (type=type_error.enum)" % permitted, value)
            )
        else:
            found.append((loc, "unexpected value; permitted: %s (type=value_error.const)" % permitted, value))

    return check


def time_check(kind: str) -> Check:
    def check(value: Any, loc: Loc, found: Found) -> None:
        if hasattr(value, "isoformat") or hasattr(value, "total_seconds") or isinstance(value, (str, int, float)):
            return
        found.append((loc, "invalid %s format (type=value_error.%s)" % (kind, kind), value))

    return check


def check_none(value: Any, loc: Loc, found: Found) -> None:
    found.append((loc, "value is not none (type=type_error.not_none)", value))


SIMPLE: Dict[str, Check] = {
    "str": check_str,
    "int": check_int,
    "float": check_float,
    "bool": check_bool,
    "bytes": check_bytes,
    "path": check_file,
    "file": check_file,
    "none": check_none,
    "decimal": check_float,
}


def compile_check(shape: Shape) -> Optional[Check]:
    """The check of a shape; None when everything fits it."""
    kind = shape.kind
    if kind in SIMPLE:
        return SIMPLE[kind]
    if kind in ("list", "set", "iterator"):
        inner = shape.args[0]
        item = compile_check(inner)
        return list_check(item, inner.kind, nullable=inner.nullable or inner.kind in ("any", "none"))
    if kind == "tuple":
        return tuple_check(tuple([compile_check(arg) for arg in shape.args]))
    if kind == "union":
        return union_check(tuple([compile_check(arg) for arg in shape.args]))
    if kind == "dict":
        return dict_check(compile_check(shape.args[0]) if shape.args else None)
    if kind == "object":
        if shape.raw == "again":
            return dict_check(None)
        return object_check({field.name: (compile_check(field.shape), field.required) for field in shape.fields})
    if kind in ("literal", "enum"):
        return option_check(shape.options, enum=kind == "enum")
    if kind in ("datetime", "date", "time", "timedelta"):
        return time_check(kind)
    if kind == "raw":
        return dict_check(None)
    return None  # any, secret, uuid: whatever can be encoded

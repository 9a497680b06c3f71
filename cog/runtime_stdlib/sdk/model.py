"""cog.BaseModel: records that check and coerce what they are made of.

Strategy: a class is looked at when it is first used, not when it is defined, so that classes may
name each other in quotes and `import cog` stays quick. Each field becomes one function from the
value given to the value kept (sdk/fields). Instances are ordinary objects with a `__dict__`.
"""

from __future__ import annotations

import sys

from cog.runtime_stdlib.sdk import annotations as a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ClassVar, Dict, Iterator, List, Optional, Set, Tuple, Type, TypeVar

    Model = TypeVar("Model", bound="BaseModel")
    Loc = Tuple[Any, ...]


class ModelField:
    """One field of a model class."""

    __slots__ = ("annotation", "check", "default", "description", "factory", "name", "required")

    def __init__(self, name: str, annotation: Any) -> None:
        self.name = name
        self.annotation = annotation  # quotes resolved
        self.required = True
        self.default: Any = None
        self.factory: Optional[Callable[[], Any]] = None
        self.description: Optional[str] = None
        self.check: Callable[[Any, Loc, List[Dict[str, Any]]], Any]

    def fresh_default(self) -> Any:
        if self.factory is not None:
            return self.factory()
        default = self.default
        if default is None or isinstance(default, (str, int, float, bytes, tuple)):
            return default
        from copy import deepcopy  # only models with such defaults need it

        return deepcopy(default)


class ValidationError(ValueError):
    """The values do not make a record. `errors()` lists what is wrong and where."""

    def __init__(self, errors: List[Dict[str, Any]], model: Type[Any]) -> None:
        super().__init__(errors, model)
        self._errors = errors
        self.model = model

    def errors(self) -> List[Dict[str, Any]]:
        return list(self._errors)

    def __str__(self) -> str:
        count = len(self._errors)
        lines = ["%d validation error%s for %s" % (count, "" if count == 1 else "s", self.model.__name__)]
        for error in self._errors:
            lines.append(" -> ".join(map(str, error["loc"])))
            extra = "".join(["; %s=%s" % item for item in error.get("ctx", {}).items()])
            lines.append("  %s (type=%s%s)" % (error["msg"], error["type"], extra))
        return "\n".join(lines)

    __repr__ = __str__


ValidationError.__module__ = "cog"


class BaseModel:
    """A record: annotated fields, checked and coerced when it is made."""

    __slots__ = ("__dict__", "__fields_set__", "__weakref__")  # the fields, and which of them were given

    __cog_fields__: ClassVar[Optional[Dict[str, ModelField]]] = None

    def __init_subclass__(cls, **options: Any) -> None:
        options.pop("auto_dataclass", None)  # newer releases' word; ours are never dataclasses
        super().__init_subclass__(**options)
        cls.__cog_fields__ = None

    def __init__(__cog_self__, **data: Any) -> None:  # a field may be called self
        fields = fields_of(type(__cog_self__))
        errors: List[Dict[str, Any]] = []
        kept = __cog_self__.__dict__
        given = set()
        for name, field in fields.items():
            if name in data:
                given.add(name)
                kept[name] = field.check(data[name], (name,), errors)
            elif field.required:
                errors.append({"loc": (name,), "msg": "field required", "type": "value_error.missing"})
            else:
                kept[name] = field.fresh_default()
        if errors:
            raise ValidationError(errors, type(__cog_self__))
        object.__setattr__(__cog_self__, "__fields_set__", given)

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:1] != "_" and name not in fields_of(type(self)):
            raise ValueError('"%s" object has no field "%s"' % (type(self).__name__, name))
        object.__setattr__(self, name, value)
        if name[:1] != "_":
            fields_set(self).add(name)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, BaseModel):
            return values_of(self) == values_of(other)
        return isinstance(other, dict) and plain(self) == other

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Tuple[str, Any]]:
        return iter(values_of(self).items())

    def __repr__(self) -> str:
        inside = ", ".join(["%s=%r" % item for item in values_of(self).items()])
        return "%s(%s)" % (type(self).__name__, inside)

    def __str__(self) -> str:
        return " ".join(["%s=%r" % item for item in values_of(self).items()])

    def dict(
        self,
        *,
        include: Any = None,
        exclude: Any = None,
        by_alias: bool = False,
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
    ) -> Dict[str, Any]:
        """The fields, nested records as dicts."""
        result = {}
        fields = fields_of(type(self))
        for name, value in values_of(self).items():
            if include is not None and name not in include or exclude is not None and name in exclude:
                continue
            if exclude_none and value is None:
                continue
            if exclude_unset and name not in fields_set(self):
                continue
            if exclude_defaults and not fields[name].required and value == fields[name].fresh_default():
                continue
            result[name] = plain(value, exclude_unset, exclude_defaults, exclude_none)
        return result

    model_dump = dict

    def json(self, *, indent: Optional[int] = None, **options: Any) -> str:
        """The fields as JSON text. Takes the options of dict()."""
        import json  # a model that calls this pays for it

        dumping = {key: options.pop(key) for key in ("sort_keys", "ensure_ascii", "separators") if key in options}
        options.pop("mode", None)
        return json.dumps(BaseModel.dict(self, **options), default=as_json, indent=indent, **dumping)

    model_dump_json = json

    def copy(self: Model, *, update: Optional[Dict[str, Any]] = None, deep: bool = False) -> Model:
        import copy  # a model that calls this pays for it

        made = copy.deepcopy(self) if deep else copy.copy(self)
        object.__setattr__(made, "__fields_set__", set(fields_set(self)))
        for name, value in (update or {}).items():
            made.__dict__[name] = value
            fields_set(made).add(name)
        return made

    model_copy = copy

    @classmethod
    def parse_obj(cls: Type[Model], value: Any) -> Model:
        """A record from a mapping; raises ValidationError."""
        if isinstance(value, cls):
            return value
        if not hasattr(value, "keys"):
            found = {"loc": ("__root__",), "msg": "value is not a valid dict", "type": "type_error.dict"}
            raise ValidationError([found], cls)
        return cls(**{key: value[key] for key in value.keys()})

    model_validate = parse_obj

    # A field of the user's own pydantic model: version 1 asks for these two ...
    @classmethod
    def __get_validators__(cls: Type[Model]) -> Iterator[Callable[[Any], Model]]:
        yield cls.parse_obj

    @classmethod
    def __modify_schema__(cls, schema: Dict[str, Any]) -> None:
        schema.update({"title": cls.__name__, "type": "object"})

    # ... and version 2 for these.
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from cog.runtime_stdlib.sdk.pydantic2 import plain_schema  # pydantic is there: it is asking

        return plain_schema(cls.parse_obj)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return {"title": cls.__name__, "type": "object"}


BaseModel.__module__ = "cog"


def fields_set(model: Any) -> Set[str]:
    found: Set[str] = getattr(model, "__fields_set__", None) or set()
    return found


def values_of(model: Any) -> Dict[str, Any]:
    kept = model.__dict__
    return {name: kept[name] for name in fields_of(type(model)) if name in kept}


def plain(value: Any, *options: bool) -> Any:
    """Nested records as dicts; everything else as it is."""
    if isinstance(value, BaseModel):
        unset, defaults, none = options or (False, False, False)
        return BaseModel.dict(value, exclude_unset=unset, exclude_defaults=defaults, exclude_none=none)
    if isinstance(value, dict):
        return {key: plain(item, *options) for key, item in value.items()}
    if isinstance(value, (list, set, frozenset)) or type(value) is tuple:
        return type(value)([plain(item, *options) for item in value])
    return value


def as_json(value: Any) -> Any:
    """For json.dumps: values that JSON has no word for."""
    if a.is_enum(type(value)):
        return value.value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "total_seconds"):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if hasattr(value, "model_dump"):
        return value.model_dump()
    return str(value)


def fields_of(cls: Type[Any]) -> Dict[str, ModelField]:
    """The fields of a model class, inherited ones first."""
    found: Optional[Dict[str, ModelField]] = cls.__dict__.get("__cog_fields__")
    if found is None:
        found = read_fields(cls)
        cls.__cog_fields__ = found
    return found


def read_fields(cls: Type[Any]) -> Dict[str, ModelField]:
    from cog.runtime_stdlib.sdk.fields import check_for  # not before a model is used

    fields: Dict[str, ModelField] = {}
    for parent in reversed(cls.__mro__):
        if parent is object or parent is BaseModel:
            continue
        names = class_names(parent, cls)
        for name, annotation in a.own_annotations(parent).items():
            if name[:1] == "_":
                continue
            resolved = a.resolve(annotation, names)
            if a.special_name(resolved) == "ClassVar" or (a.special_name(getattr(resolved, "__origin__", None)) == "ClassVar"):
                continue
            field = ModelField(name, resolved)
            parts = a.take_apart(resolved)
            if name in parent.__dict__:
                set_default(field, parent.__dict__[name])
            elif parts.kind == "none" or parts.optional or parts.kind == "any":
                field.required = False
            field.check = check_for(resolved, names)
            if not field.required and field.default is None and field.factory is None:
                field.check = or_none(field.check)
            fields[name] = field
        for name in list(fields):  # a subclass may give an inherited field another default
            if name in parent.__dict__ and name not in a.own_annotations(parent):
                set_default(fields[name], parent.__dict__[name])
    return fields


def set_default(field: ModelField, default: Any) -> None:
    """The default, also when it is what Input() or pydantic's Field() returns."""
    if type(default).__name__ == "FieldInfo" and hasattr(default, "description"):
        field.description = default.description
        field.factory = getattr(default, "default_factory", None)
        value = default.default
        field.required = field.factory is None and (
            value is ... or type(value).__name__ in ("PydanticUndefinedType", "UndefinedType")
        )
        field.default = None if field.required or field.factory else value
    else:
        field.default = default
        field.required = False


def or_none(check: Callable[[Any, Loc, List[Dict[str, Any]]], Any]) -> Any:
    def checked(value: Any, loc: Loc, errors: List[Dict[str, Any]]) -> Any:
        return None if value is None else check(value, loc, errors)

    return checked


def class_names(parent: Type[Any], cls: Type[Any]) -> Dict[str, Any]:
    """Where names in quotes are looked up: the class's module, and the classes themselves."""
    module = sys.modules.get(parent.__module__)
    names = {parent.__name__: parent, cls.__name__: cls}
    if module is not None:
        names = {**names, **vars(module)}
    return names

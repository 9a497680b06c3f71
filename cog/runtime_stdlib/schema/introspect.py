"""From a predict() or train() function to its Spec. Runs in the worker, where the model's classes are.

Strategy: the signature is read from the code object (`inspect` alone would cost more than the
whole of the SDK); annotations are taken apart by sdk/annotations. What cannot be an input or an
output is refused here, while the model loads, with the parameter's name and what to write instead.
"""

from __future__ import annotations

import sys

from cog.runtime_stdlib.schema.spec import MISSING, Field, InputSpec, Shape, Spec
from cog.runtime_stdlib.sdk import annotations as a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

SUPPORTED = "Supported input types are: str, int, float, bool, cog.File, cog.Path, cog.Secret, or a Union or List of those types."
NO_RETURN_TYPE = """You must set an output type. If your model can return multiple output types, \
you can explicitly set `Any` as the output type.

For example:

from typing import Any

def %s(
    self,
    image: Path = Input(description="Input image"),
) -> Any:
    ..."""

VARARGS, VARKEYWORDS, GENERATOR, COROUTINE, ASYNC_GENERATOR = 0x04, 0x08, 0x20, 0x80, 0x200
MUTABLE = (list, dict, set, bytearray)


class Parameter:
    """One parameter of a signature."""

    __slots__ = ("default", "name")

    def __init__(self, name: str, default: Any) -> None:
        self.name = name
        self.default = default  # MISSING when there is none


def describe(function: Callable[..., Any], *, mode: str, skip_self: bool = False) -> Spec:
    """The Spec of a callable. `skip_self`: it is a method that is not bound yet."""
    written = written_function(function)
    parameters = parameters_of(function, skip_self=skip_self)
    names = a.names_of(written)
    hints = a.own_annotations(written)
    inputs = tuple([input_spec(p, hints, names, order) for order, p in enumerate(parameters)])
    if "return" not in hints:
        raise TypeError(NO_RETURN_TYPE % mode)
    output = Outputs(names).shape(hints["return"])
    flags = flags_of(function)
    return Spec(
        mode,
        inputs,
        output,
        is_async=bool(flags & (COROUTINE | ASYNC_GENERATOR)),
        is_generator=bool(flags & (GENERATOR | ASYNC_GENERATOR)),
        max_concurrency=marked(function, "__cog_concurrent__"),
        streaming=bool(marked(function, "__cog_streaming__")),
    )


# -- the signature


def written_function(function: Any) -> Any:
    """Through bound methods, functools.wraps and callable objects to what has the annotations."""
    found = a.unwrap(getattr(function, "__func__", function))
    found = a.unwrap(getattr(found, "__func__", found))
    if hasattr(found, "__code__"):
        return found
    if hasattr(found, "func") and hasattr(found, "keywords"):  # functools.partial
        return written_function(found.func)
    if not callable(found):
        raise TypeError("%r is not a callable object" % (function,))
    if not isinstance(found, type) and hasattr(type(found).__call__, "__code__"):
        return a.unwrap(type(found).__call__)
    return found


def flags_of(function: Any) -> int:
    """The code flags of the function and of all that functools.wraps put around it."""
    flags = 0
    seen = 0
    while function is not None and seen < 100:
        inner = getattr(function, "__func__", function)
        code = getattr(inner, "__code__", None)
        if code is None and callable(inner) and not isinstance(inner, type):
            code = getattr(type(inner).__call__, "__code__", None)
        if code is not None:
            flags |= code.co_flags
        function = getattr(inner, "__wrapped__", None) or getattr(inner, "func", None)
        seen += 1
    return flags


def marked(function: Any, mark: str) -> Any:
    while function is not None:
        found = getattr(function, mark, None)
        if found is not None:
            return found
        function = getattr(function, "__wrapped__", None)
    return None


def parameters_of(function: Any, *, skip_self: bool = False) -> List[Parameter]:
    """The parameters in order, without `self`. Raises TypeError for those that cannot be inputs."""
    bound = hasattr(function, "__self__") and not isinstance(function.__self__, type(sys))
    plain = a.unwrap(getattr(function, "__func__", function))
    plain = getattr(plain, "__func__", plain)
    code = getattr(plain, "__code__", None)
    if code is None:
        return parameters_by_inspect(function, skip_self=skip_self)
    count, keyword_only = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames[: count + keyword_only]
    defaults: Dict[str, Any] = {}
    positional = getattr(plain, "__defaults__", None) or ()
    for name, default in zip(names[count - len(positional) : count], positional):
        defaults[name] = default
    defaults.update(getattr(plain, "__kwdefaults__", None) or {})
    # A static method looks unbound as well; but its first parameter is an input like any.
    static = skip_self and not bound and count and names[0] not in ("self", "cls") and names[0] in a.own_annotations(plain)
    first = 1 if (bound or skip_self) and count and not static else 0
    if code.co_posonlyargcount > first:
        raise TypeError("The parameter `%s` is positional-only, but inputs are passed by name: remove the `/`." % names[first])
    rest = code.co_varnames[count + keyword_only :]
    for flag, stars in ((VARARGS, "*"), (VARKEYWORDS, "**")):
        if code.co_flags & flag:
            name, rest = rest[0], rest[1:]
            raise refused_variadic(name, stars, a.own_annotations(plain))
    return [Parameter(name, defaults.get(name, MISSING)) for name in names[first:]]


def refused_variadic(name: str, stars: str, hints: Dict[str, Any]) -> TypeError:
    if name not in hints:
        return TypeError("No input type provided for parameter `%s`. %s" % (name, SUPPORTED))
    return TypeError("The parameter `%s%s` cannot be an input: each input needs a name of its own." % (stars, name))


def parameters_by_inspect(function: Any, *, skip_self: bool) -> List[Parameter]:
    import inspect  # only for callables that are not functions: partials, objects, C code

    found = list(inspect.signature(function).parameters.values())
    if skip_self:
        found = found[1:]
    for p in found:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            hints = {} if p.annotation is p.empty else {p.name: p.annotation}
            raise refused_variadic(p.name, "*" if p.kind is p.VAR_POSITIONAL else "**", hints)
    return [Parameter(p.name, MISSING if p.default is p.empty else p.default) for p in found]


def defaults_of(function: Any, spec: Spec) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """The real default values of the inputs of `spec`, and those among them to copy each time."""
    wanted = {item.name: item for item in spec.inputs}
    values: Dict[str, Any] = {}
    mutable: Dict[str, Any] = {}
    try:
        parameters = parameters_of(function)
    except TypeError:  # described unbound, called bound, or the other way round
        parameters = parameters_of(function, skip_self=True)
    for parameter in parameters:
        item = wanted.get(parameter.name)
        if item is None or item.required:
            continue
        default = real_default(parameter.default)
        if default is MISSING:
            default = None
        default = with_secrets(default, item.shape)
        values[parameter.name] = default
        if is_mutable(default):
            mutable[parameter.name] = default
    return values, mutable


def is_mutable(value: Any) -> bool:
    if value is None or isinstance(value, (str, int, float, bytes)):
        return False
    if isinstance(value, tuple):
        return any(map(is_mutable, value))
    return isinstance(value, MUTABLE) or not hasattr(value, "__fspath__") and not is_secret(value)


def is_secret(value: Any) -> bool:
    return type(value).__name__ == "Secret" and hasattr(value, "get_secret_value")


def with_secrets(value: Any, shape: Shape) -> Any:
    """A Secret's default is a Secret too, also when the model wrote plain text."""
    if shape.kind == "secret" and isinstance(value, str):
        from cog.runtime_stdlib.sdk.secret import Secret  # such a model has imported it

        return Secret(value)
    if shape.kind == "list" and isinstance(value, list):
        return [with_secrets(item, shape.args[0]) for item in value]
    return value


def field_info(default: Any) -> Any:
    """What Input() returned, or None."""
    if type(default).__name__ == "FieldInfo" and hasattr(default, "choices"):
        return default
    return None


def real_default(default: Any) -> Any:
    info = field_info(default)
    if info is not None:
        default = info.default
    return MISSING if default is ... else default


# -- inputs


def input_spec(parameter: Parameter, hints: Dict[str, Any], names: Dict[str, Any], order: int) -> InputSpec:
    name = parameter.name
    if name not in hints:
        raise TypeError("No input type provided for parameter `%s`. %s" % (name, SUPPORTED))
    try:
        annotation = a.resolve(hints[name], names)
    except a.Unresolved as error:
        raise TypeError("Input `%s`: %s" % (name, error)) from None
    shape = InputTypes(name, names).shape(annotation)
    info = field_info(parameter.default)
    default = real_default(parameter.default)
    required = default is MISSING and not (shape.nullable and info is not None)
    spec = InputSpec(
        name,
        shape,
        order=order,
        required=required,
        nullable=shape.nullable or default is None,
        default=MISSING if default is MISSING or default is None else shown(default, shape),
    )
    if info is not None:
        add_options(spec, info)
    return spec


def add_options(spec: InputSpec, info: Any) -> None:
    name = spec.name
    spec.description = None if info.description is None else str(info.description)
    spec.deprecated = bool(info.deprecated)
    if info.accept is not None:
        spec.accept = info.accept if isinstance(info.accept, str) else ",".join(info.accept)
    if info.choices is not None:
        if spec.shape.kind not in ("str", "int"):
            raise TypeError("The input %s uses the option choices. Choices can only be used with str or int types." % name)
        choices = tuple(info.choices)
        wanted = str if spec.shape.kind == "str" else int
        for choice in choices:
            if not isinstance(choice, wanted):
                raise TypeError("The input %s is %s, but its choice %r is not." % (name, wanted.__name__, choice))
        if not choices:
            raise ValueError("The input %s has an empty list of choices." % name)
        spec.choices = tuple(map(as_option, choices))
    for option, fitting in (
        ("ge", ("int", "float")),
        ("le", ("int", "float")),
        ("min_length", ("str", "secret")),
        ("max_length", ("str", "secret")),
        ("regex", ("str", "secret")),
    ):
        value = getattr(info, option)
        if value is None:
            continue
        if not any([kind in fitting for kind in kinds_in(spec.shape)]):
            raise ValueError(
                "The input %s uses the option %s, which only fits %s, not %s."
                % (name, option, " and ".join(fitting[:2]) if fitting[0] == "int" else "str", spec.shape.kind)
            )
        setattr(spec, option, str(value) if option == "regex" else as_limit(value))
    if spec.regex is not None:
        import re  # only models with a pattern pay for it

        try:
            re.compile(spec.regex)
        except re.error as error:
            raise ValueError("The input %s has a regex that does not compile: %s" % (name, error)) from None


def kinds_in(shape: Shape) -> List[str]:
    """The kinds that limits apply to: the value's own, or its items' or members'."""
    if shape.kind in ("list", "union"):
        found: List[str] = []
        for arg in shape.args:
            found.extend(kinds_in(arg))
        return found
    return [shape.kind]


def shown(default: Any, shape: Shape) -> Any:
    """A default as JSON, for the document and the echo; a secret's never leaves the worker in clear."""
    if is_secret(default):
        return str(default)
    if shape.kind == "secret" and isinstance(default, str):
        return "**********" if default else ""
    if shape.kind == "list" and isinstance(default, list):
        return [shown(item, shape.args[0]) for item in default]
    if shape.kind == "union" and isinstance(default, str):
        if any([arg.kind == "secret" for arg in shape.args]):
            return "**********"
    return as_json(default)


def as_json(value: Any) -> Any:
    """Plain data for marshal and JSON; MISSING for what has no such form."""
    if value is None or isinstance(value, bool):
        return value
    if a.is_enum(type(value)):
        return as_json(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if value - value == 0 else MISSING
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [as_json(item) for item in value]
        return MISSING if MISSING in items else items
    if isinstance(value, dict):
        made = {str(key): as_json(item) for key, item in value.items()}
        return MISSING if MISSING in made.values() else made
    if hasattr(value, "__fspath__"):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "__cog_fields__"):
        from cog.runtime_stdlib.sdk.model import plain  # it is a record: the module is loaded

        return as_json(plain(value))
    if hasattr(value, "model_dump"):
        return as_json(value.model_dump())
    if a.is_pydantic(type(value)):
        return as_json(value.dict())
    if hasattr(value, "__dataclass_fields__"):
        return as_json({name: getattr(value, name) for name in value.__dataclass_fields__})
    return MISSING


def as_option(value: Any) -> Any:
    """A permitted value as JSON; as text when it has no such form."""
    made = as_json(value)
    return str(value) if made is MISSING else made


def as_limit(value: Any) -> Any:
    """A limit as written, as a number of Python's own: 2 stays 2, 1.0 stays 1.0."""
    return int(value) if isinstance(value, int) else float(value)


class InputTypes:
    """Annotations of one parameter to Shapes."""

    def __init__(self, parameter: str, names: Dict[str, Any]) -> None:
        self._parameter = parameter
        self._names = names

    def shape(self, annotation: Any) -> Shape:
        annotation = a.resolve(annotation, self._names)
        parts = a.take_apart(annotation)
        if any([getattr(mark, "__name__", type(mark).__name__) == "Opaque" for mark in parts.metadata]):
            return Shape("opaque", (Shape("opaque"),) if parts.kind == "list" else ())
        kind = parts.kind
        if kind == "class":
            return self._class(parts.cls, annotation)
        if kind == "list" and parts.cls is list and len(parts.args) == 1:
            return Shape("list", (self.shape(parts.args[0]),))
        if kind == "union":
            members = tuple([self._member(arg) for arg in parts.args])
            if len(members) == 1:
                members[0].nullable = True
                return members[0]
            return Shape("union", members, nullable=parts.optional)
        if kind == "literal" and parts.args:
            for option in parts.args:
                if not isinstance(option, (str, int)):
                    raise self.refused(annotation)
            options = tuple(map(as_option, parts.args))
            return Shape("literal", options=options, nullable=parts.optional)
        if kind == "dict" and parts.cls is dict and len(parts.args) == 2:
            return Shape("dict", (self._value(parts.args[1]),))
        raise self.refused(annotation)

    def _member(self, annotation: Any) -> Shape:
        """A member of a union: there, plain objects are allowed too."""
        annotation = a.resolve(annotation, self._names)
        if annotation is dict:
            return Shape("dict")
        return self.shape(annotation)

    def _value(self, annotation: Any) -> Shape:
        """A value of a dict: there, anything is allowed."""
        annotation = a.resolve(annotation, self._names)
        parts = a.take_apart(annotation)
        if parts.kind == "any" or annotation is object:
            return Shape("any")
        if annotation in (dict, list):
            return Shape("dict") if annotation is dict else Shape("list", (Shape("any"),))
        return self.shape(annotation)

    def _class(self, cls: Any, annotation: Any) -> Shape:
        for known, kind in ((str, "str"), (int, "int"), (float, "float"), (bool, "bool")):
            if cls is known:
                return Shape(kind)
        kind = special_class(cls)
        if kind:
            return Shape(kind)
        if a.is_typed_dict(cls):
            return self._typed_dict(cls)
        raise self.refused(annotation)

    def _typed_dict(self, cls: Any) -> Shape:
        names = {**vars(sys.modules.get(cls.__module__, sys)), **self._names}
        required = getattr(cls, "__required_keys__", None)
        fields = []
        for name, annotation in all_annotations(cls).items():
            inner = InputTypes(self._parameter, names)
            needed = name in required if required is not None else bool(cls.__total__)
            fields.append(Field(name, inner._value(annotation), required=needed))
        return Shape("object", name=cls.__name__, fields=tuple(fields))

    def refused(self, annotation: Any) -> TypeError:
        return TypeError(
            "Unsupported input type %s for parameter `%s`. %s" % (a.readable(annotation), self._parameter, SUPPORTED)
        )


def special_class(cls: Any) -> str:
    """path, file or secret: our own classes, and any os.PathLike."""
    for parent in cls.__mro__:
        if parent.__module__ == "cog" and parent.__name__ in ("Path", "File", "Secret"):
            return str(parent.__name__.lower())
    return "path" if a.is_path(cls) else ""


def all_annotations(cls: Any) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for parent in reversed(cls.__mro__):
        if parent not in (object, dict, tuple):
            found.update(a.own_annotations(parent))
    return found


# -- outputs

TIMES = {"datetime": "datetime", "date": "date", "time": "time", "timedelta": "timedelta"}
ARRAY_LIBRARIES = frozenset("numpy torch pandas jax jaxlib tensorflow cupy polars pyarrow scipy xarray array mlx".split())


class Outputs:
    """Return annotations to Shapes."""

    def __init__(self, names: Dict[str, Any], open: Tuple[Any, ...] = ()) -> None:
        self._names = names
        self._open = open  # classes that we are inside of, for those that contain themselves

    def shape(self, annotation: Any) -> Shape:
        try:
            annotation = a.resolve(annotation, self._names)
        except a.Unresolved as error:
            raise TypeError("Return type: %s" % error) from None
        parts = a.take_apart(annotation)
        kind = parts.kind
        if kind in ("any", "none"):
            return Shape(kind)
        if kind == "union":
            members = tuple([self.shape(arg) for arg in parts.args])
            if len(members) == 1:
                members[0].nullable = True
                return members[0]
            return Shape("union", members, nullable=parts.optional)
        if kind == "literal":
            return Shape("literal", options=tuple(map(as_option, parts.args)), nullable=parts.optional)
        if kind in ("iterator", "async_iterator", "concatenate"):
            if not parts.args and kind != "concatenate":
                return Shape("iterator", (Shape("any"),))
            item = self.shape(parts.args[0]) if parts.args else Shape("str")
            return Shape("iterator", (item,), raw="concatenate" if kind == "concatenate" else None)
        if kind in ("list", "iterable"):
            return Shape("list", (self.shape(parts.args[0]) if parts.args else Shape("any"),))
        if kind == "set":
            return Shape("set", (self.shape(parts.args[0]) if parts.args else Shape("any"),))
        if kind == "tuple":
            args = [arg for arg in parts.args if arg != ()]
            if not args:
                return Shape("list", (Shape("any"),)) if not parts.args else Shape("tuple")
            if len(args) == 2 and args[1] is ...:
                return Shape("list", (self.shape(args[0]),))
            return Shape("tuple", tuple([self.shape(arg) for arg in args]))
        if kind == "dict":
            return Shape("dict", (self.shape(parts.args[1]),) if len(parts.args) == 2 else ())
        if kind == "class":
            return self._class(parts.cls, annotation)
        return Shape("any")

    def _class(self, cls: Any, annotation: Any) -> Shape:
        for known, kind in (
            (bool, "bool"),
            (str, "str"),
            (int, "int"),
            (float, "float"),
            (bytes, "bytes"),
        ):
            if cls is known:
                return Shape(kind)
        if cls is object:
            return Shape("any")
        kind = special_class(cls)
        if kind:
            return Shape(kind)
        module = cls.__module__
        if module == "datetime" and cls.__name__ in TIMES:
            return Shape(TIMES[cls.__name__])
        if a.is_enum(cls):
            return enum_shape(cls)
        if hasattr(cls, "__cog_fields__"):
            return self._record(cls)
        if a.is_pydantic(cls):
            return pydantic_shape(cls)
        if hasattr(cls, "__dataclass_fields__"):
            return self._dataclass(cls)
        if a.is_named_tuple(cls):
            names = self._of(cls)
            hints = all_annotations(cls)
            return Shape("tuple", tuple([names.shape(hints.get(name, object)) for name in cls._fields]))
        if a.is_typed_dict(cls):
            return self._typed_dict(cls)
        if module.split(".")[0] in ARRAY_LIBRARIES:
            return Shape("any")
        if any([parent.__module__.split(".")[0] in ("io", "_io") for parent in cls.__mro__]):
            return Shape("file")
        simple = {"Decimal": "decimal", "UUID": "uuid"}
        if cls.__name__ in simple and module in ("decimal", "uuid"):
            return Shape(simple[cls.__name__])
        for base, kind in ((bool, "bool"), (str, "str"), (int, "int"), (float, "float"), (dict, "dict")):
            if issubclass(cls, base):
                return Shape(kind)
        if coded(cls):
            return Shape("dict")
        raise TypeError(
            "Unsupported output type %s. Return a simple type, a cog.Path, a list or dict of those, "
            "a cog.BaseModel, a dataclass, or annotate the function with `-> Any`." % a.readable(annotation)
        )

    def _of(self, cls: Any) -> Outputs:
        names = {**self._names, **vars(sys.modules.get(cls.__module__, sys)), cls.__name__: cls}
        return Outputs(names, (*self._open, cls))

    def _record(self, cls: Any) -> Shape:
        from cog.runtime_stdlib.sdk.model import fields_of  # the class comes from there

        if cls in self._open:
            return Shape("object", name=cls.__name__, raw="again")
        inner = self._of(cls)
        fields = []
        for name, field in fields_of(cls).items():
            default: Any = MISSING
            if not field.required and field.factory is None and field.default is not None:
                default = as_json(field.default)
            shape = inner.shape(field.annotation)
            fields.append(
                Field(
                    name,
                    shape,
                    required=field.required and not shape.nullable,
                    default=default,
                    description=field.description or "",
                )
            )
        return Shape("object", name=cls.__name__, fields=tuple(fields), raw=doc_of(cls))

    def _dataclass(self, cls: Any) -> Shape:
        if cls in self._open:
            return Shape("object", name=cls.__name__, raw="again")
        inner = self._of(cls)
        fields = []
        for name, field in cls.__dataclass_fields__.items():
            if getattr(field, "_field_type", None) is not None and "CLASSVAR" in repr(field._field_type):
                continue
            has_default = type(field.default).__name__ != "_MISSING_TYPE"
            has_factory = type(field.default_factory).__name__ != "_MISSING_TYPE"
            default = as_json(field.default) if has_default and field.default is not None else MISSING
            shape = inner.shape(field.type)
            fields.append(
                Field(
                    name,
                    shape,
                    required=not has_default and not has_factory and not shape.nullable,
                    default=default,
                )
            )
        return Shape("object", name=cls.__name__, fields=tuple(fields))

    def _typed_dict(self, cls: Any) -> Shape:
        if cls in self._open:
            return Shape("object", name=cls.__name__, raw="again")
        inner = self._of(cls)
        required = getattr(cls, "__required_keys__", None)
        fields = []
        for name, annotation in all_annotations(cls).items():
            needed = name in required if required is not None else bool(cls.__total__)
            shape = inner.shape(annotation)
            fields.append(Field(name, shape, required=needed and not shape.nullable))
        return Shape("object", name=cls.__name__, fields=tuple(fields))


def doc_of(cls: Any) -> Optional[str]:
    """The class's own docstring, as its description."""
    text = cls.__dict__.get("__doc__")
    if not isinstance(text, str) or not text.strip():
        return None
    lines = text.expandtabs().strip().splitlines()
    margins = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    margin = min(margins) if margins else 0
    return "\n".join([lines[0], *[line[margin:].rstrip() for line in lines[1:]]]).strip()


def enum_shape(cls: Any) -> Shape:
    kind = None
    for base, name in ((str, "string"), (int, "integer"), (float, "number")):
        if issubclass(cls, base):
            kind = name
            break
    values = tuple([as_option(member.value) for member in cls])
    return Shape("enum", name=cls.__name__, options=values, raw=kind)


def coded(cls: Any) -> bool:
    home = sys.modules.get("cog.runtime_stdlib.sdk.coder")
    return home is not None and home.Coder.lookup(cls) is not None


def pydantic_shape(cls: Any) -> Shape:
    """A model of the user's own pydantic: it writes its schema itself."""
    template = "#/components/schemas/{model}"
    if hasattr(cls, "model_json_schema"):
        from cog.runtime_stdlib.schema.json_schema import for_openapi  # only for pydantic 2

        schema = cls.model_json_schema(mode="serialization", ref_template=template)
        parts = schema.pop("$defs", {})
        schema = for_openapi(schema)
        parts = {name: for_openapi(part) for name, part in parts.items()}
    else:
        schema = cls.schema(ref_template=template)
        parts = schema.pop("definitions", {})
    if "$ref" in schema or not schema.get("properties") and "allOf" in schema:  # it contains itself
        ref = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = parts.pop(ref.rpartition("/")[2], {"type": "object"})
    components = tuple([[name, as_json(part)] for name, part in sorted(parts.items())])
    return Shape("raw", name=cls.__name__, raw=as_json(schema), options=components)

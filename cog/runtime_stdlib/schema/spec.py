"""What one callable of a model looks like, as plain data.

The worker reads the signature (schema/introspect) and sends the result here to the server, which
validates requests from it and writes the OpenAPI document, and never sees the model's classes.
Strategy: three small record classes that know how to become lists of plain values and back
(`to_data`, `from_data`), so any codec for plain data will do. On the start path of the server,
hence no imports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple


class Missing:
    """The type of MISSING: nothing was given, which is not the same as None."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()

# The kinds of Shape. Both for inputs and outputs:
#   str int float bool path file secret any none
#   list      args[0] is the item (no args: anything)
#   union     args are the members, in order
#   literal   options are the permitted values
#   dict      args[0] is the value (no args: anything); keys are text
#   object    fields; name is the class, for its component
# For outputs only:
#   enum      options are the values, name is the class, raw is its JSON type or None
#   iterator  args[0] is the item; raw is "concatenate" or None
#   tuple     args are the items, in order
#   set       args[0] is the item
#   bytes datetime date time timedelta uuid decimal
#   raw       raw is a ready JSON schema, options are its (name, schema) components
# For inputs only:
#   opaque    a JSON object (args: an array of them), handed on unchecked


class Shape:
    """A type, as data."""

    __slots__ = ("args", "fields", "kind", "name", "nullable", "options", "raw")

    def __init__(
        self,
        kind: str,
        args: Tuple[Shape, ...] = (),
        *,
        name: str = "",
        nullable: bool = False,
        options: Tuple[Any, ...] = (),
        fields: Tuple[Field, ...] = (),
        raw: Any = None,
    ) -> None:
        self.kind = kind
        self.args = args
        self.name = name
        self.nullable = nullable
        self.options = options
        self.fields = fields
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.to_data() == other.to_data()

    def __hash__(self) -> int:
        return hash((self.kind, self.name, len(self.args)))

    def __repr__(self) -> str:
        inner = ", ".join(map(repr, self.args))
        return "Shape(%s%s%s)" % (self.kind, "?" if self.nullable else "", ": " + inner if inner else "")

    def to_data(self) -> List[Any]:
        return [
            self.kind,
            [arg.to_data() for arg in self.args],
            self.name,
            self.nullable,
            list(self.options),
            [field.to_data() for field in self.fields],
            self.raw,
        ]

    @classmethod
    def from_data(cls, data: Any) -> Shape:
        kind, args, name, nullable, options, fields, raw = data
        return cls(
            kind,
            tuple([cls.from_data(arg) for arg in args]),
            name=name,
            nullable=nullable,
            options=tuple(options),
            fields=tuple([Field.from_data(field) for field in fields]),
            raw=raw,
        )


class Field:
    """One property of an object shape."""

    __slots__ = ("default", "description", "name", "required", "shape")

    def __init__(self, name: str, shape: Shape, *, required: bool, default: Any = MISSING, description: str = "") -> None:
        self.name = name
        self.shape = shape
        self.required = required
        self.default = default  # as JSON, or MISSING
        self.description = description

    def to_data(self) -> List[Any]:
        default = [] if self.default is MISSING else [self.default]
        return [self.name, self.shape.to_data(), self.required, default, self.description]

    @classmethod
    def from_data(cls, data: Any) -> Field:
        name, shape, required, default, description = data
        return cls(
            name,
            Shape.from_data(shape),
            required=required,
            default=default[0] if default else MISSING,
            description=description,
        )


class InputSpec:
    """One parameter of predict() or train()."""

    __slots__ = (
        "accept",
        "choices",
        "default",
        "deprecated",
        "description",
        "ge",
        "le",
        "max_length",
        "min_length",
        "name",
        "nullable",
        "order",
        "regex",
        "required",
        "shape",
    )

    def __init__(
        self,
        name: str,
        shape: Shape,
        *,
        order: int,
        required: bool,
        nullable: bool = False,
        default: Any = MISSING,
        description: Optional[str] = None,
        ge: Any = None,
        le: Any = None,
        min_length: Optional[int] = None,
        max_length: Optional[int] = None,
        regex: Optional[str] = None,
        choices: Optional[Tuple[Any, ...]] = None,
        deprecated: bool = False,
        accept: Optional[str] = None,
    ) -> None:
        self.name = name
        self.shape = shape
        self.order = order
        self.required = required
        self.nullable = nullable  # null is accepted
        self.default = default  # as JSON, for the document and the echo; the worker has the real one
        self.description = description
        self.ge = ge
        self.le = le
        self.min_length = min_length
        self.max_length = max_length
        self.regex = regex
        self.choices = choices
        self.deprecated = deprecated
        self.accept = accept

    def to_data(self) -> List[Any]:
        return [
            self.name,
            self.shape.to_data(),
            self.order,
            self.required,
            self.nullable,
            [] if self.default is MISSING else [self.default],
            self.description,
            self.ge,
            self.le,
            self.min_length,
            self.max_length,
            self.regex,
            None if self.choices is None else list(self.choices),
            self.deprecated,
            self.accept,
        ]

    @classmethod
    def from_data(cls, data: Any) -> InputSpec:
        return cls(
            data[0],
            Shape.from_data(data[1]),
            order=data[2],
            required=data[3],
            nullable=data[4],
            default=data[5][0] if data[5] else MISSING,
            description=data[6],
            ge=data[7],
            le=data[8],
            min_length=data[9],
            max_length=data[10],
            regex=data[11],
            choices=None if data[12] is None else tuple(data[12]),
            deprecated=data[13],
            accept=data[14],
        )


class Spec:
    """predict() or train(), as data."""

    __slots__ = (
        "checker",
        "inputs",
        "is_async",
        "is_generator",
        "max_concurrency",
        "mode",
        "output",
        "streaming",
    )

    def __init__(
        self,
        mode: str,
        inputs: Tuple[InputSpec, ...],
        output: Shape,
        *,
        is_async: bool = False,
        is_generator: bool = False,
        max_concurrency: Optional[int] = None,
        streaming: bool = False,
    ) -> None:
        self.mode = mode  # "predict" or "train"
        self.inputs = inputs
        self.output = output
        self.is_async = is_async
        self.is_generator = is_generator
        self.max_concurrency = max_concurrency  # what the model's decorator asks for, if it does
        self.streaming = streaming
        self.checker: Optional[Callable[..., Any]] = None  # made by validation, once per Spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.to_data() == other.to_data()

    def __hash__(self) -> int:
        return hash((self.mode, len(self.inputs)))

    def to_data(self) -> Dict[str, Any]:
        return {
            "mode": self.mode,
            "inputs": [item.to_data() for item in self.inputs],
            "output": self.output.to_data(),
            "is_async": self.is_async,
            "is_generator": self.is_generator,
            "max_concurrency": self.max_concurrency,
            "streaming": self.streaming,
        }

    @classmethod
    def from_data(cls, data: Any) -> Spec:
        return cls(
            data["mode"],
            tuple([InputSpec.from_data(item) for item in data["inputs"]]),
            Shape.from_data(data["output"]),
            is_async=data["is_async"],
            is_generator=data["is_generator"],
            max_concurrency=data["max_concurrency"],
            streaming=data["streaming"],
        )

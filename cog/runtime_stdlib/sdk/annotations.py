"""What an annotation says: its kind and its parts, and names in quotes resolved.

Strategy: look at the attributes that every version of typing and typing_extensions leaves on its
objects, and at names, instead of importing either: a model that has not imported typing does not
pay for it, and one that brings its own typing_extensions is understood too.

Quoted annotations are evaluated in the module that wrote them. Where that fails because the
Python is too old for the notation (`str | None`, `list[int]`), the expression is read as a syntax
tree and put together by hand.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple


class Unresolved(TypeError):
    """A name in a quoted annotation leads nowhere."""


class Parts:
    """An annotation taken apart.

    kind: any none class union literal list dict tuple set iterator async_iterator iterable
    concatenate other
    """

    __slots__ = ("args", "cls", "kind", "metadata", "optional")

    def __init__(
        self,
        kind: str,
        args: Tuple[Any, ...] = (),
        cls: Any = None,
        metadata: Tuple[Any, ...] = (),
        optional: bool = False,
    ) -> None:
        self.kind = kind
        self.args = args
        self.cls = cls
        self.metadata = metadata  # of Annotated
        self.optional = optional  # of a union or literal: None was among the members


class Union:
    """`A | B` where the running Python cannot say it."""

    def __init__(self, args: Tuple[Any, ...]) -> None:
        self.__args__ = args


class Generic:
    """`list[A]` where the running Python cannot say it."""

    def __init__(self, origin: Any, args: Tuple[Any, ...]) -> None:
        self.__origin__ = origin
        self.__args__ = args


# collections.abc classes by name: `typing.Iterator[X].__origin__` is one of them.
ABSTRACT = {
    "Iterator": "iterator",
    "Generator": "iterator",
    "AsyncIterator": "async_iterator",
    "AsyncGenerator": "async_iterator",
    "AsyncIterable": "async_iterator",
    "Iterable": "iterable",
    "Sequence": "list",
    "MutableSequence": "list",
    "Collection": "list",
    "Mapping": "dict",
    "MutableMapping": "dict",
    "Set": "set",
    "MutableSet": "set",
}
TYPING_MODULES = ("typing", "typing_extensions")


def special_name(annotation: Any) -> str:
    """`Union`, `Literal` ... for the special forms of typing, else ''."""
    if getattr(annotation, "__module__", "") in TYPING_MODULES or (type(annotation).__module__ in TYPING_MODULES):
        name = getattr(annotation, "_name", None) or getattr(annotation, "__name__", None)
        return name if isinstance(name, str) else ""
    return ""


def take_apart(annotation: Any) -> Parts:
    """The parts of an annotation whose quotes have been resolved."""
    metadata: Tuple[Any, ...] = ()
    while True:
        found = getattr(annotation, "__metadata__", None)
        if isinstance(found, tuple) and hasattr(annotation, "__origin__"):  # Annotated
            metadata += found
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):  # NewType
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # type X = ...
            annotation = annotation.__value__
        elif special_name(getattr(annotation, "__origin__", None)) in ("Required", "NotRequired", "Final", "ReadOnly"):
            annotation = annotation.__args__[0]
        else:
            break
    parts = _take_apart(annotation)
    parts.metadata = metadata
    return parts


def _take_apart(annotation: Any) -> Parts:
    if annotation is None or annotation is type(None):
        return Parts("none")
    args: Tuple[Any, ...] = getattr(annotation, "__args__", None) or ()
    origin = getattr(annotation, "__origin__", None)
    if isinstance(annotation, Union) or type(annotation).__name__ == "UnionType":
        return _union(args)
    if origin is None:
        name = special_name(annotation)
        if name in ("Any", "AnyStr") or type(annotation).__name__ == "TypeVar":
            return Parts("any")
        if isinstance(annotation, type):
            if _is_union_class(annotation):
                return _union(args)
            return _of_class(annotation, args)
        if type(annotation).__name__ == "Union":  # 3.14: an instance of typing.Union
            return _union(args)
        return Parts("other", args, annotation)
    name = special_name(origin) or special_name(annotation) if not isinstance(origin, type) else ""
    if name in ("Union", "Optional"):
        return _union(args)
    if name == "Literal":
        options = tuple(_flat_options(args))
        kept = tuple([option for option in options if option is not None])
        return Parts("literal", kept, optional=len(kept) < len(options))
    if isinstance(origin, type):
        if origin.__name__ == "Union" and origin.__module__ in TYPING_MODULES:  # 3.14
            return _union(args)
        args = tuple([arg for arg in args if type(arg).__name__ != "TypeVar"])
        return _of_class(origin, args)
    return Parts("other", args, annotation)


def _is_union_class(annotation: Any) -> bool:
    return annotation.__name__ == "Union" and annotation.__module__ in TYPING_MODULES


def _flat_options(args: Tuple[Any, ...]) -> Any:
    for arg in args:
        inner = getattr(arg, "__args__", None)
        if inner is not None and special_name(getattr(arg, "__origin__", None)) == "Literal":
            yield from _flat_options(inner)  # 3.8 keeps Literal[Literal["a"], "b"] nested
        else:
            yield arg


def _union(args: Tuple[Any, ...]) -> Parts:
    members: List[Any] = []
    optional = False
    for arg in args:
        if arg is None or arg is type(None):
            optional = True
            continue
        inner = take_apart(arg)
        if inner.kind == "union":
            optional = optional or inner.optional
            members.extend(inner.args)
        else:
            members.append(arg)
    return Parts("union", tuple(members), optional=optional)


def _of_class(cls: Any, args: Tuple[Any, ...]) -> Parts:
    if cls is list:
        return Parts("list", args, cls)
    if cls is dict:
        return Parts("dict", args, cls)
    if cls is tuple:
        return Parts("tuple", args, cls)
    if cls is set or cls is frozenset:
        return Parts("set", args, cls)
    if cls.__module__ in ("collections.abc", "_collections_abc"):
        kind = ABSTRACT.get(cls.__name__)
        if kind is not None:
            return Parts(kind, args[:1] if kind != "dict" else args, cls)
    if cls.__module__ == "collections" and cls.__name__ in ("OrderedDict", "defaultdict", "deque"):
        return Parts("list" if cls.__name__ == "deque" else "dict", args, cls)
    if cls.__module__ == "cog" and cls.__name__ in ("ConcatenateIterator", "AsyncConcatenateIterator"):
        return Parts("concatenate", args, cls)
    return Parts("class", args, cls)


def resolve(annotation: Any, names: Dict[str, Any]) -> Any:
    """The annotation without quotes: text and forward references looked up in `names`."""
    seen = 0
    while True:
        if isinstance(annotation, str):
            annotation = evaluate(annotation, names)
        elif hasattr(annotation, "__forward_arg__"):  # "Box" inside List["Box"]
            annotation = evaluate(annotation.__forward_arg__, names)
        else:
            return annotation
        seen += 1
        if seen > 20:
            raise Unresolved("the annotation %r leads back to itself" % (annotation,))


def evaluate(text: str, names: Dict[str, Any]) -> Any:
    try:
        return eval(text, names if "__builtins__" in names else dict(names))
    except NameError as error:
        name = getattr(error, "name", None) or str(error).partition("'")[2].partition("'")[0]
        raise Unresolved(
            "The annotation %r uses the name %r, which its module does not have when the model runs. "
            "If it is imported under `if TYPE_CHECKING:`, import it always." % (text, name or "?")
        ) from None
    except TypeError:  # str | None and list[int] on an old Python, "Box" | None on any
        return _by_hand(text, names)
    except SyntaxError:
        raise Unresolved("The annotation %r is not a Python expression" % (text,)) from None


def _by_hand(text: str, names: Dict[str, Any]) -> Any:
    import ast  # only an old Python that meets a new notation needs it

    def build(node: Any) -> Any:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            left, right = build(node.left), build(node.right)
            args: Tuple[Any, ...] = ()
            for side in (left, right):
                args += side.__args__ if isinstance(side, Union) else (side,)
            return Union(args)
        if isinstance(node, ast.Subscript):
            origin = build(node.value)
            inner: Any = getattr(node.slice, "value", node.slice)  # ast.Index before 3.9
            members: List[Any] = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if special_name(origin) == "Literal":
                return Generic(origin, tuple([ast.literal_eval(member) for member in members]))
            built = tuple([build(member) for member in members])
            if special_name(origin) == "Optional":
                return Union((built[0], None))
            if special_name(origin) == "Union":
                return Union(built)
            if special_name(origin) == "Annotated":
                return built[0]
            real = getattr(origin, "__origin__", None)  # typing.List stands for list
            return Generic(real if isinstance(real, type) else origin, built)
        if isinstance(node, ast.Constant):
            return build(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node.value
        code = compile(ast.fix_missing_locations(ast.Expression(node)), "<annotation>", "eval")
        return eval(code, names)

    try:
        return build(ast.parse(text.strip(), mode="eval").body)
    except (NameError, TypeError, SyntaxError, ValueError) as error:
        raise Unresolved("The annotation %r cannot be evaluated: %s" % (text, error)) from None


def own_annotations(thing: Any) -> Dict[str, Any]:
    """The annotations of a function, or of a class without those it inherits."""
    try:
        if isinstance(thing, type):
            found = thing.__dict__.get("__annotations__")
            if found is None and sys.version_info >= (3, 14):
                found = getattr(thing, "__annotations__", None)  # computed when asked for
        else:
            found = getattr(thing, "__annotations__", None)
        return found or {}
    except NameError:  # 3.14: a name that only type checkers see; ask again for what is there
        from importlib import import_module

        library = import_module("annotationlib")
        given: Dict[str, Any] = library.get_annotations(thing, format=library.Format.FORWARDREF)
        return given


def names_of(function: Any) -> Dict[str, Any]:
    """Where the names in a function's quoted annotations are looked up."""
    names: Dict[str, Any] = getattr(function, "__globals__", {})
    closure = getattr(function, "__closure__", None)
    if closure:
        names = dict(names)
        for name, cell in zip(function.__code__.co_freevars, closure):
            try:
                names.setdefault(name, cell.cell_contents)
            except ValueError:  # not assigned yet
                pass
    return names


def unwrap(function: Any) -> Any:
    """Through functools.wraps to the function that was written."""
    seen = 0
    while hasattr(function, "__wrapped__") and seen < 100:
        function = function.__wrapped__
        seen += 1
    return function


def readable(annotation: Any) -> str:
    """A type as its user wrote it: `str`, `cog.Path`, `typing.Any`."""
    module = getattr(annotation, "__module__", "")
    if module == "builtins" and hasattr(annotation, "__qualname__") and not getattr(annotation, "__args__", None):
        return str(annotation.__qualname__)
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        if module.split(".")[0] == "cog":
            module = "cog"
        return "%s.%s" % (module, annotation.__qualname__)
    if isinstance(annotation, Union):
        return " | ".join([readable(arg) for arg in annotation.__args__])
    if isinstance(annotation, Generic):
        return "%s[%s]" % (readable(annotation.__origin__), ", ".join(map(readable, annotation.__args__)))
    return str(annotation)


def is_typed_dict(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, dict) and hasattr(cls, "__total__")


def is_named_tuple(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_enum(cls: Any) -> bool:
    return isinstance(cls, type) and hasattr(cls, "__members__") and hasattr(cls, "_value2member_map_")


def is_pydantic(cls: Any) -> bool:
    """A model class of either pydantic, without importing one."""
    return isinstance(cls, type) and (
        hasattr(cls, "__pydantic_core_schema__")
        and hasattr(cls, "model_dump")
        or isinstance(getattr(cls, "__fields__", None), dict)
        and any([base.__module__.split(".")[0] == "pydantic" for base in cls.__mro__])
    )


Resolver = "Optional[Callable[[Any], Any]]"


def is_path(cls: Any) -> bool:
    """Any class of pathlib, or os.PathLike itself; without importing either."""
    for parent in getattr(cls, "__mro__", ()):
        if parent.__name__ == "PurePath" and parent.__module__.split(".")[0] == "pathlib":
            return True
        if parent.__name__ == "PathLike" and parent.__module__ == "os":
            return True
    return False

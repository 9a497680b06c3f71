"""What the host rooms make records and patterns of, without what these cost to start.

The standard library's writes the source of six methods for each class and compiles it, and its
import brings `inspect` and through it `ast`, `dis` and `tokenize`: for our fifty records that was
a third of the time of every command that reads cog.yaml (82 ms of processor time became 55, on
3.13 122 became 69). Here the methods are closures over the names of the fields. Making a record is
slower than with the standard library's, by a microsecond; we make dozens.

Type checkers see the real thing. What is supported is what is used: `dataclass`, frozen or not,
`field(default, default_factory, compare, repr)`, `fields`, `replace`, inheritance, and annotations
as text (`from __future__ import annotations`). A test holds it against the standard library's.

`Protocol` and `cast` are nothing while a program runs, and `typing` is not imported for them.

`pattern` is a regular expression that is compiled when it is first used: most commands need few.
"""

from __future__ import annotations

__all__ = ["FrozenInstanceError", "Protocol", "cast", "dataclass", "field", "fields", "pattern", "replace"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
    from re import compile as pattern
    from typing import Protocol, cast
else:

    class Pattern:
        __slots__ = ("_real", "_words")

        def __init__(self, *words):
            self._words, self._real = words, None

        def __getattr__(self, name):  # match, sub and so on: none of them is ours
            if self._real is None:
                import re  # here with the first use

                self._real = re.compile(*self._words)
            return getattr(self._real, name)

    Protocol = object

    def cast(kind, value):
        return value

    def pattern(text, flags=0):
        return Pattern(text, flags)

    MISSING = object()
    FIELDS = "__record_fields__"

    class FrozenInstanceError(AttributeError):
        pass

    class Field:
        __slots__ = ("compare", "default", "default_factory", "name", "repr")

        def __init__(self, default, default_factory, repr, compare):
            self.name = ""
            self.default, self.default_factory = default, default_factory
            self.repr, self.compare = repr, compare

    def field(*, default=MISSING, default_factory=MISSING, repr=True, compare=True):
        return Field(default, default_factory, repr, compare)

    def fields(record):
        return tuple(getattr(record, FIELDS).values())

    def replace(record, **changes):
        for name in getattr(record, FIELDS):
            if name not in changes:
                changes[name] = getattr(record, name)
        return type(record)(**changes)

    def dataclass(cls=None, *, frozen=False):
        if cls is None:
            return lambda cls: _made(cls, frozen)
        return _made(cls, frozen)

    def _made(cls, frozen):
        table = _table(cls)
        setattr(cls, FIELDS, table)
        compared = tuple(name for name, one in table.items() if one.compare)
        shown = tuple(name for name, one in table.items() if one.repr)
        methods = {"__init__": _init(cls, table), "__repr__": _repr(shown), "__eq__": _eq(compared)}
        # Comparable by content and changeable: no hash. Frozen: that of the content.
        methods["__hash__"] = _hash(compared) if frozen else None
        if frozen:
            methods["__setattr__"], methods["__delattr__"] = _refuse("assign to"), _refuse("delete")
        for name, method in methods.items():
            if name not in cls.__dict__ or (name == "__hash__" and cls.__dict__[name] is None):
                setattr(cls, name, method)
        cls.__match_args__ = tuple(table)
        return cls

    def _table(cls):
        table = {}
        for base in cls.__mro__[-1:0:-1]:
            table.update(base.__dict__.get(FIELDS, {}))
        for name, note in cls.__dict__.get("__annotations__", {}).items():
            if str(note).startswith(("ClassVar", "typing.ClassVar")):
                continue
            given = cls.__dict__.get(name, MISSING)
            one = given if isinstance(given, Field) else Field(given, MISSING, True, True)
            if isinstance(given, Field):
                if one.default is MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, one.default)
            if one.default.__class__ in (list, dict, set):
                raise ValueError(f"mutable default {type(one.default)} for field {name} is not allowed: use default_factory")
            one.name = name
            table[name] = one
        return table

    def _init(cls, table):
        names = tuple(table)
        put = object.__setattr__
        then = getattr(cls, "__post_init__", None)

        def __init__(self, *values, **named):
            if len(values) > len(names):
                raise TypeError(f"{cls.__name__}() takes {len(names)} arguments, {len(values)} were given")
            for name, value in zip(names, values):
                put(self, name, value)
            for name in names[len(values) :]:
                if name in named:
                    put(self, name, named.pop(name))
                    continue
                one = table[name]
                if one.default_factory is not MISSING:
                    put(self, name, one.default_factory())
                elif one.default is not MISSING:
                    put(self, name, one.default)
                else:
                    raise TypeError(f"{cls.__name__}() is missing the argument {name!r}")
            if named:
                raise TypeError(f"{cls.__name__}() got unexpected or repeated arguments: {', '.join(named)}")
            if then is not None:
                then(self)

        return __init__

    def _repr(names):
        def __repr__(self):
            shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
            return f"{type(self).__qualname__}({shown})"

        return __repr__

    def _eq(names):
        def __eq__(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            return all([getattr(self, name) == getattr(other, name) for name in names])

        return __eq__

    def _hash(names):
        def __hash__(self):
            return hash(tuple([getattr(self, name) for name in names]))

        return __hash__

    def _refuse(what):
        def refuse(self, name, *value):
            raise FrozenInstanceError(f"cannot {what} field {name!r}")

        return refuse

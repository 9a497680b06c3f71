"""Return annotations of generators whose items belong together as one text."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Type checkers want a generator's annotation to be a supertype of Generator.
    from typing import AsyncIterator as AsyncConcatenateIterator
    from typing import Iterator as ConcatenateIterator
else:
    if sys.version_info >= (3, 9):
        _Alias = type(list[int])  # types.GenericAlias, without importing types
    else:

        class _Alias:
            """`ConcatenateIterator[str]` before Python 3.9."""

            def __init__(self, origin, args):
                self.__origin__ = origin
                self.__args__ = args if isinstance(args, tuple) else (args,)

            def __call__(self, *args, **kwargs):  # typing takes only callables as arguments
                raise TypeError("%s is an annotation" % (self,))

            def __eq__(self, other):
                return isinstance(other, _Alias) and (self.__origin__, self.__args__) == (
                    other.__origin__,
                    other.__args__,
                )

            def __hash__(self):
                return hash((self.__origin__, self.__args__))

            def __repr__(self):
                return "cog.%s[...]" % self.__origin__.__name__

    class ConcatenateIterator:
        """Texts that are shown joined: `-> ConcatenateIterator[str]`."""

        def __class_getitem__(cls, item):
            return _Alias(cls, item)

    class AsyncConcatenateIterator:
        """The same for an async generator."""

        def __class_getitem__(cls, item):
            return _Alias(cls, item)

    for _public in (ConcatenateIterator, AsyncConcatenateIterator):
        _public.__module__ = "cog"

__all__ = ["AsyncConcatenateIterator", "ConcatenateIterator"]

"""@streaming and @concurrent: what a run method says about how it may be called."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

ASYNC_FLAGS = 0x80 | 0x200  # a coroutine or an async generator (inspect.CO_*; inspect costs 10 ms)


def streaming(function: Any = None) -> Any:
    """Mark a method whose output may be sent as server-sent events."""
    if function is None:
        return streaming
    if not callable(function):
        raise TypeError("@streaming goes on the run method, without arguments")
    function.__cog_streaming__ = True
    return function


def concurrent(max: int = 1) -> Callable[[F], F]:
    """Let an async method run up to `max` predictions at a time."""
    if isinstance(max, bool) or not isinstance(max, int):
        raise TypeError("@concurrent(max=N) wants a whole number, not %r" % (max,))
    if max < 1:
        raise ValueError("@concurrent(max=N) wants at least 1, not %d" % max)

    def mark(function: F) -> F:
        if max > 1 and not is_async(function):
            raise TypeError(
                "@concurrent(max=%d) needs an async method: make %s 'async def'" % (max, getattr(function, "__name__", "it"))
            )
        function.__cog_concurrent__ = max  # type: ignore[attr-defined]
        return function

    return mark


def is_async(function: Any) -> bool:
    while function is not None:
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & ASYNC_FLAGS:
            return True
        function = getattr(function, "__wrapped__", None)
    return False


class Opaque:
    """`Annotated[T, Opaque]`: a JSON object that is handed to the model as it came."""


for _public in (streaming, concurrent, Opaque):
    _public.__module__ = "cog"

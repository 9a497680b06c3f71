"""What a handler gets and what it gives back: one request, one reply, as plain values.

Strategy: values only. The listener fills a `Request` in, the handler returns a `Reply`, and nothing
here touches a socket. `headers` belongs to the head, and a head is parsed once and shared by every
request that repeats it byte for byte, so a handler must not change it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Callable, Dict, Iterable, Optional, Tuple, Union

    Segment = Union[bytes, "FilePart"]

__all__ = ["NO_BODY", "Body", "FilePart", "Reply", "Request"]


class Body:
    """A received body: in memory when it is small, else in an open file that has no name.

    The listener closes it when the reply has been sent. Who needs it longer (an asynchronous
    prediction that reads its file inputs later) calls `retain()` and then `close()` once more.
    """

    __slots__ = ("_held", "data", "file", "length")

    def __init__(self, data: Optional[bytes] = b"", file: Optional[BinaryIO] = None, length: Optional[int] = None):
        self.data = data
        self.file = file
        self.length = len(data or b"") if length is None else length
        self._held = 1

    def retain(self) -> None:
        self._held += 1

    def close(self) -> None:
        self._held -= 1
        if self._held <= 0 and self.file is not None:
            self.file.close()


NO_BODY = Body()


class Request:
    """One request. `path` is as it came, percent signs and all, without the query."""

    __slots__ = ("body", "client", "headers", "method", "path", "query", "version")

    def __init__(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Optional[Dict[str, str]] = None,
        body: Body = NO_BODY,
        version: Tuple[int, int] = (1, 1),
        client: Tuple[object, ...] = (),
    ):
        self.method = method
        self.path = path
        self.query = query
        self.headers = {} if headers is None else headers
        self.body = body
        self.version = version
        self.client = client


class FilePart:
    """A stretch of an open file inside a reply; as base64 text if asked for. Closed with the reply."""

    __slots__ = ("base64", "file", "length", "offset")

    def __init__(self, file: BinaryIO, length: int, *, offset: int = 0, base64: bool = True):
        self.file = file
        self.length = length
        self.offset = offset
        self.base64 = base64

    @property
    def sent_length(self) -> int:
        """How many bytes this part is on the wire, known before the first is read."""
        return (self.length + 2) // 3 * 4 if self.base64 else self.length


class Reply:
    """An answer. Content-Length, Date and Connection are added when it is sent; the rest is here.

    `on_sent` is called once, whether the answer reached the client or not. `stream`, if given, comes
    after `body`: its items are sent one by one as they are made (chunked), for event streams.
    """

    __slots__ = ("body", "close", "headers", "on_sent", "status", "stream")

    def __init__(
        self,
        status: int,
        headers: Tuple[Tuple[str, str], ...] = (),
        body: Tuple[Segment, ...] = (),
        *,
        close: bool = False,
        on_sent: Optional[Callable[[], None]] = None,
        stream: Optional[Iterable[bytes]] = None,
    ):
        self.status = status
        self.headers = headers
        self.body = body
        self.close = close
        self.on_sent = on_sent
        self.stream = stream

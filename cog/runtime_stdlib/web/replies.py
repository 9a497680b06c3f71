"""From a reply to the bytes on the wire.

Strategy: the head of a reply is, but for its length and date, one of a handful of texts, so the constant part is made
once per (status, headers), checked for line breaks at that moment, and kept. Files are read and encoded block by
block, and their length on the wire is arithmetic, so Content-Length is always known beforehand.
"""

from __future__ import annotations

from .request import FilePart, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, Optional, Sequence, Tuple

    from .request import Segment

__all__ = ["CONTINUE", "REASONS", "blocks", "failure", "head", "json_reply", "length", "text_reply"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 304: "Not Modified", 307: "Temporary Redirect",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required",
    413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed",
    422: "Unprocessable Entity", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported", 507: "Insufficient Storage",
}  # fmt: skip

JSON = (("content-type", "application/json"),)
TEXT = (("content-type", "text/plain; charset=utf-8"),)

BLOCK = 3 << 17  # a multiple of three, so that base64 blocks join without padding; 512 KiB encoded


def json_reply(status: int, *body: Segment, headers: Tuple[Tuple[str, str], ...] = (), close: bool = False) -> Reply:
    """A reply whose body is JSON text already."""
    return Reply(status, JSON + headers, body, close=close)


def text_reply(status: int, text: str, *, close: bool = False) -> Reply:
    return Reply(status, TEXT, (text.encode(),), close=close)


def failure(status: int, detail: str) -> Reply:
    """What the server itself says about a request it cannot take: JSON as everywhere else, and it hangs up.

    `detail` is one of our own sentences: plain text without quotes or backslashes, never the client's bytes.
    """
    return Reply(status, JSON, (b'{"detail":"' + detail.encode() + b'"}',), close=True)


def length(body: Sequence[Segment]) -> int:
    """Bytes of the body on the wire."""
    total = 0
    for part in body:
        total += len(part) if isinstance(part, bytes) else part.sent_length
    return total


_heads: Dict[Tuple[int, Tuple[Tuple[str, str], ...]], bytes] = {}


def head(reply: Reply, size: Optional[int], tail: bytes, date: bytes = b"") -> bytes:
    """Status line and header fields. `size` None means chunked, -1 neither; `tail` is one of the TAILs."""
    key = (reply.status, reply.headers)
    start = _heads.get(key)
    if start is None:
        start = _constant_part(reply.status, reply.headers)
        if len(_heads) >= 256:  # Location and Allow vary; a flood of them must not grow this
            _heads.clear()
        _heads[key] = start
    if size is None:
        return b"%b%btransfer-encoding: chunked\r\n%b" % (start, date, tail)
    if size < 0:
        return b"%b%b%b" % (start, date, tail)
    return b"%b%bcontent-length: %d\r\n%b" % (start, date, size, tail)


# How a head ends. A 1.1 connection stays open unless somebody says otherwise, a 1.0 one is closed unless.
TAIL_OPEN = b"\r\n"
TAIL_CLOSE = b"connection: close\r\n\r\n"
TAIL_KEEP = b"connection: keep-alive\r\n\r\n"


def _constant_part(status: int, headers: Tuple[Tuple[str, str], ...]) -> bytes:
    lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Unknown"))]
    for name, value in headers:
        for letter in name + value:
            # A line break that got in through an id or a file name would be a second header, or a second reply.
            if letter < " " or letter == "\x7f":
                raise ValueError("control character in reply header %r: %r" % (name, value))
        lines.append(name + ": " + value)
    return ("\r\n".join(lines) + "\r\n").encode("latin-1", "replace")


class FileChanged(Exception):
    """A file became shorter between the head and the body of the reply that carries it."""


def blocks(part: FilePart) -> Iterator[bytes]:
    """The part as it goes over the wire, a block at a time; base64 blocks fit together seamlessly."""
    import binascii  # a shared library of its own; not on the way to the first answer

    file = part.file
    file.seek(part.offset)
    left = part.length
    while left:
        data = _exactly(file, min(BLOCK, left))
        left -= len(data)
        yield binascii.b2a_base64(data, newline=False) if part.base64 else data


def _exactly(file: object, size: int) -> bytes:
    # A raw file may return less than asked for before its end; a short block would put padding in the middle.
    data: bytes = file.read(size)  # type: ignore[attr-defined]
    while len(data) < size:
        more: bytes = file.read(size - len(data))  # type: ignore[attr-defined]
        if not more:
            raise FileChanged("the file ended %d bytes early" % (size - len(data)))
        data += more
    return data

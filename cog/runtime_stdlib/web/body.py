"""Find the end of a request body: bytes in, payload out, in any slices. No socket and no file here.

Strategy: both readers share one face. `feed()` returns the payload found in the bytes given; when `done`, `rest`
holds what came after the body, which is the next request. A chunked body is a state machine of four steps, each of
which consumes what it can and names the next. Chunk extensions and trailers mean nothing to us; they are checked,
counted and dropped. Nothing in them may grow without bound (bytes that are not payload are an attack's favourite).
"""

from __future__ import annotations

from .head import FIELD_BYTES, BadRequest, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional

__all__ = ["ChunkedBody", "LengthBody", "too_large"]

HEX = b"0123456789abcdefABCDEF"
MAX_SIZE_LINE = 1024  # a chunk's size and extensions
MAX_EXTENSIONS = 16384  # in the whole body
MAX_TRAILER = 8192
MAX_TRAILER_FIELDS = 32

# RFC 9110, 6.5.1: fields that frame or route the message or say who sends it make no sense after it.
NOT_IN_TRAILERS = frozenset(
    (
        "authorization", "connection", "content-encoding", "content-length", "content-range", "cookie",
        "expect", "host", "keep-alive", "max-forwards", "prefer", "proxy-authorization", "proxy-connection", "range",
        "te", "trailer", "transfer-encoding", "upgrade",
    )
)  # fmt: skip


def too_large(limit: int) -> BadRequest:
    return BadRequest("Request body larger than %d bytes" % limit, 413)


class LengthBody:
    """A body of a known length."""

    __slots__ = ("done", "left", "rest")

    def __init__(self, length: int):
        self.left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        left = self.left
        if len(data) < left:
            self.left = left - len(data)
            return data
        self.left = 0
        self.done = True
        self.rest += data[left:]
        return data[:left]


class ChunkedBody:
    """A body in the chunked transfer coding (RFC 9112, 7.1), at most `limit` bytes of payload."""

    __slots__ = (
        "_allowance",
        "_data",
        "_extensions",
        "_fields",
        "_limit",
        "_line",
        "_owed",
        "_pos",
        "_step",
        "_trailer",
        "done",
        "rest",
    )

    def __init__(self, limit: int):
        self.done = False
        self.rest = b""
        self._limit = limit
        self._allowance = limit  # payload bytes that may still be announced
        self._owed = 0  # payload bytes left in this chunk
        self._line = b""  # the beginning of a line whose end is not here yet
        self._extensions = 0
        self._trailer = 0
        self._fields = 0
        self._data = b""
        self._pos = 0
        self._step: Callable[[List[bytes]], bool] = self._size

    def feed(self, data: bytes) -> bytes:
        if self.done:
            self.rest += data
            return b""
        self._data, self._pos = data, 0
        payload: List[bytes] = []
        while self._step(payload):
            pass
        if self._step == self._end:
            self.rest = data[self._pos :]
        self._data = b""
        return payload[0] if len(payload) == 1 else b"".join(payload)

    def _take_line(self, limit: int) -> Optional[bytes]:
        """The next line without its end, or None when more bytes are needed."""
        end = self._data.find(b"\n", self._pos)
        if end < 0:
            self._line += self._data[self._pos :]
            self._pos = len(self._data)
            if len(self._line) > limit:
                raise BadRequest("Line too long in a chunked body")
            return None
        line = self._line + self._data[self._pos : end + 1]
        self._line = b""
        self._pos = end + 1
        if len(line) > limit + 2:
            raise BadRequest("Line too long in a chunked body")
        if line[-2:] != b"\r\n" or len(line.translate(None, FIELD_BYTES)) != 2:
            raise BadRequest("Control character or bare line end in a chunked body")
        return line[:-2]

    def _size(self, payload: List[bytes]) -> bool:
        line = self._take_line(MAX_SIZE_LINE)
        if line is None:
            return False
        digits, semicolon, extension = line.partition(b";")
        if semicolon:
            digits = digits.rstrip(b" \t")  # RFC 9112, 7.1.1: blanks are bad but legal there, and only there
            self._extensions += len(extension)
            if self._extensions > MAX_EXTENSIONS:
                raise BadRequest("Too many chunk extensions")
        if not digits or digits.strip(HEX) or len(digits) > 16:
            raise BadRequest("Malformed chunk size")
        self._owed = int(digits, 16)
        self._allowance -= self._owed
        if self._allowance < 0:  # before it is received, not after
            raise too_large(self._limit)
        self._step = self._chunk if self._owed else self._trailers
        return True

    def _chunk(self, payload: List[bytes]) -> bool:
        piece = self._data[self._pos : self._pos + self._owed]
        if not piece:
            return False
        self._pos += len(piece)
        self._owed -= len(piece)
        payload.append(piece)
        if self._owed:
            return False
        self._step = self._chunk_end
        return True

    def _chunk_end(self, payload: List[bytes]) -> bool:
        have = self._data[self._pos : self._pos + 2 - len(self._line)]
        self._pos += len(have)
        self._line += have
        if self._line != b"\r\n":
            if not b"\r\n".startswith(self._line):
                raise BadRequest("Chunk longer than its size")
            return False
        self._line = b""
        self._step = self._size
        return True

    def _trailers(self, payload: List[bytes]) -> bool:
        line = self._take_line(MAX_TRAILER)
        if line is None:
            return False
        if not line:
            self.done = True
            self._step = self._end
            return False
        self._trailer += len(line)
        self._fields += 1
        if self._trailer > MAX_TRAILER or self._fields > MAX_TRAILER_FIELDS:
            raise BadRequest("Trailer too large")
        name, _ = field(line.decode("latin-1"))
        if name in NOT_IN_TRAILERS:
            raise BadRequest("Header field not allowed in a trailer: " + name)
        return True

    def _end(self, payload: List[bytes]) -> bool:
        return False

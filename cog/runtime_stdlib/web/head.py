"""Read the head of an HTTP/1.1 request strictly: bytes in, a `Head` or a `BadRequest` out. No socket here.

Why our own: a request that we and a proxy in front of us cut at different places is a way to smuggle a second
one past the proxy, and the standard library's reader takes most of the known forms. So whatever RFC 9112 leaves
to a server's patience is refused here: bare line feeds, folded lines, blanks before a colon, control characters,
repeated or decorated Content-Length, any transfer coding but one plain `chunked`, both at once, a Host that is
missing or comes twice, targets that are not a path.

Strategy: one pass over the whole head. `bytes.translate` drops every byte that may occur, and what is left must be
exactly the line ends; after that the text is split and each piece compared. No regular expressions: they cost an
import at start-up. Clients on a kept connection send the same head again and again, so the listener keeps parsed
heads by their bytes; a `Head` is therefore never changed after it was made.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Tuple

    from .limits import Limits

__all__ = ["BadRequest", "Head", "HeadReader", "field", "parse_head"]

# RFC 9110, 5.6.2: token.
TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Methods are registered in capitals; nobody's are anything else, and small letters are how parsers are probed.
METHOD = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789"
# RFC 9110, 5.5: what a field value may hold: tab, blank, visible characters and, historically, the upper half.
FIELD_BYTES = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
# A target is visible ASCII. `#` would begin a fragment, which no client may send.
TARGET = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")
# RFC 3986, 3.2.2 and a port. Commas and the like are legal in a registered name; slashes, `@` and blanks are not.
HOST = "-._~!$&'()*+,;=%:[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
# Fields that say one thing each: said twice, two readers may believe different ones.
ONCE = frozenset(("host", "content-length", "transfer-encoding", "content-type"))
# Some gateways read `_` as `-`; to them these are the fields that frame the body.
LOOKALIKES = frozenset(("content_length", "transfer_encoding"))


class BadRequest(Exception):
    """A request we do not take. Always ends the connection: where the next request begins is anyone's guess."""

    def __init__(self, detail: str, status: int = 400):
        super().__init__(detail)
        self.detail = detail
        self.status = status


class Head:
    """A parsed head. Exactly one of: `chunked`, or a body of `length` bytes (0 when there is none)."""

    __slots__ = ("chunked", "expect", "headers", "keep_alive", "length", "method", "path", "query", "version")

    method: str
    path: str
    query: str
    version: Tuple[int, int]
    headers: Dict[str, str]
    length: int
    chunked: bool
    keep_alive: bool
    expect: bool  # the client waits for 100 Continue before it sends the body


class HeadReader:
    """Collects a head that arrives in pieces. Errors show as soon as the bytes that prove them are here."""

    __slots__ = ("_buffer", "_first_line_checked", "_forgave", "_limits", "_seen", "rest")

    def __init__(self, limits: Limits):
        self.rest = b""  # what came after the head
        self._limits = limits
        self._buffer = bytearray()
        self._seen = 0  # no blank line ends before this position
        self._forgave = False
        self._first_line_checked = False

    @property
    def empty(self) -> bool:
        """Nothing of a request is here yet."""
        return not self._buffer

    def feed(self, data: bytes) -> Optional[Head]:
        """The head, once it is complete."""
        buffer = self._buffer
        buffer += data
        # RFC 9112, 2.2: one empty line before the request is forgiven; old clients send it after a body.
        if not self._forgave and buffer[:2] == b"\r\n":
            self._forgave = True
            self._seen = 0
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n", max(0, self._seen - 3))
        if end >= 0:
            self.rest = bytes(buffer[end + 4 :])
            return parse_head(bytes(buffer[: end + 4]), self._limits)
        self._check_line_ends(buffer)
        self._seen = len(buffer)
        self._check_start(buffer)
        return None

    def _check_line_ends(self, buffer: bytearray) -> None:
        # A lone CR or LF may hide the empty line that the client thinks it has sent.
        new = buffer[max(0, self._seen - 1) :] if buffer[self._seen - 1 : self._seen] == b"\r" else buffer[self._seen :]
        pairs = new.count(b"\r\n")
        if new.count(b"\n") != pairs or new.count(b"\r", 0, -1) > pairs:
            raise BadRequest("Control character or bare line end in the header")

    def _check_start(self, buffer: bytearray) -> None:
        # What is certainly wrong already: a client that speaks another protocol should not wait for our deadline.
        limits = self._limits
        if not self._first_line_checked:
            end = buffer.find(b"\n")
            if end < 0:
                if len(buffer) > limits.max_request_line:
                    raise BadRequest("Request line too long", 414)
                if buffer and buffer != b"\r":
                    start = bytes(buffer[:32]).split(b" ", 1)[0]
                    if start.decode("latin-1").strip(METHOD):
                        raise BadRequest("Malformed request line")
                return
            request_line(bytes(buffer[: end - 1]).decode("latin-1"), limits)
            self._first_line_checked = True
        if len(buffer) > limits.max_header_size:
            raise BadRequest("Header too large", 431)


def parse_head(raw: bytes, limits: Limits) -> Head:
    """`raw` is everything up to and including the blank line."""
    if len(raw) > limits.max_header_size:
        raise BadRequest("Header too large", 431)
    lines = raw[:-4].decode("latin-1").split("\r\n")
    if len(raw.translate(None, FIELD_BYTES)) != 2 * len(lines) + 2:
        raise BadRequest("Control character or bare line end in the header")
    head = Head()
    method, target, head.version = request_line(lines[0], limits)
    head.method = method
    head.path, _, head.query = target.partition("?")
    if len(lines) - 1 > limits.max_header_fields:
        raise BadRequest("Too many header fields", 431)
    headers: Dict[str, str] = {}
    for index in range(1, len(lines)):
        name, value = field(lines[index])
        if name in headers:
            if name in ONCE:
                raise BadRequest("Repeated header field: " + name)
            headers[name] += ", " + value
        else:
            headers[name] = value
    head.headers = headers

    modern = head.version == (1, 1)
    host = headers.get("host")
    if host is None:
        if modern:
            raise BadRequest("No Host header field")
    elif host.strip(HOST):
        raise BadRequest("Malformed Host header field")

    frame(head, headers, modern)

    connection = headers.get("connection")
    head.keep_alive = modern
    if connection is not None:
        options = [option.strip(" \t") for option in connection.lower().split(",")]
        head.keep_alive = "close" not in options and (modern or "keep-alive" in options)

    expect = headers.get("expect")
    head.expect = False
    if expect is not None and modern:  # RFC 9110, 10.1.1: a 1.0 client's is to be ignored
        if expect.lower() != "100-continue":
            raise BadRequest("Unknown expectation", 417)
        head.expect = True
    return head


def frame(head: Head, headers: Dict[str, str], modern: bool) -> None:
    """Where the body ends: RFC 9112, 6.3, with every doubtful case refused."""
    length = headers.get("content-length")
    coding = headers.get("transfer-encoding")
    head.length, head.chunked = 0, False
    if coding is not None:
        if length is not None:
            raise BadRequest("Both Content-Length and Transfer-Encoding")
        if not modern:
            raise BadRequest("Transfer-Encoding in an HTTP/1.0 request")
        if coding.lower() != "chunked":
            raise BadRequest("Transfer-Encoding other than chunked")
        head.chunked = True
    elif length is not None:
        if not length or length.strip(DIGITS) or len(length) > 18:
            raise BadRequest("Malformed Content-Length")
        head.length = int(length)
    for name in LOOKALIKES:
        if name in headers:
            raise BadRequest("Header field that could be taken for another: " + name)


def request_line(line: str, limits: Limits) -> Tuple[str, str, Tuple[int, int]]:
    if len(line) > limits.max_request_line:
        raise BadRequest("Request line too long", 414)
    parts = line.split(" ")
    if len(parts) != 3:
        raise BadRequest("Malformed request line")
    method, target, version = parts
    if not method or len(method) > 32 or method.strip(METHOD) or method[0] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        raise BadRequest("Malformed method")
    if version == "HTTP/1.1":
        numbers = (1, 1)
    elif version == "HTTP/1.0":
        numbers = (1, 0)
    elif len(version) == 8 and version[:5] == "HTTP/" and version[6] == "." and not (version[5] + version[7]).strip(DIGITS):
        raise BadRequest("HTTP version other than 1.0 and 1.1", 505)
    else:
        raise BadRequest("Malformed HTTP version")
    if target.strip(TARGET) or not (target[:1] == "/" or (target == "*" and method == "OPTIONS")):
        raise BadRequest("Request target is not a path")
    return method, target, numbers


def field(line: str) -> Tuple[str, str]:
    """One field line, without its line end, as (lower-case name, value). Control characters are checked elsewhere."""
    name, colon, value = line.partition(":")
    if not colon or not name or name.strip(TOKEN):
        # A blank at the start of the line (folding) and one before the colon end up here as well.
        raise BadRequest("Malformed header field")
    return name.lower(), value.strip(" \t")

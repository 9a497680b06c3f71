"""Data URLs: from text or from a spooled request body to bytes, a block at a time.

Strategy: an 85 MB `data:` URL must not become an 85 MB string on its way to a 64 MB file. web/document leaves
such a JSON string in the spool file and puts a Blob in its place; here it is read in blocks, and every block goes
through three steps: undo the JSON escapes, undo the percent signs, undo base64. The first two cost nothing
when there is nothing to undo. Plain strings take the same road from the second step on.

Blocks are read with pread() instead of mapping the file: mapped pages would count as memory of the server.

Lenient as release 0.14 is: characters outside base64 are skipped and the first complete padding ends the data;
padding that is missing altogether is tolerated.
"""

from __future__ import annotations

import binascii
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, Optional, Tuple, Union

# Multiple of 4, so that a clean block decodes without a remainder; small enough to hold the interpreter's lock for
# less than a millisecond at a time.
BLOCK = 1 << 18
HEAD_LIMIT = 4096

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(c for c in range(256) if c not in _BASE64 and c != ord("="))
_HEX = b"0123456789abcdefABCDEF"


class DataUrlInvalid(ValueError):
    """The text after `data:` cannot be understood."""


class Spool:
    """A read-only hold on the file of a request body; lives as long as the longest Blob in it."""

    __slots__ = ("_fd", "length")

    def __init__(self, fd: int) -> None:
        self._fd = -1
        self._fd = os.dup(fd)
        self.length = os.fstat(self._fd).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that stretch, or what there is of it."""
        data = os.pread(self._fd, length, offset)
        if len(data) == length or not data:
            return data
        parts = [data]
        have = len(data)
        while have < length:
            data = os.pread(self._fd, length - have, offset + have)
            if not data:
                break
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Blob:
    """A `data:` URL that was left in the spool. Stands for the string it is; `head` ends with the comma.

    `plain` says that the JSON literal needs no unescaping, so that its bytes are its text.
    """

    __slots__ = ("head", "_spool", "_offset", "_length", "_plain", "_characters")

    def __init__(self, spool: Spool, offset: int, length: int, plain: bool) -> None:
        self._spool = spool
        self._offset = offset
        self._length = length
        self._plain = plain
        self._characters = length if plain else -1
        start = "".join(self._first(HEAD_LIMIT))
        comma = start.find(",")
        # Without a comma it is no data URL: the head is all there is to say about it.
        self.head = start[: comma + 1] if comma >= 0 else start

    def __len__(self) -> int:
        if self._characters < 0:
            self._characters = sum(map(len, self.pieces()))
        return self._characters

    def __bool__(self) -> bool:
        return True  # without counting characters

    def __repr__(self) -> str:
        return f"<{self.head[:100]}... {self._length} bytes>"

    def text(self) -> str:
        """The whole URL as a string, all of it in memory."""
        return "".join(self.pieces())

    def pieces(self, size: int = BLOCK) -> Iterator[str]:
        """The URL's text, in blocks."""
        spool, offset, end = self._spool, self._offset, self._offset + self._length
        held = b""
        while offset < end:
            block = spool.read(offset, min(size, end - offset))
            if not block:
                raise OSError("the request body was cut short")
            offset += len(block)
            if self._plain:
                yield block.decode("ascii")
                continue
            block = held + block
            cut = len(block) if offset == end else whole_escapes(block)
            held = block[cut:]
            yield unescape(block[:cut])

    def raw(self) -> Iterator[bytes]:
        """The URL's text as UTF-8, in blocks."""
        if not self._plain:
            for piece in self.pieces():
                yield piece.encode("utf-8", "surrogatepass")
            return
        spool, offset, end = self._spool, self._offset, self._offset + self._length
        while offset < end:
            block = spool.read(offset, min(BLOCK, end - offset))
            if not block:
                raise OSError("the request body was cut short")
            offset += len(block)
            yield block

    def _first(self, count: int) -> Iterator[str]:
        for piece in self.pieces():
            yield piece[:count]
            count -= len(piece)
            if count <= 0:
                return


def unescape(literal: bytes) -> str:
    """The text of a JSON string literal without its quotes. Raises ValueError when it is not one."""
    text = json.loads('"' + literal.decode() + '"')
    assert isinstance(text, str)
    return text


def whole_escapes(block: bytes) -> int:
    """How much of the beginning of a JSON literal can be unescaped before the rest of it is known.

    Cuts before an unfinished escape, before a high surrogate whose other half is still to come, and before an
    unfinished UTF-8 sequence. The block begins where an escape would begin.
    """
    at = block.rfind(b"\\", len(block) - 12 if len(block) > 12 else 0)
    if at >= 0:
        if not _starts_escape(block, at):
            at -= 1  # the second half of an escaped backslash, which is whole
        size = 6 if block[at + 1 : at + 2] == b"u" else 2
        if at + size > len(block):
            cut = at
            if cut >= 6 and _high_surrogate(block, cut - 6):
                cut -= 6
            return cut
        if at + size == len(block):
            return at if _high_surrogate(block, at) else len(block)
    for back in range(1, min(4, len(block)) + 1):
        byte = block[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            need = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(block) - back if need > back else len(block)
    return len(block)


def _starts_escape(block: bytes, at: int) -> bool:
    # A backslash starts an escape when the run of backslashes that it ends has an odd length.
    run = at + 1 - len(block[: at + 1].rstrip(b"\\"))
    return run % 2 == 1


def _high_surrogate(block: bytes, at: int) -> bool:
    return (
        block[at : at + 2] == b"\\u"
        and block[at + 2 : at + 3] in (b"d", b"D")
        and block[at + 3 : at + 4] in (b"8", b"9", b"a", b"b", b"A", b"B")
        and _starts_escape(block, at)
    )


def parse_head(head: str) -> Tuple[str, bool]:
    """`data:image/png;base64,` -> ("image/png", True). Raises DataUrlInvalid without a comma."""
    scheme, colon, rest = head.partition(":")
    if not colon or not rest.endswith(","):
        raise DataUrlInvalid("a data: URL needs a comma before its data")
    kind = rest[:-1]
    base64 = kind.endswith(";base64")
    media_type = kind.partition(";")[0].strip().lower()
    if media_type.count("/") != 1 or media_type.startswith("/") or media_type.endswith("/"):
        media_type = "text/plain"
    return media_type, base64


class Decoder:
    """Undo percent signs and base64. Bytes in, bytes out, in any slices."""

    __slots__ = ("_base64", "_percent", "_quad", "_pads", "_done")

    def __init__(self, base64: bool) -> None:
        self._base64 = base64
        self._percent = b""  # the beginning of a percent sequence
        self._quad = b""  # base64 characters that do not make up a group of four yet
        self._pads = 0
        self._done = False

    def feed(self, data: bytes) -> bytes:
        if self._percent or b"%" in data:
            data = self._unquote(data)
        if not self._base64:
            return data
        if self._done:
            return b""
        if self._pads:
            return self._slowly(data)
        if self._quad:
            data, self._quad = self._quad + data, b""
        cut = len(data) & ~3
        clean = data if cut == len(data) else data[:cut]
        # Nearly always: a block of nothing but base64, which shows in the size of what comes out. a2b_base64 skips
        # foreign characters, so anything else comes out shorter or is refused.
        try:
            plain = binascii.a2b_base64(clean)
        except binascii.Error:
            return self._slowly(data)
        if len(plain) * 4 != cut * 3:
            return self._slowly(data)
        return plain + self._slowly(data[cut:]) if cut < len(data) else plain

    def finish(self) -> bytes:
        """What was waiting for its end."""
        rest = b""
        if self._percent:
            rest, self._percent = self._percent, b""
            if self._base64:
                rest = b"" if self._done else self._slowly(rest)
        if self._quad:
            if len(self._quad) == 1:
                raise DataUrlInvalid("the base64 data is cut short: one character is left over")
            rest += binascii.a2b_base64(self._quad + b"=" * (4 - len(self._quad)))
            self._quad = b""
        return rest

    def _slowly(self, data: bytes) -> bytes:
        plain = []
        data = data.translate(None, _NOT_BASE64)
        while data:
            characters, pad, rest = data.partition(b"=")
            if characters:
                self._pads = 0
            characters = self._quad + characters
            cut = len(characters) & ~3
            plain.append(binascii.a2b_base64(characters[:cut]))
            self._quad = characters[cut:]
            if pad and len(self._quad) >= 2:
                self._pads += 1
                if self._pads + len(self._quad) >= 4:
                    plain.append(binascii.a2b_base64(self._quad + b"=="[: self._pads]))
                    self._quad = b""
                    self._done = True
                    break
            data = rest
        return b"".join(plain)

    def _unquote(self, data: bytes) -> bytes:
        data = self._percent + data
        at = data.rfind(b"%", len(data) - 2 if len(data) > 2 else 0)
        self._percent = b"" if at < 0 else data[at:]
        if at >= 0:
            data = data[:at]
        head, *pieces = data.split(b"%")
        if not pieces:
            return head
        parts = [head]
        for piece in pieces:
            digits = piece[:2]
            if len(digits) == 2 and digits[0] in _HEX and digits[1] in _HEX:
                parts.append(bytes((int(digits, 16),)))
                parts.append(piece[2:])
            else:
                parts.append(b"%" + piece)
        return b"".join(parts)


def head_of(url: Union[str, Blob]) -> str:
    """Up to and including the comma; all of it when there is none."""
    if not isinstance(url, str):
        return url.head
    comma = url.find(",")
    return url if comma < 0 else url[: comma + 1]


def decode_to(url: Union[str, Blob], write: Callable[[bytes], object], pause: Optional[Callable[[], None]] = None) -> None:
    """Decode a data URL and write its bytes, a block at a time. `pause` is called between blocks and may raise.

    Raises DataUrlInvalid."""
    head = head_of(url)
    decoder = Decoder(parse_head(head)[1])
    skip = len(head.encode("utf-8", "surrogatepass"))
    for block in _slices(url) if isinstance(url, str) else url.raw():
        if skip:
            # BLOCK is larger than any head, but one in a short first piece may span two.
            block, skip = block[skip:], max(0, skip - len(block))
        plain = decoder.feed(block)
        if plain:
            write(plain)
        if pause is not None:
            pause()
    plain = decoder.finish()
    if plain:
        write(plain)


def _slices(text: str) -> Iterator[bytes]:
    for start in range(0, len(text), BLOCK):
        yield text[start : start + BLOCK].encode("utf-8", "surrogatepass")

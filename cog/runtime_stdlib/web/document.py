"""Request body -> JSON document, whatever the client sends and however large it is.

Strategy: json does the work. A body in memory goes straight to it, after a check of the nesting that costs a few
passes at the speed of memory and nothing per value, so that no recursion limit is ever met.

A spooled body (more than 1 MiB, in a file) may hold `data:` URLs of many megabytes. These must never become
strings. They are found with bytes.find in blocks of the file; what is left of the text, with a short random
word in place of each, is parsed as usual, and Blobs that point into the file replace the words. Two facts make
this exact. A quotation mark behind an even number of backslashes always begins or ends a string, so a text from
one such mark to the next is either inside one string or outside of all; outside, neither the original nor the word
is JSON. And a literal is only taken when every byte of it has been checked, so what json would refuse stays where
json sees it.
*Tried:* mmap (its pages count as our memory), a regular expression (five times slower than find).
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Dict, List, Optional, Protocol, Tuple

    from ..service.dataurl import Blob, Spool

    class Body(Protocol):
        """What of web/request.Body is needed here."""

        data: Optional[bytes]
        file: Optional[BinaryIO]


# A data: URL of this many bytes or more stays in the file.
LONG = 1 << 16
BLOCK = 1 << 20

_QUOTE = b'"'
_START = b'"data:'
_SPACE = b" \t\n\r"
_BOM = "\ufeff"
# What may stand in a literal that is its own text: no control characters, quotation marks, backslashes.
_PLAIN = bytes(c for c in range(0x20, 0x80) if c not in b'"\\')
_DEPTH = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
# Without the guard of newer interpreters (3.8.14, 3.9.14, 3.10.7) a long integer costs time squared.
_DIGITS = 4300


class DocumentInvalid(Exception):
    """The body is no JSON document; `status` and `body` are the answer."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(body.decode("utf-8", "replace"))
        self.status = status
        self.body = body


def load(body: Body, content_type: Optional[str], *, depth: int) -> Any:
    """The parsed document; None when the body is empty. Raises DocumentInvalid.

    Long data: URLs of a spooled body are Blobs, and only ever values, never keys."""
    data, file = body.data, body.file
    if file is None:
        if not data:
            return None
        if content_type is not None and content_type != "application/json" and not is_json(content_type):
            raise _not_an_object()
        return parse(data, depth)
    # The file that core hands over may be of any size, empty included.
    from ..service.dataurl import Spool  # for spooled bodies only: off the start path

    spool = Spool(file.fileno())
    if not spool.length:
        return None
    if content_type is not None and not is_json(content_type):
        raise _not_an_object()
    return parse_spooled(spool, depth)


def is_json(content_type: str) -> bool:
    """application/json and application/anything+json, with or without parameters; nothing at all counts too."""
    media_type = content_type.partition(";")[0].strip().lower()
    if not media_type:
        return not content_type.strip()
    kind, _, subtype = media_type.partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def parse(data: bytes, depth: int) -> Any:
    """bytes -> value. Raises DocumentInvalid."""
    try:
        return _parse(data, depth)
    except json.JSONDecodeError as error:
        raise _broken(*_same_on_every_version(error)) from None


def parse_spooled(spool: Spool, depth: int, *, long: int = LONG, block: int = BLOCK) -> Any:
    """A file -> value, long data: URLs as Blobs. Raises DocumentInvalid."""
    from binascii import hexlify
    from os import urandom

    # Nobody outside can guess the words, so no text of a client is ever mistaken for one.
    word = "cog-" + hexlify(urandom(12)).decode() + "-"
    text, blobs, cuts = _reduce(_Scan(spool, block), word, long)
    if not blobs:
        return parse(text, depth)
    try:
        document = _parse(text, depth)
    except json.JSONDecodeError as error:
        message, position = _same_on_every_version(error)
        # The place in the body that was sent: add what was cut out before it. json did not see the byte order mark.
        bom = text.startswith(_BOM.encode())
        raise _broken(message, position + sum(size for at, size in cuts if at - bom < position)) from None
    return _restore(document, word, blobs)


def _parse(data: bytes, depth: int) -> Any:
    if data.count(b"[") + data.count(b"{") > depth and nesting(data) > depth:
        raise _broken(f"nested deeper than {depth} levels", 0)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise DocumentInvalid(400, b'{"detail":"There was an error parsing the body"}') from None
    if text[:1] == _BOM:
        text = text[1:]
    try:
        return _decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise _broken("nested too deeply", 0) from None
    except ValueError:
        raise _broken(f"a number of more than {_DIGITS} digits", 0) from None


def nesting(data: bytes) -> int:
    """How deep brackets nest outside of strings: at least as deep as a parser would get."""
    from array import array
    from itertools import accumulate

    # Escaped backslashes first, so that the quotation marks behind them are seen for what they are.
    outside = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    steps = array("b", outside.translate(_DEPTH, _NO_BRACKETS))
    return max(accumulate(steps), default=0)


def _guarded_int(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _decoder() -> json.JSONDecoder:
    import sys

    limit = getattr(sys, "get_int_max_str_digits", None)
    return json.JSONDecoder() if limit is not None and limit() else json.JSONDecoder(parse_int=_guarded_int)


_decode = _decoder().decode


def _same_on_every_version(error: json.JSONDecodeError) -> Tuple[str, int]:
    # 3.13 has words of its own for a comma before the end, and points at it instead of behind it.
    if not error.msg.startswith("Illegal trailing comma"):
        return error.msg, error.pos
    position = error.pos + 1
    text = error.doc
    while text[position : position + 1] in (" ", "\t", "\n", "\r"):
        position += 1
    if text[position : position + 1] == "}":
        return "Expecting property name enclosed in double quotes", position
    return "Expecting value", position


def _broken(why: str, position: int) -> DocumentInvalid:
    problem: Dict[str, object] = {"loc": ["body", position], "msg": "JSON decode error", "type": "json_invalid"}
    problem.update(ctx={"error": why}, input={})
    return DocumentInvalid(422, json.dumps({"detail": [problem]}, separators=(",", ":")).encode())


def _not_an_object() -> DocumentInvalid:
    return DocumentInvalid(422, b'{"detail":[{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}]}')


class _Scan:
    """Search in a file as in a bytes object, one block in memory at a time."""

    __slots__ = ("_block", "_at", "_size", "spool", "length")

    def __init__(self, spool: Spool, size: int) -> None:
        self.spool = spool
        self.length = spool.length
        self._size = size
        self._block = b""
        self._at = 0

    def find(self, what: bytes, start: int) -> int:
        """Where `what` is next, from `start` on; -1 if nowhere."""
        while start + len(what) <= self.length:
            if not self._at <= start < self._at + len(self._block):
                self._fill(start)
            found = self._block.find(what, start - self._at)
            if found >= 0:
                return self._at + found
            # The end of this block may be the beginning of a match.
            start = max(start + 1, self._at + len(self._block) - len(what) + 1)
            self._fill(start)
        return -1

    def start_before(self, mark: int, step: int) -> int:
        """Where the data: URL begins that covers the mark, behind its quotation mark; 0 if there is none."""
        start = max(0, mark - 3 * step)
        before = self._slice(start, mark - start)
        found = len(before)
        # A quotation mark that is escaped belongs to the URL. One that has many of them is text, and is left to json.
        for _ in range(8):
            found = before.rfind(_QUOTE, 0, found)
            if found < 0:
                return 0
            if not self.escaped(start + found):
                break
        begin = start + found
        return begin + 1 if self.spool.read(begin, len(_START)) == _START and not self.escaped(begin) else 0

    def escaped(self, at: int) -> bool:
        """Is there an odd number of backslashes before that place?"""
        run = 0
        while at > run:
            size = min(64 if not run else BLOCK, at - run)
            before = self._slice(at - run - size, size)
            here = len(before) - len(before.rstrip(b"\\"))
            run += here
            if here < len(before):
                break
        return run % 2 == 1

    def is_key(self, after: int) -> bool:
        """Is the string that ends there followed by a colon?"""
        while after < self.length:
            rest = self._slice(after, 64).lstrip(_SPACE)
            if rest:
                return rest[:1] == b":"
            after += 64
        return False

    def _slice(self, start: int, size: int) -> bytes:
        if self._at <= start and start + size <= self._at + len(self._block):
            return self._block[start - self._at : start - self._at + size]
        return self.spool.read(start, size)

    def _fill(self, start: int) -> None:
        self._block = self.spool.read(start, self._size)
        self._at = start


def _reduce(scan: _Scan, word: str, long: int) -> Tuple[bytes, Dict[str, Blob], List[Tuple[int, int]]]:
    """The body with a word for each long data: URL; the Blobs by word; (place in the text, characters lost) of each."""
    parts: List[bytes] = []
    blobs: Dict[str, Blob] = {}
    cuts: List[Tuple[int, int]] = []
    copied = characters = 0
    # Looking at every string would cost more than parsing them. One of that length covers a step of half of it from one
    # mark to the next, so it is enough to look for the next quotation mark at each of them.
    step = max(1, long // 2)
    mark = 0
    while mark + step <= scan.length:
        end = scan.find(_QUOTE, mark)
        if 0 <= end < mark + step:
            mark += step
            continue
        while end >= 0 and scan.escaped(end):
            end = scan.find(_QUOTE, end + 1)
        if end < 0:
            break  # no more strings, or one that is never closed: json will say so
        start = scan.start_before(mark, step)
        if start > 0 and end - start >= long and not scan.is_key(end + 1):
            taken = _take(scan.spool, start, end)
            if taken is not None:
                blob, size = taken
                key = f"{word}{len(blobs)}"
                before = scan.spool.read(copied, start - copied)
                parts += (before, key.encode())
                characters += _count(before) + len(key)
                cuts.append((characters - 1, size - len(key)))
                blobs[key] = blob
                copied = end
        mark = (end // step + 1) * step
    parts.append(scan.spool.read(copied, scan.length - copied))
    return b"".join(parts), blobs, cuts


def _take(spool: Spool, start: int, end: int) -> Optional[Tuple[Blob, int]]:
    """The literal as a Blob and its length in characters as written; None when json would refuse it.

    None as well for one without a comma, which is no data: URL and is refused like any other text."""
    from ..service.dataurl import Blob

    plain = _is_plain(spool, start, end)
    try:
        blob = Blob(spool, start, end - start, plain)
        if not blob.head.endswith(","):
            return None
        if plain:
            return blob, end - start
        for _ in blob.pieces():
            pass
    except ValueError:
        return None
    return blob, sum(_count(spool.read(at, min(BLOCK, end - at))) for at in range(start, end, BLOCK))


def _is_plain(spool: Spool, start: int, end: int) -> bool:
    while start < end:
        block = spool.read(start, min(BLOCK, end - start))
        # translate() copies what is not plain; that is nothing, or a reason to stop.
        if not block or block.translate(None, _PLAIN):
            return False
        start += len(block)
    return True


def _count(utf8: bytes) -> int:
    # Every character has one byte that is not a continuation byte.
    return len(utf8) if utf8.isascii() else len(utf8.translate(None, bytes(range(0x80, 0xC0))))


def _restore(document: Any, word: str, blobs: Dict[str, Blob]) -> Any:
    if type(document) is str:
        return blobs.get(document, document)
    todo = [document]
    while todo:
        container = todo.pop()
        # A list is walked like a dict: pairs of place and value.
        for place, value in enumerate(container) if type(container) is list else list(container.items()):
            kind = type(value)
            if kind is str:
                if value.startswith(word) and value in blobs:
                    container[place] = blobs[value]
            elif kind is dict or kind is list:
                todo.append(value)
    return document

"""A prediction's log as text, from the bytes that a model and its children write.

Strategy: lines are delivered when they end, so that an unfinished one never shows half a character or half a
progress bar. `\\n`, `\\r\\n` and a lone `\\r` end a line; each arrives as `\\n`. Bytes that are not UTF-8
become U+FFFD. A log keeps its first and its last part when it grows beyond its limit and says what is missing.
"""

from __future__ import annotations

import codecs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

LONGEST_HELD_LINE = 1 << 20  # an unfinished line longer than this is delivered as it comes


class Lines:
    """One stream's bytes -> text of whole lines. Owns no file: feed it what was read."""

    __slots__ = ("_decoder", "_fed", "_held", "_held_size", "_after_return", "_open")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._fed = False  # since the last finish()
        self._held: List[str] = []
        self._held_size = 0
        self._after_return = False
        self._open = False  # part of a very long line was delivered before its end

    def feed(self, data: bytes) -> str:
        """The lines that are complete now, each with its newline."""
        self._fed = True
        text = self._decoder.decode(data)
        if self._after_return and text:
            if text[0] == "\n":
                text = text[1:]
            self._after_return = False
        if "\r" in text:
            if text[-1] == "\r":
                self._after_return = True  # its \n may come with the next bytes
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        end = text.rfind("\n") + 1
        if not end:
            if text:
                self._held.append(text)
                self._held_size += len(text)
                if self._held_size > LONGEST_HELD_LINE:
                    self._open = True
                    return self._release()
            return ""
        self._open = False
        if self._held:
            lines = self._release() + text[:end]
        else:
            lines = text[:end]
        if end < len(text):
            self._held.append(text[end:])
            self._held_size = len(text) - end
        return lines

    def _release(self) -> str:
        held = "".join(self._held)
        self._held.clear()
        self._held_size = 0
        return held

    def finish(self) -> str:
        """What is left of an unfinished line, with a newline; the empty string when there is none."""
        if not self._fed:
            return ""
        self._fed = False
        rest = self._release() + self._decoder.decode(b"", True)
        self._decoder.reset()
        self._after_return = False
        ends = rest or self._open
        self._open = False
        return rest + "\n" if ends else ""


class Log:
    """Text that may grow without end but is kept within a limit. Not locked: its owner sees to that."""

    __slots__ = ("_limit", "_head", "_head_size", "_tail", "_tail_size", "_dropped")

    def __init__(self, limit: int) -> None:
        self._limit = limit // 2  # half for the beginning, half for the end
        self._head: List[str] = []
        self._head_size = 0
        self._tail: List[str] = []
        self._tail_size = 0
        self._dropped = 0

    def append(self, text: str) -> None:
        if self._head_size < self._limit and not self._tail:
            room = self._limit - self._head_size
            if len(text) <= room:
                self._head.append(text)
                self._head_size += len(text)
                return
            cut = text.rfind("\n", 0, room) + 1 or room
            self._head.append(text[:cut])
            self._head_size = self._limit
            text = text[cut:]
        self._tail.append(text)
        self._tail_size += len(text)
        if self._tail_size > 2 * self._limit:
            self._shorten()

    def _shorten(self) -> None:
        # Invariant: the tail never holds more than twice its limit, so this runs once per limit of text.
        tail = "".join(self._tail)
        cut = max(0, len(tail) - self._limit)
        if cut:
            after = tail.find("\n", cut) + 1
            if 0 < after < len(tail):
                cut = after
            self._dropped += cut
            tail = tail[cut:]
        self._tail = [tail]
        self._tail_size = len(tail)

    def __bool__(self) -> bool:
        return bool(self._head or self._tail)

    def text(self) -> str:
        if not self._tail:
            if len(self._head) > 1:
                self._head = ["".join(self._head)]
            return self._head[0] if self._head else ""
        if self._tail_size > self._limit:
            self._shorten()
        gap = "[... %d characters of log left out ...]\n" % self._dropped if self._dropped else ""
        return "".join(self._head) + gap + "".join(self._tail)


def split_tail(text: str, lines: int, characters: int) -> Tuple[str, ...]:
    """The last lines of a log, for a report: at most so many, and at most so many characters in all."""
    kept = [line for line in text[-characters:].splitlines() if line.strip()]
    return tuple(kept[-lines:])

"""What a .dockerignore hides: its lines read, and paths matched as the builder matches them.

Strategy: each pattern becomes one regular expression over slash-separated paths. The rules are
those of the builder: patterns are cleaned like paths and anchored at the root of the context, `*` and `?`
stop at a slash, `**` does not, a pattern also hides everything below what it names, and the last
pattern that says something about a path decides (`!` lets it in again).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from cog.records import dataclass


@dataclass(frozen=True)
class Rule:
    """One line: hides what it matches, or shows it again."""

    pattern: str
    hides: bool
    matcher: re.Pattern[str]


class Ignore:
    """A .dockerignore as a question: is this path hidden?"""

    def __init__(self, lines: Iterable[str]) -> None:
        self.rules: tuple[Rule, ...] = tuple(read(lines))

    def hides(self, path: str) -> bool:
        """Whether a file or folder (slash-separated, relative to the context) stays outside."""
        hidden = False
        parents = [path]
        while "/" in parents[-1]:
            parents.append(parents[-1].rpartition("/")[0])
        for rule in self.rules:
            if any(rule.matcher.fullmatch(parent) for parent in parents):
                hidden = rule.hides
        return hidden

    def hides_all_below(self, folder: str) -> bool:
        """Whether a walk may skip this folder: it is hidden and no line shows anything again."""
        return all(rule.hides for rule in self.rules) and self.hides(folder)


def read(lines: Iterable[str]) -> Iterable[Rule]:
    for number, line in enumerate(lines):
        if number == 0:
            line = line.lstrip("\ufeff")
        if line.startswith("#"):
            continue
        text = line.strip()
        if not text:
            continue
        hides = not text.startswith("!")
        if not hides:
            text = text[1:].strip()
        if not text:
            continue
        pattern = posixpath.normpath(text).lstrip("/")
        if pattern in ("", "."):
            continue  # the context itself cannot be hidden
        yield Rule(pattern, hides, re.compile(expression(pattern)))


def expression(pattern: str) -> str:
    """A pattern as a regular expression for the whole path."""
    text = ""
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            if pattern[position : position + 1] == "*":
                position += 1
                if pattern[position : position + 1] == "/":
                    position += 1
                    text += "(?:.*/)?"
                else:
                    text += ".*"
            else:
                text += "[^/]*"
        elif character == "?":
            text += "[^/]"
        elif character == "[":
            end = closing(pattern, position)
            if end < 0:
                text += re.escape(character)
            else:
                inside = pattern[position:end]
                negated = inside.startswith("^")
                body = inside[1:] if negated else inside
                text += "[" + ("^" if negated else "") + body.replace("[", "\\[") + "]"
                position = end + 1
        elif character == "\\" and position < len(pattern):
            text += re.escape(pattern[position])
            position += 1
        else:
            text += re.escape(character)
    return text


def closing(pattern: str, start: int) -> int:
    """Where the bracket that opened before `start` closes, or -1."""
    position = start
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 2
            continue
        if pattern[position] == "]" and position > start:
            return position
        position += 1
    return -1


def escaped(path: str) -> str:
    """A line that hides exactly this path."""
    line = "".join("\\" + character if character in "*?[]\\" else character for character in path)
    return "\\" + line if line.startswith(("!", "#")) else line


def split(text: str) -> Sequence[str]:
    return text.replace("\r\n", "\n").split("\n")

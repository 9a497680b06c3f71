"""Does an environment marker (PEP 508) hold in the image? Linux, CPython; the rest is not ours.

Only to know which torch pin counts when a file has several. What we cannot tell (a marker about
something unknown, a Python version not chosen yet, bad grammar) counts as true: pip has the last
word, and the line itself is never changed because of its marker.
"""

from __future__ import annotations

import re

from cog.records import pattern

from .versions import is_version, key, minor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

__all__ = ["holds"]

_TOKEN = pattern(r"\s*(\(|\)|\"[^\"]*\"|'[^']*'|not\s+in\b|[<>=!~]=?=?|[A-Za-z_][\w.]*)")
_FACTS = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}


def holds(marker: str, python: Optional[str]) -> bool:
    """`python` is the version in the image, None while it is not known."""
    if not marker:
        return True
    tokens: List[str] = []
    place = 0
    text = marker.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return True
        tokens.append(re.sub(r"\s+", " ", match[1]))
        place = match.end()
    try:
        return _Reader(tokens, python).either() is not False
    except IndexError:
        return True


class _Reader:
    """Recursive descent over the grammar; None is "cannot tell"."""

    def __init__(self, tokens: List[str], python: Optional[str]) -> None:
        self._tokens, self._python = tokens, python

    def either(self) -> Optional[bool]:
        results = [self._both()]
        while self._tokens and self._tokens[0] == "or":
            self._tokens.pop(0)
            results.append(self._both())
        return True if True in results else None if None in results else False

    def _both(self) -> Optional[bool]:
        results = [self._one()]
        while self._tokens and self._tokens[0] == "and":
            self._tokens.pop(0)
            results.append(self._one())
        return False if False in results else None if None in results else True

    def _one(self) -> Optional[bool]:
        if self._tokens[0] == "(":
            self._tokens.pop(0)
            inside = self.either()
            self._tokens.pop(0)
            return inside
        left, operator, right = self._tokens.pop(0), self._tokens.pop(0), self._tokens.pop(0)
        return _compare(left, operator, right, self._python)


def _compare(left: str, operator: str, right: str, python: Optional[str]) -> Optional[bool]:
    if left in ("python_version", "python_full_version"):
        return _compare_python(left, operator, right.strip("\"'"), python)
    known = [_FACTS.get(side) if side[0] not in "\"'" else side[1:-1] for side in (left, right)]
    if known[0] is None or known[1] is None:
        return None
    one, other = known[0], known[1]
    return {
        "==": one == other,
        "!=": one != other,
        "in": one in other,
        "not in": one not in other,
    }.get(operator)


def _compare_python(
    name: str, operator: str, wanted: str, python: Optional[str]
) -> Optional[bool]:
    if python is None or not is_version(wanted):
        return None
    if name == "python_full_version" and python.count(".") < 2:
        return None if key(python)[:2] == key(wanted)[:2] else _ordered(operator, python, wanted)
    return _ordered(operator, minor(python) if name == "python_version" else python, wanted)


def _ordered(operator: str, one: str, other: str) -> Optional[bool]:
    a, b = key(one), key(other)
    return {
        "<": a < b,
        "<=": a <= b,
        ">": a > b,
        ">=": a >= b,
        "==": a == b,
        "!=": a != b,
    }.get(operator)

"""The one place that prints: results on standard output, all else on standard error.

Colour only where a terminal shows it, and never as the only sign: messages begin with the words
`warning:` and `error:` either way.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from cog.errors import CogError

RED, YELLOW, BOLD, DIM = "31", "33", "1", "2"


class Console:
    def __init__(self, *, debugging: bool = False, color: bool = False) -> None:
        self.debugging = debugging
        self.color = color

    def info(self, text: str) -> None:
        self._say(text)

    def warning(self, text: str) -> None:
        self._say(self._painted("warning:", YELLOW) + " " + _indented(text))

    def debug(self, text: str) -> None:
        if self.debugging:
            self._say(self._painted(text, DIM))

    def detail(self, line: str) -> None:
        self._say(line)

    def error(self, error: CogError) -> None:
        lines = [self._painted("error:", RED) + " " + _indented(error.what)]
        if error.why:
            lines.append("  " + _indented(error.why))
        if error.fix:
            lines.append("  " + self._painted("fix:", BOLD) + " " + _indented(error.fix))
        self._say("\n".join(lines))

    def _say(self, text: str) -> None:
        write(sys.stderr, text + "\n")

    def _painted(self, text: str, color: str) -> str:
        return f"\033[{color}m{text}\033[0m" if self.color else text


def write(stream: TextIO, text: str) -> None:
    """Text to a stream that may know fewer characters than we do."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def wants_color(stream: TextIO, environment: Mapping[str, str]) -> bool:
    if environment.get("NO_COLOR") or environment.get("COG_NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR") or environment.get("CLICOLOR_FORCE"):
        return True
    return environment.get("TERM") != "dumb" and stream_is_terminal(stream)


def stream_is_terminal(stream: TextIO) -> bool:
    try:
        return os.isatty(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False


def _indented(text: str) -> str:
    return text.rstrip("\n").replace("\n", "\n  ").replace("\n  \n", "\n\n")

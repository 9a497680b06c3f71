"""The instructions of a Dockerfile as values; `str()` of one is its text.

Strategy: planning compares and inserts values, never text; quoting is decided here and nowhere
else. Only syntax that every supported BuildKit has: one physical line for each RUN, no heredoc, no
--link, no --chmod. `because` is the rule that chose the instruction: it is what `--explain` and
`eject` print above it, and it takes no part in comparisons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from cog.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Union

    Instruction = Union["From", "Env", "Run", "Copy", "Workdir", "Expose", "Cmd", "Label", "Comment"]

# Words that mean themselves on an ENV, COPY or LABEL line.
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=~^-]+")


def quoted(value: str) -> str:
    """A value for ENV or LABEL: itself when it is plain, else in double quotes with nothing expanded."""
    if PLAIN.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


@dataclass(frozen=True)
class From:
    image: str
    alias: str = ""
    platform: str = ""
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        words = ["FROM"]
        if self.platform:
            words.append(f"--platform={self.platform}")
        words.append(self.image)
        if self.alias:
            words += ["AS", self.alias]
        return " ".join(words)


@dataclass(frozen=True)
class Env:
    """Variables of the image. `expand` leaves $NAME in the values to the builder."""

    values: tuple[tuple[str, str], ...]
    expand: bool = False
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        written = (value if self.expand else quoted(value) for _, value in self.values)
        return "ENV " + " ".join(f"{name}={value}" for (name, _), value in zip(self.values, written))


@dataclass(frozen=True)
class Mount:
    """One --mount of a RUN: its fields in the order given."""

    type: str
    fields: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return "--mount=" + ",".join([f"type={self.type}", *(f"{name}={value}" for name, value in self.fields)])


@dataclass(frozen=True)
class Run:
    script: str
    mounts: tuple[Mount, ...] = ()
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        return " ".join(["RUN", *map(str, self.mounts), self.script])


@dataclass(frozen=True)
class Copy:
    """Files of a build context (or of a stage or named context: `source`) into the image.

    The paths are literal unless `patterns`: characters that COPY takes for wildcards or variables
    are made harmless.
    """

    paths: tuple[str, ...]
    target: str
    source: str = ""
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        words = ["COPY"]
        if self.source:
            words.append(f"--from={self.source}")
        paths = [*map(literal, self.paths), self.target.replace("$", "\\$")]
        if all(PLAIN.fullmatch(path) for path in paths):
            return " ".join([*words, *paths])
        return " ".join([*words, json.dumps(paths, ensure_ascii=False)])


def literal(path: str) -> str:
    """A path for COPY that matches only itself."""
    return re.sub(r"[*?\[]", lambda match: f"[{match[0]}]", path).replace("$", "\\$")


@dataclass(frozen=True)
class Workdir:
    path: str
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"WORKDIR {self.path}"


@dataclass(frozen=True)
class Expose:
    port: int
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"EXPOSE {self.port}"


@dataclass(frozen=True)
class Cmd:
    argv: tuple[str, ...]
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"CMD {json.dumps(list(self.argv))}"


@dataclass(frozen=True)
class Label:
    """One label. A long value is cut into physical lines, since BuildKit refuses one above 65535 bytes."""

    name: str
    value: str
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f'LABEL {self.name}="' + "\\\n".join(pieces(self.value)) + '"'


# Far below 65535 bytes even when every character takes four bytes and every second is escaped.
LABEL_LINE = 8000


def pieces(value: str) -> Sequence[str]:
    """A value escaped for double quotes, in pieces that may stand on lines of their own.

    A piece never starts with white space or with `#`: the Dockerfile parser strips the one after a
    line break in some versions and takes the other for a comment. Nor does it end in a backslash,
    which would escape the one that continues the line.
    """
    found: list[str] = []
    start = 0
    while start < len(value):
        end = min(start + LABEL_LINE, len(value))
        while end < len(value) and (value[end].isspace() or value[end] == "#" or value[end - 1] == "\\"):
            end += 1
        cut = value[start:end]
        found.append(cut.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$"))
        start = end
    return found or [""]


@dataclass(frozen=True)
class Comment:
    text: str
    because: str = field(default="", compare=False)

    def __str__(self) -> str:
        return "\n".join(f"# {line}".rstrip() for line in self.text.splitlines() or [""])


def base_of(instructions: Sequence[Instruction]) -> Optional[str]:
    """What the final stage starts from."""
    found = [step.image for step in instructions if isinstance(step, From)]
    return found[-1] if found else None

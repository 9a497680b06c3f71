"""Requirement lines: gathering them from nested files, and reading the few we must understand.

Everything is kept byte for byte except what somebody asked us to change: a requirement is found
by its place in the text (`Requirement.version_span`), and only that stretch is ever rewritten. So
extras, markers, hashes, comments and continuation lines survive.
"""

from __future__ import annotations

import posixpath
import re

from cog.records import dataclass, pattern

from ..errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Iterator, List, Optional, Sequence, Tuple

__all__ = [
    "ConstraintLine",
    "Requirement",
    "RequirementsLoop",
    "inline",
    "logical_lines",
    "normalised",
    "parse",
    "split",
]


class ConstraintLine(str):
    """A line that came from a constraints file: it limits a version, it installs nothing."""


class RequirementsLoop(CogError):
    code = "requirements-loop"
    category = "requirements-file"

    def __init__(self, chain: Sequence[str]) -> None:
        super().__init__(
            f"the requirements file {chain[-1]} includes itself",
            why=" -> ".join(chain),
            fix=f"remove one of these lines, for example `-r {chain[-1]}` from {chain[-2]}",
        )


# -r more.txt, -rmore.txt, --requirement=more.txt ... with an optional comment behind it.
_NESTED = pattern(
    r"\s*(?:(?P<r>-r|--requirement)|(?P<c>-c|--constraint))"
    r"(?:\s*=\s*|\s+|(?<=-[rc]))(?P<file>[^\s#=]\S*)\s*(?:\s#.*)?"
)
_COMMENT = pattern(r"(?:^|\s)#.*")


def split(text: str) -> List[str]:
    """Physical lines, whatever ends them; no empty one after the last."""
    if text.startswith("\ufeff"):
        text = text[1:]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def logical_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines that a backslash continues, joined by their line breaks and otherwise as they are."""
    pending: List[str] = []
    for line in lines:
        pending.append(line)
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            continue
        yield _joined(pending)
        pending = []
    if pending:
        yield _joined(pending)


def _joined(lines: List[str]) -> str:
    text = "\n".join(lines)
    return ConstraintLine(text) if isinstance(lines[0], ConstraintLine) else text


def inline(path: str, read: Callable[[str], str]) -> List[str]:
    """The lines of the requirements file `path`, nested files put in place of their -r lines.

    Paths are relative to the project directory; a nested one is relative to the file that names
    it, as pip has it. Lines of constraints files are ConstraintLine. `read` raises what it likes.
    """
    return list(_inlined(path, read, (path,), constraint=False))


def _inlined(
    path: str, read: Callable[[str], str], chain: Tuple[str, ...], *, constraint: bool
) -> Iterator[str]:
    for line in split(read(path)):
        nested = _NESTED.fullmatch(line)
        if nested is None or "://" in nested["file"]:
            yield ConstraintLine(line) if constraint else line
            continue
        name = nested["file"].strip("\"'")
        inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if inner in chain:
            raise RequirementsLoop((*chain, inner))
        below = constraint or nested["c"] is not None
        yield from _inlined(inner, read, (*chain, inner), constraint=below)


def normalised(name: str) -> str:
    """Names that pip takes for the same."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Requirement:
    """One logical line that installs (or limits) something."""

    line: str  # without moved options
    name: str  # normalised; empty when the line has none, as a plain URL
    version: Optional[str] = None  # of an exact pin
    version_span: Tuple[int, int] = (0, 0)  # where it stands in `line`
    options: Tuple[Tuple[str, str], ...] = ()  # index options that stood on the line: (flag, value)
    marker: str = ""
    editable: bool = False
    url: str = ""  # what the line installs from, when not an index

    def with_version(self, version: str) -> str:
        start, stop = self.version_span
        return self.line[:start] + version + self.line[stop:]


# Options that pip accepts on a line of their own only; people write them behind a requirement.
_INDEX_OPTION = pattern(
    r"(?:(?<=\s)|^)(--find-links|-f|--extra-index-url|--index-url|-i|--trusted-host)(?:=|\s+)(\S+)\s*"
)
_LONG_NAME = {"-f": "--find-links", "-i": "--index-url"}
_NAME = r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_EXTRAS = r"\s*(?:\[[^\]]*\])?"
_PIN = pattern(rf"\s*{_NAME}{_EXTRAS}\s*={{2,3}}\s*(?P<version>[^\s;,#*\\]+)(?=[\s;\\]|$)")
_NAMED = pattern(rf"\s*{_NAME}{_EXTRAS}\s*(?P<rest>$|[\s;,<>=!~@\\(].*)", re.DOTALL)
_EDITABLE = pattern(r"\s*(?:-e|--editable)(?:\s*=\s*|\s+)(?P<target>\S+)")
_EGG = pattern(rf"[#&]egg={_NAME}")
_URL = pattern(r"\s*(?P<url>(?:[a-z0-9]+\+)?[a-z0-9]+://\S+|\.{0,2}/\S*|\.{1,2}(?=\s|$))", re.I)
_ARCHIVE = pattern(r"\s*(?P<url>[^\s@=<>;]+\.(?:whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz))(?=[\s;]|$)")
_MARKER = pattern(r";\s*(?P<marker>[^#\\]*?)\s*(?:--hash.*|\s#.*|\\.*)?$", re.DOTALL)


def parse(line: str) -> Optional[Requirement]:
    """The requirement on a logical line; None for comments, blank lines and lone options."""
    content = _without_comment(line)
    if not content.strip():
        return None
    options: Tuple[Tuple[str, str], ...] = ()
    cut = _INDEX_OPTION.sub("", content)
    if cut != content:
        if not cut.strip(" \t\\\n"):
            return None  # an option on its own line; it stays where it is
        found = _INDEX_OPTION.finditer(content)
        options = tuple((_LONG_NAME.get(m[1], m[1]), m[2]) for m in found)
        line = _INDEX_OPTION.sub("", line).rstrip()
        content = _without_comment(line)
    marker_match = _MARKER.search(content)
    marker = marker_match["marker"] if marker_match else ""
    editable = _EDITABLE.match(content)
    if editable:
        target = editable["target"]
        egg = _EGG.search(target)
        name = normalised(egg["name"]) if egg else ""
        return Requirement(line, name, options=options, editable=True, url=target)
    if content.lstrip().startswith("-"):
        return None
    direct = _URL.match(content) or _ARCHIVE.match(content)
    if direct:
        egg = _EGG.search(content)
        name = normalised(egg["name"]) if egg else ""
        return Requirement(line, name, options=options, marker=marker, url=direct["url"])
    pin = _PIN.match(content)
    if pin:
        return Requirement(
            line,
            normalised(pin["name"]),
            version=pin["version"],
            version_span=pin.span("version"),
            options=options,
            marker=marker,
        )
    named = _NAMED.match(content)
    if named:
        rest = named["rest"].lstrip()
        url = rest[1:].split(";")[0].strip() if rest.startswith("@") else ""
        return Requirement(line, normalised(named["name"]), options=options, marker=marker, url=url)
    return Requirement(line, "", options=options)


def _without_comment(line: str) -> str:
    """The line with comments blanked out at its end; places of what remains do not move."""
    if "#" not in line:
        return line
    return "\n".join(_COMMENT.sub("", part) for part in line.split("\n"))

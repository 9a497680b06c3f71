"""What usually goes wrong next: said before the build instead of after ten minutes of it."""

from __future__ import annotations

from cog.records import pattern

from ..config.values import Config
from .pins import Entry, Pin, find_pin
from .resolution import Note
from .tables import Tables
from .versions import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Set

__all__ = ["frameworks_from_one_release", "missing_tools"]

_SEPARATOR = pattern(r"&&|\|\||[;|&(\n]")
_BEFORE_COMMAND = pattern(r"(?:\s*(?:[A-Za-z_]\w*=\S*|sudo|exec|time|!|\{)\s+)*\s*")
_APT_INSTALL = pattern(r"\bapt(?:-get)?\b.*?\binstall\b(?P<names>[^&;|]*)")
# Packages that bring a tool along besides the one we would name.
_BRINGS = {"make": {"make"}, "gcc": {"gcc"}, "g++": {"g++"}, "cc": {"gcc"}}


def frameworks_from_one_release(
    found: Sequence[Entry], torch: Optional[Pin], python: str, tables: Tables
) -> List[Note]:
    """Warn when torch and its siblings were not released together."""
    if torch is None:
        return []
    rows = [row for row in tables.torch if torch.matches(row.torch)]
    notes = []
    for name in ("torchvision", "torchaudio"):
        pin = find_pin(found, name, python)
        if pin is None:
            continue
        versions = {getattr(row, name) for row in rows} - {""}
        known = {getattr(row, name) for row in tables.torch}
        if versions and pin.public in known and pin.public not in versions:
            fitting = ", ".join(sorted(versions, key=key))
            notes.append(
                Note(
                    "torch-release-mismatch",
                    f"{pin} and {torch} are from different releases; {torch} goes with "
                    f"{name} {fitting}",
                    fix=f"pin {name}=={fitting.split(', ')[-1]}",
                )
            )
    return notes


def missing_tools(
    config: Config,
    found: Sequence[Entry],
    packages: Sequence[str],
    kind: str,
    image: str,
    tables: Tables,
) -> List[Note]:
    """Warn of commands that neither the base image nor system_packages bring."""
    present: Set[str] = {*tables.provided_tools.get(kind, ()), *packages}
    wanted: Dict[str, str] = {}  # tool -> who wants it
    if any(e.requirement is not None and _from_git(e.requirement.url) for e in found):
        wanted["git"] = "a `git+` requirement"
    installed: Set[str] = set()
    for item in config.build.commands:
        for match in _APT_INSTALL.finditer(item.command):
            installed.update(match["names"].split())
        for tool in _commands(item.command):
            if tool in tables.tools and not _brought(tool, installed, tables):
                wanted.setdefault(tool, f"the command `{_short(item.command)}`")
    return [
        Note(
            "tool-missing",
            f"{reason} needs {tool}, which {image} does not have",
            fix=f"add {tables.tools[tool]} to build.system_packages",
        )
        for tool, reason in wanted.items()
        if not _brought(tool, present, tables)
    ]


def _brought(tool: str, packages: Set[str], tables: Tables) -> bool:
    return bool({tool, tables.tools[tool], *_BRINGS.get(tool, ())} & packages)


def _commands(script: str) -> List[str]:
    """The first word of each part of a shell line."""
    words = []
    for part in _SEPARATOR.split(script):
        rest = part[_match_end(part) :].split()
        if rest:
            words.append(rest[0])
    return words


def _match_end(part: str) -> int:
    match = _BEFORE_COMMAND.match(part)
    return match.end() if match else 0


def _from_git(url: str) -> bool:
    return url.lower().startswith("git+")


def _short(command: str) -> str:
    return command if len(command) <= 50 else command[:47] + "..."

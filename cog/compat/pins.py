"""The requirement lines of a project, understood as far as the rules need it."""

from __future__ import annotations

from cog.records import dataclass

from .markers import holds
from .requirements import ConstraintLine, Requirement, logical_lines, parse
from .resolution import Note
from .versions import local_part, public_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple

__all__ = ["Entry", "Pin", "entries", "find_pin", "is_unpinned", "without_ours"]

# The runtime brings its own `cog`; one from the package index would hide it.
_OURS = ("cog", "coglet")


@dataclass(frozen=True)
class Entry:
    """One logical line: as it is written, and what it asks for, if anything."""

    text: str
    requirement: Optional[Requirement]
    constraint: bool  # from a constraints file


@dataclass(frozen=True)
class Pin:
    """An exact version somebody asked for."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def public(self) -> str:
        return public_part(self.version)

    @property
    def local(self) -> str:
        return local_part(self.version)

    def matches(self, version: str) -> bool:
        """Two parts stand for every patch release."""
        public = self.public
        return version == public or (public.count(".") == 1 and version.startswith(public + "."))


def entries(lines: Sequence[str]) -> List[Entry]:
    return [
        Entry(str(text), parse(text), isinstance(text, ConstraintLine))
        for text in logical_lines(lines)
    ]


def find_pin(found: Sequence[Entry], name: str, python: Optional[str]) -> Optional[Pin]:
    """The first pin of a package that counts in the image; those that install come first."""
    for entry in sorted(found, key=lambda entry: entry.constraint):
        requirement = entry.requirement
        if (
            requirement is not None
            and requirement.name == name
            and requirement.version is not None
            and holds(requirement.marker, python)
        ):
            return Pin(name, requirement.version)
    return None


def is_unpinned(found: Sequence[Entry], name: str, python: Optional[str]) -> bool:
    """Asked for, from an index, without an exact version anywhere."""
    asked = any(
        entry.requirement is not None
        and entry.requirement.name == name
        and not entry.requirement.url
        and not entry.constraint
        and holds(entry.requirement.marker, python)
        for entry in found
    )
    return asked and find_pin(found, name, python) is None


def without_ours(found: Sequence[Entry], *, code: bool = True) -> Tuple[List[Entry], List[Note]]:
    """Entries without those that must not be installed, and a word on each.

    `code`: the project's code is put in place after the packages, so it cannot be one of them.
    """
    kept: List[Entry] = []
    notes: List[Note] = []
    for entry in found:
        requirement = entry.requirement
        if requirement is None:
            kept.append(entry)
        elif requirement.name in _OURS:
            notes.append(
                Note(
                    "cog-requirement-dropped",
                    f"the requirement `{_shown(entry)}` is left out: the model gets the tool's own cog",
                    fix="remove the line",
                )
            )
        elif code and requirement.editable and requirement.url.split("[")[0].rstrip("/") in (".", ""):
            notes.append(
                Note(
                    "editable-dropped",
                    f"the requirement `{_shown(entry)}` is left out: the project itself is in "
                    "/src, where the model runs",
                    severity="note",
                    fix="remove the line",
                )
            )
        else:
            kept.append(entry)
    return kept, notes


def _shown(entry: Entry) -> str:
    return entry.text.split("\n")[0].rstrip(" \\").strip()

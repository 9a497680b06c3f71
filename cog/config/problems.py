"""What is wrong with a cog.yaml, and how it is shown: place, line, caret, nearest key, fix."""

from __future__ import annotations

from cog.records import dataclass, field

from ..errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional, Sequence, Tuple, Union

    Where = Tuple[Union[str, int], ...]  # ("build", "run", 0, "command")

__all__ = ["ConfigInvalid", "Mark", "Problem", "Source"]

_WIDEST = 120  # characters of a line that are shown


@dataclass(frozen=True)
class Mark:
    """A stretch of one line of the file. Line and column count from 1."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True)
class Source:
    """The text a Config came from, and where each key and value stands in it."""

    path: str = "cog.yaml"
    text: str = ""
    keys: Mapping[Where, Mark] = field(default_factory=dict)
    values: Mapping[Where, Mark] = field(default_factory=dict)

    def line(self, number: int) -> str:
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def mark(self, where: Where, *, key: bool = False) -> Optional[Mark]:
        """The place of a value (or key); of the nearest thing around it when it is absent."""
        while True:
            for table in (self.keys, self.values) if key else (self.values, self.keys):
                if where in table:
                    return table[where]
            if not where:
                return None
            where, key = where[:-1], True


@dataclass(frozen=True)
class Problem:
    """One finding. Errors are collected in ConfigInvalid; warnings and notes in Config.notes."""

    code: str
    message: str
    severity: str = "error"  # error | warning | note
    category: str = "validation"  # yaml-parse | schema | validation | run-newline | requirements-file
    field: str = ""  # dotted name of the key, "build.run.0.command"
    path: str = "cog.yaml"
    mark: Optional[Mark] = None
    before: str = ""  # the line above, for orientation
    text: str = ""  # the offending line
    label: str = ""  # words beside the caret
    fix: str = ""

    @property
    def place(self) -> str:
        """file, or file:line:column"""
        if self.mark is None:
            return self.path
        return f"{self.path}:{self.mark.line}:{self.mark.column}"

    @property
    def headline(self) -> str:
        return f"{self.place}: {self.message}"

    def excerpt(self) -> List[str]:
        """The line with a caret below it, and the one above for orientation."""
        if self.mark is None or not self.text.strip():
            return [self.label] if self.label else []
        width = len(str(self.mark.line))
        start, length = self.mark.column - 1, max(1, self.mark.length)
        before, text = self.before, self.text
        if len(text) > _WIDEST:  # a file in one line: show the part around the place
            cut = max(0, start - 40)
            text, before = text[cut : cut + _WIDEST], before[:_WIDEST]
            start, length = start - cut, min(length, _WIDEST - start + cut)
        lines = []
        if before.strip():
            lines.append(f"{self.mark.line - 1:>{width}} | {before}")
        lines.append(f"{self.mark.line:>{width}} | {text}")
        # Tabs stay tabs below the line, so that the caret stands under its character.
        lead = "".join(c if c == "\t" else " " for c in text[:start])
        caret = "^" * length
        lines.append(f"{'':>{width}} | {lead}{caret} {self.label}".rstrip())
        return lines

    def report(self) -> str:
        """Headline, excerpt and fix."""
        lines = [self.headline, *("  " + line for line in self.excerpt())]
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self.headline} ({self.fix})" if self.fix else self.headline

    def to_data(self) -> "dict[str, object]":
        """For machine-readable output."""
        return {
            "path": self.path,
            "line": self.mark.line if self.mark else None,
            "column": self.mark.column if self.mark else None,
            "severity": self.severity,
            "code": self.code,
            "field": self.field,
            "message": self.message,
            "fix": self.fix,
        }


class ConfigInvalid(CogError):
    """Everything that is wrong with one cog.yaml, in the order of its lines."""

    code = "config-invalid"
    category = "validation"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(first.headline, why="\n".join(first.excerpt()), fix=first.fix)
        else:
            reports = "\n\n".join(problem.report() for problem in self.problems)
            super().__init__(f"{first.path} has {len(self.problems)} problems", why="\n" + reports)
            self.args = ("\n".join(problem.headline for problem in self.problems),)
        self.code, self.category = first.code, first.category

    def report(self) -> str:
        if len(self.problems) == 1:
            return self.problems[0].report()
        return f"{self.what}\n{self.why}"

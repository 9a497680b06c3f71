"""Requirement lines: gathering them from nested files, and reading pins. (signatures)"""

from __future__ import annotations

from typing import Callable, List

from ..config.values import Build
from ..errors import CogError

__all__ = ["ConstraintLine", "RequirementsFileMissing", "inline", "requirement_lines"]


class ConstraintLine(str):
    """A line that came from a constraints file: it limits versions, it installs nothing."""


class RequirementsFileMissing(CogError):
    code = "requirements-file-missing"
    category = "requirements-file"


def inline(text: str, read: Callable[[str], str], *, path: str = "requirements.txt") -> List[str]:
    """The lines of a requirements file with nested -r and -c files put in their place.

    `read` gets paths relative to the project directory and may raise OSError.
    """
    raise NotImplementedError


def requirement_lines(build: Build, read: Callable[[str], str]) -> List[str]:
    """The lines that `build.python_packages` or `build.python_requirements` stand for."""
    raise NotImplementedError

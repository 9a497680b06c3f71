"""Which Python, CUDA, cuDNN, base image and wheel index belong together.

`load_tables` reads our tables (and a site's additions) once; `resolve` is pure.
"""

from __future__ import annotations

from .requirements import (
    ConstraintLine,
    RequirementsFileMissing,
    inline,
    requirement_lines,
)
from .resolution import CompatError, Note, Resolution
from .solver import resolve
from .tables import CompatFileInvalid, Tables, load_tables

__all__ = [
    "CompatError",
    "CompatFileInvalid",
    "ConstraintLine",
    "Note",
    "RequirementsFileMissing",
    "Resolution",
    "Tables",
    "inline",
    "load_tables",
    "requirement_lines",
    "resolve",
]

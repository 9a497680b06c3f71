"""Which Python, CUDA, cuDNN, base image and wheel index belong together.

`load_tables` reads our tables (and a site's additions) once; `resolve` is pure.
"""

from __future__ import annotations

from .requirements import ConstraintLine, RequirementsLoop, inline
from .resolution import CompatError, Note, Resolution
from .solver import resolve
from .tables import CompatFileInvalid, Tables, load_tables

__all__ = [
    "CompatError",
    "CompatFileInvalid",
    "ConstraintLine",
    "Note",
    "RequirementsLoop",
    "Resolution",
    "Tables",
    "inline",
    "load_tables",
    "resolve",
]

"""Compatibility tables and their one loader. (signatures)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from ..errors import CogError

__all__ = ["CompatFileInvalid", "Tables", "load_tables"]


@dataclass(frozen=True)
class Tables:
    wheel_host: str


class CompatFileInvalid(CogError):
    code = "compat-file-invalid"
    category = "compat"


def load_tables(overrides: Sequence[str] = ()) -> Tables:
    """Our tables, extended by the files at these paths (later ones win)."""
    raise NotImplementedError

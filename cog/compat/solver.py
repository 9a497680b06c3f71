"""The solver: configuration and requirement lines in, Resolution out. Pure. (signatures)"""

from __future__ import annotations

from typing import Optional, Sequence

from ..config.values import Config
from .resolution import Resolution
from .tables import Tables

__all__ = ["resolve"]


def resolve(
    config: Config,
    requirement_lines: Sequence[str],
    tables: Tables,
    *,
    use_cuda_base_image: str = "auto",
    use_cog_base_image: Optional[bool] = None,
) -> Resolution:
    """Choose everything, or raise CompatError."""
    raise NotImplementedError

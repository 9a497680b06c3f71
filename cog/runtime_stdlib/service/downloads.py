"""Inputs that are URLs -> files on disk."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Mapping, Optional, Sequence, Tuple, Union

    from ..validation import Leaf
    from .interrupt import Interrupt

    Where = Tuple[Union[str, int], ...]
    Fetched = Tuple[Where, str, Optional[str], Optional[str]]


class DownloadFailed(Exception):
    """An input could not be fetched; str() is the prediction's error."""


class Policy:
    """What may be fetched and how much: COG_URL_ALLOW, COG_URL_DENY, COG_MAX_DOWNLOAD_SIZE."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        pass


def fetch_all(
    leaves: Sequence[Leaf],
    directory: Callable[[], str],
    interrupt: Interrupt,
    policy: Optional[Policy] = None,
) -> List[Fetched]:
    """Every leaf as (where, kind, local path, name); secrets have neither path nor name.

    Raises DownloadFailed or Interrupted, and leaves no file behind then. The caller deletes the files."""
    raise NotImplementedError

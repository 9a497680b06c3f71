"""Data URLs, in memory (str) or in a spooled body (Blob)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


class Blob:
    """A long data: URL that was never read into memory. `head` ends with the comma."""

    __slots__ = ("head",)

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def text(self) -> str:
        """The whole URL as a string."""
        raise NotImplementedError

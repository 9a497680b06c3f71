"""Request body -> JSON document."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Optional, Protocol

    class Body(Protocol):
        """What of web/request.Body is needed here."""

        length: int
        data: Optional[bytes]
        file: Optional[BinaryIO]


class DocumentInvalid(Exception):
    """The body is no JSON document; `status` and `body` are the answer."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(body.decode("utf-8", "replace"))
        self.status = status
        self.body = body


def load(body: Body, content_type: Optional[str], *, depth: int) -> Any:
    """The parsed document; None when the body is empty. Raises DocumentInvalid."""
    raise NotImplementedError

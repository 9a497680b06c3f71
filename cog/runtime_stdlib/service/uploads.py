"""Output files -> PUT requests."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional, Tuple

    from .interrupt import Interrupt

    # path, name ("" for an in-memory file without one), media type, delete
    File = Tuple[str, str, Optional[str], bool]


class UploadFailed(Exception):
    """An output file could not be uploaded; str() is the prediction's error."""


def put_raw(base: str, file: File, interrupt: Interrupt, prediction_id: Optional[str], trace: Mapping[str, str]) -> str:
    """--upload-url: PUT the bytes, return the file's URL. trace: traceparent and tracestate as received."""
    raise NotImplementedError


def put_form(prefix: str, file: File, interrupt: Interrupt) -> str:
    """output_file_prefix: PUT as a form, return prefix + name."""
    raise NotImplementedError

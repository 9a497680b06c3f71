"""From what predict() returned to the JSON text of `output`.

Strategy: the C encoder of json does the work and calls back only for values it does not know
(models, files, arrays ...). A file cannot be text yet, so it leaves a mark in the JSON which is
then cut out: the answer is a list of segments, almost always one. Types of other people's
libraries are known by what they can do, never imported.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Union

    from cog.runtime_stdlib.schema.spec import Spec


class EncodeFailed(Exception):
    """The value cannot be sent; the text says why."""


class FileMissing(EncodeFailed):
    """A file result that cannot be read."""


class OutFile:
    """A file in an output: on disk, or in memory."""

    __slots__ = ("data", "delete", "mime", "name", "path")

    def __init__(
        self,
        *,
        name: str,
        path: Optional[str] = None,
        data: Optional[bytes] = None,
        mime: Optional[str] = None,
        delete: bool = False,
    ) -> None:
        self.name = name
        self.path = path
        self.data = data
        self.mime = mime  # None: by the name
        self.delete = delete  # the file is ours: remove it when it has been sent


class Encoded:
    """JSON text, cut where the URL of a file (with its quotes) goes."""

    __slots__ = ("mismatch", "segments")

    def __init__(self, segments: List[Union[bytes, OutFile]], mismatch: Optional[str] = None) -> None:
        self.segments = segments
        self.mismatch = mismatch  # how the value does not fit the annotation, if it does not


class Encoder:
    """Writes the outputs of one callable."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec

    def encode(self, value: Any) -> Encoded:
        raise NotImplementedError

    def encode_item(self, value: Any, index: int = 0) -> Encoded:
        """One yielded item; `index` is its place, for the mismatch text."""
        raise NotImplementedError

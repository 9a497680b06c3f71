"""cog.Path: a path that is a file in or out of a model."""

from __future__ import annotations

import pathlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import PosixPath as _Native
    from typing import Any, Callable, Iterator
else:
    _Native = type(pathlib.Path())  # WindowsPath where that is what there is


class Path(_Native):
    """A pathlib path. As an input: a file that was fetched. As an output: a file to send."""

    __slots__ = ()

    @classmethod
    def validate(cls, value: Any) -> Any:
        """A value for a field of this type: any path, or the text of one."""
        if isinstance(value, pathlib.PurePath):
            return value
        if isinstance(value, str):
            if value[:5].lower() == "data:" or "://" in value[:12]:
                from cog.runtime_stdlib.sdk.files import URLPath  # rare: a URL as a value

                return URLPath(value)
            return cls(value)
        raise TypeError("value is not a valid path")

    # A field of the user's own pydantic model: version 1 asks for these two ...
    @classmethod
    def __get_validators__(cls) -> Iterator[Callable[[Any], Any]]:
        yield cls.validate

    @classmethod
    def __modify_schema__(cls, schema: Any) -> None:
        schema.update({"type": "string", "format": "uri"})

    # ... and version 2 for these.
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from cog.runtime_stdlib.sdk.pydantic2 import plain_schema  # pydantic is there: it is asking

        return plain_schema(cls.validate)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return {"type": "string", "format": "uri"}


Path.__module__ = "cog"

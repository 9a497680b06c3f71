"""Files as file objects: the deprecated cog.File, and values that open a URL when they are read."""

from __future__ import annotations

import io
import os

from cog.runtime_stdlib.sdk.paths import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Optional

__all__ = ["FetchedFile", "File", "Path", "URLFile", "URLPath"]


class File(io.IOBase):
    """A file as an input or output, as an open handle. Deprecated: use cog.Path."""

    @classmethod
    def validate(cls, value: Any) -> Any:
        """A value for a field of this type: anything that can be read."""
        if hasattr(value, "read"):
            return value
        if isinstance(value, str) and (value[:5].lower() == "data:" or "://" in value[:12]):
            return URLFile(value)
        raise TypeError("value is not a file")

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


class FetchedFile(io.BufferedReader):
    """An input file, open for reading; `.name` is what the sender called it."""

    def __init__(self, path: str, name: Optional[str] = None) -> None:
        super().__init__(io.FileIO(path))  # type: ignore[arg-type,unused-ignore]
        self._given_name = name or os.path.basename(path)

    @property
    def name(self) -> str:
        return self._given_name


def last_segment(url: str) -> str:
    from urllib.parse import unquote_plus, urlparse  # only values that are URLs need it

    return os.path.basename(unquote_plus(urlparse(url).path)) or "file"


class URLFile(io.IOBase):
    """A file at a URL; opened when it is first read."""

    def __init__(self, url: str, filename: Optional[str] = None) -> None:
        self.url = url
        self.name = filename or ("file" if url[:5].lower() == "data:" else last_segment(url))
        self._stream: Any = None

    def _opened(self) -> Any:
        if self._stream is None:
            import urllib.request  # opened only when the model reads it

            self._stream = urllib.request.urlopen(self.url, timeout=10)
        return self._stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> Any:
        return self._opened().read(size)

    def readline(self, size: Optional[int] = -1) -> Any:
        return self._opened().readline(-1 if size is None else size)

    def __iter__(self) -> Any:
        return iter(self._opened())

    def close(self) -> None:
        stream = getattr(self, "_stream", None)
        if stream is not None:
            stream.close()
        super().close()

    def __repr__(self) -> str:
        return "<URLFile %r>" % self.url[:200]


class URLPath(Path):
    """A path whose content is at a URL: `str()` is the URL, `convert()` fetches it."""

    _source: str

    def __new__(cls, source: str, *rest: Any) -> URLPath:
        made = super().__new__(cls, last_segment(source) if source[:5].lower() != "data:" else "file")
        made._source = source
        return made

    def __init__(self, source: str, *rest: Any) -> None:
        try:
            super().__init__(last_segment(source) if source[:5].lower() != "data:" else "file")  # type: ignore[call-arg,unused-ignore]
        except TypeError:  # before 3.12 __new__ did it all
            pass

    @property
    def source(self) -> str:
        return self._source

    def convert(self) -> Path:
        import tempfile  # rare

        with tempfile.NamedTemporaryFile(suffix=self.name, delete=False) as copy:
            with URLFile(self._source) as stream:
                while True:
                    block = stream.read(1 << 20)
                    if not block:
                        return Path(copy.name)
                    copy.write(block)

    def __str__(self) -> str:
        return getattr(self, "_source", None) or super().__str__()  # its parent, say, is a path like any

    def with_segments(self, *segments: Any) -> Any:
        return Path(*segments)

    def __reduce__(self) -> Any:
        return (type(self), (self._source,))


for _public in (File, URLFile, URLPath):
    _public.__module__ = "cog"

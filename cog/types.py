"""The dotted names under which models of earlier releases import the types."""

from cog.runtime_stdlib.sdk.files import File, URLFile, URLPath
from cog.runtime_stdlib.sdk.inputs import Input
from cog.runtime_stdlib.sdk.iterators import AsyncConcatenateIterator, ConcatenateIterator
from cog.runtime_stdlib.sdk.paths import Path
from cog.runtime_stdlib.sdk.secret import Secret

__all__ = [
    "AsyncConcatenateIterator",
    "ConcatenateIterator",
    "File",
    "Input",
    "Path",
    "Secret",
    "URLFile",
    "URLPath",
]

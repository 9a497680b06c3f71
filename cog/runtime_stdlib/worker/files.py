"""Output files leave the worker as files that nobody will change any more.

The slot is free before the answer is sent, so the model may already be writing its next `out.png` while the server
still reads this one. A file below the temporary directory is the model's to give away: it is renamed. Any other
is copied (in the kernel, where it can), and stays where it was.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

COPY_BLOCK = 1 << 24


def stage(file: Any, yielded: Optional[List[str]]) -> Tuple[str, str, Any, bool]:
    """An OutFile -> (path, name, media type, whether the server deletes it). Raises OSError."""
    import tempfile

    handle, path = tempfile.mkstemp(prefix="cog-out-")
    try:
        if file.data is not None:
            with os.fdopen(handle, "wb") as target:
                handle = -1
                target.write(file.data)
        elif not is_temporary(file.path) or os.path.islink(file.path):
            copy(file.path, handle)
        elif yielded is not None:
            copy(file.path, handle)
            yielded.append(file.path)
        else:
            try:
                os.rename(file.path, path)
            except OSError:  # another file system below the temporary directory
                copy(file.path, handle)
                os.unlink(file.path)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        if handle >= 0:
            os.close(handle)
    return path, file.name, file.mime, True


def is_temporary(path: str) -> bool:
    """Whether the file lies below the temporary directory: only such files are deleted (decision 14)."""
    import tempfile

    top = os.path.realpath(tempfile.gettempdir())
    return os.path.realpath(path).startswith(top + os.sep)


def copy(path: str, target: int) -> None:
    with open(path, "rb") as source:
        number = source.fileno()
        try:
            while os.sendfile(target, number, None, COPY_BLOCK):
                pass
        except (AttributeError, OSError, TypeError):
            os.lseek(number, 0, os.SEEK_SET)
            os.lseek(target, 0, os.SEEK_SET)
            os.ftruncate(target, 0)
            while True:
                block = source.read(COPY_BLOCK)
                if not block:
                    break
                view = memoryview(block)
                while view:
                    view = view[os.write(target, view) :]


def discard(paths: List[str]) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except OSError:  # yielded twice, or the model removed it
            pass

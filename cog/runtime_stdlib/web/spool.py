"""Keep a body while it arrives: in memory up to a bound, beyond that in a file without a name.

Strategy: the file is opened without ever having a name where the system can do that (O_TMPFILE), else it is
unlinked before the first byte goes in, so nothing is left behind however the process ends. `tempfile` would do
the same and costs more to import than a whole request takes.
"""

from __future__ import annotations

import os

from .request import Body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

__all__ = ["Spool", "open_unlinked"]


class Spool:
    """Takes the payload piece by piece; `finish()` makes the body of it, `discard()` forgets it."""

    __slots__ = ("_fd", "_in_memory", "_pieces", "length")

    def __init__(self, in_memory: int, expected: int = 0):
        self.length = 0
        self._in_memory = in_memory
        self._pieces: List[bytes] = []
        self._fd: Optional[int] = None
        if expected > in_memory:
            self._fd = open_unlinked()

    def add(self, piece: bytes) -> None:
        self.length += len(piece)
        if self._fd is None:
            if self.length <= self._in_memory:
                self._pieces.append(piece)
                return
            self._fd = open_unlinked()
            for earlier in self._pieces:
                write_all(self._fd, earlier)
            self._pieces.clear()
        write_all(self._fd, piece)

    def finish(self) -> Body:
        if self._fd is None:
            return Body(b"".join(self._pieces))
        fd, self._fd = self._fd, None
        os.lseek(fd, 0, os.SEEK_SET)
        return Body(None, os.fdopen(fd, "rb"), self.length)

    def discard(self) -> None:
        self._pieces.clear()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        data = data[written:]
        written = os.write(fd, data)


def open_unlinked() -> int:
    """A new file for reading and writing that has no name; OSError when no directory takes one."""
    failure: Optional[OSError] = None
    for directory in directories():
        try:
            return open_in(directory)
        except OSError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def directories() -> List[str]:
    # The order of tempfile.gettempdir().
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    return [name for name in named if name] + ["/tmp", "/var/tmp", "/usr/tmp", os.curdir]


def open_in(directory: str) -> int:
    unnamed = getattr(os, "O_TMPFILE", 0)
    if unnamed:
        try:
            return os.open(directory, unnamed | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except (IsADirectoryError, PermissionError, FileNotFoundError):
            pass  # a kernel or file system without it says one of the first two; the rest fails again below
        except OSError as error:
            if error.errno != 95:  # EOPNOTSUPP; the errno module is not worth its import
                raise
    path = os.path.join(directory, "cog-body-" + os.urandom(8).hex())
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    os.unlink(path)
    return fd

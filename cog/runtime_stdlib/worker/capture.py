"""The worker's standard streams: file descriptors 1 and 2 are pipes that the server reads.

Whatever writes to them is caught: print, logging, C code, child processes. The server reads the pipes, not a thread
of ours, because a C extension that prints while it holds the interpreter lock would otherwise wait for ever for
a reader that needs that lock. Python's own streams write whole lines, so a print with several arguments
arrives in one piece, and children's output keeps its place between them.

With several async predictions at a time the streams are told apart by context: see Router.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import ContextVar
    from typing import Any, Callable, Optional

PIPE_SIZE = 1 << 20
F_SETPIPE_SZ = 1031  # Linux


def redirect(out: int, err: int) -> None:
    """Make the two pipes this process's standard output and error, and nothing its standard input."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for fd in (null, out, err):
        if fd > 2:
            os.close(fd)
    prepare()


def prepare() -> None:
    """Larger pipes where the kernel allows it, and streams that write whole lines."""
    try:
        import fcntl

        for fd in (1, 2):
            fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE)
    except (ImportError, OSError):
        pass  # only slower: not Linux, or the user's pipe quota is used up
    for fd, name in ((1, "stdout"), (2, "stderr")):
        # New ones: the interpreter's were made for what stood at these descriptors before, perhaps a file.
        stream = open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the model closed or replaced it: nothing of ours is lost
            pass


class Router:
    """A stream that sends what a task writes to the prediction the task belongs to.

    Writes outside any prediction (setup, background tasks) go to the pipe.
    """

    def __init__(
        self, stream: Any, number: int, current: ContextVar[Optional[Callable[[int, bytes], None]]]
    ) -> None:
        self._stream = stream
        self._number = number
        self._current = current

    def write(self, text: str) -> int:
        send = self._current.get()
        if send is None:
            written: int = self._stream.write(text)
            return written
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        send(self._number, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

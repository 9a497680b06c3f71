"""The server's own log, and what the model writes, on the server's standard output and error.

One line of JSON per event in containers, a readable line on a terminal or with LOG_FORMAT=development. Writing never
blocks the server for long: when nobody reads our output any more, lines are dropped until somebody does, and a
closed descriptor ends the writing for good.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 50}
PATIENCE = 1.0  # seconds to wait for a reader that has stopped, once
PIECE = 4096  # PIPE_BUF: what a pipe takes whole when poll() says it is writable


class Output:
    """One descriptor to write to, whose reader may be slow, stopped or gone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = allocate_lock()  # held while writing, so that lines of two threads do not mix
        self._opened = False
        self._blocks = True  # a write may wait for the reader
        self._closed = False
        self._stalled = False
        self.dropped = 0  # bytes

    def write(self, data: bytes) -> None:
        with self._lock:
            if not self._opened:
                self._open()
            if self._closed:
                return
            left = data
            try:
                if not self._blocks:
                    count = os.write(self._fd, data)
                    if count == len(data):
                        self._stalled = False
                        return
                    left = data[count:]
            except BlockingIOError:
                pass
            except OSError as error:
                self._failed(error, len(data))
                return
            self._wait_and_write(memoryview(left))

    def _open(self) -> None:
        # At the first write, not before: a worker that is forked earlier must not inherit what is opened here.
        self._opened = True
        try:
            found = os.fstat(self._fd)
            if stat.S_ISFIFO(found.st_mode):
                # An open file of our own: not to block is a property of the open file, and this one is shared with
                # whoever started us.
                self._fd = os.open("/proc/self/fd/%d" % self._fd, os.O_WRONLY | os.O_NONBLOCK)
                self._blocks = False
            elif stat.S_ISREG(found.st_mode):
                self._blocks = False
            elif stat.S_ISCHR(found.st_mode):
                self._blocks = found.st_rdev != os.stat(os.devnull).st_rdev
        except OSError:
            pass  # no /proc, or another user's pipe: ask before each write
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLOUT)

    def _wait_and_write(self, view: memoryview) -> None:
        while view:
            if not self._writable():
                self.dropped += len(view)
                return
            try:
                view = view[os.write(self._fd, view[:PIECE]) :]
            except OSError as error:
                self._failed(error, len(view))
                return

    def _writable(self) -> bool:
        ready = self._poll.poll(0)
        if not ready and not self._stalled:
            ready = self._poll.poll(PATIENCE * 1000)
        self._stalled = not ready
        if ready and ready[0][1] & (select.POLLERR | select.POLLNVAL):
            self._closed = True
            return False
        return bool(ready)

    def _failed(self, error: OSError, lost: int) -> None:
        self.dropped += lost
        # A full disk may have room again; a reader that has gone does not come back.
        self._closed = error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EFBIG)


class Journal:
    """The server's log lines. A line below the level costs one comparison."""

    def __init__(self, level: str, *, readable: bool, output: Output) -> None:
        self.level = LEVELS.get(level.lower(), 20)
        self._readable = readable
        self._output = output
        self._second = -1
        self._stamp = ""
        self._quote: Optional[Callable[[str], str]] = None  # from json, which is not needed before the first line

    def info(self, message: str, prediction_id: Optional[str] = None, *, logger: str = "cog.server.runner") -> None:
        if self.level <= 20:
            self._line("INFO", message, prediction_id, logger, None)

    def debug(self, message: str, prediction_id: Optional[str] = None, *, logger: str = "cog.server.runner") -> None:
        if self.level <= 10:
            self._line("DEBUG", message, prediction_id, logger, None)

    def warning(self, message: str, prediction_id: Optional[str] = None, *, logger: str = "cog.server.runner") -> None:
        if self.level <= 30:
            self._line("WARNING", message, prediction_id, logger, None)

    def error(
        self,
        message: str,
        prediction_id: Optional[str] = None,
        *,
        logger: str = "cog.server.runner",
        exception: Optional[str] = None,
    ) -> None:
        if self.level <= 40:
            self._line("ERROR", message, prediction_id, logger, exception)

    def _line(
        self, severity: str, message: str, prediction_id: Optional[str], logger: str, exception: Optional[str]
    ) -> None:
        now = time.time()
        second = int(now)
        if second != self._second:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._stamp, self._second = stamp, second
        if self._readable:
            about = " [%s]" % prediction_id if prediction_id else ""
            text = "%s %-7s %s%s\n" % (self._stamp[11:], severity, message, about)
            if exception:
                text += exception.rstrip() + "\n"
        else:
            quote = self._quote
            if quote is None:
                from json.encoder import encode_basestring_ascii

                quote = self._quote = encode_basestring_ascii
            about = "" if prediction_id is None else '"prediction_id": %s, ' % quote(prediction_id)
            if exception is not None:
                about += '"exception": %s, ' % quote(exception)
            text = '{%s"logger": "%s", "timestamp": "%s.%06dZ", "severity": "%s", "message": %s}\n' % (
                about,
                logger,
                self._stamp,
                int((now - second) * 1000000),
                severity,
                quote(message),
            )
        self._output.write(text.encode("utf-8", "backslashreplace"))


def from_environment() -> Journal:
    """By COG_LOG_LEVEL and LOG_FORMAT; readable when standard error is a terminal."""
    style = os.environ.get("LOG_FORMAT", "")
    readable = style in ("development", "console") or (not style and _is_terminal(2))
    return Journal(os.environ.get("COG_LOG_LEVEL", "info"), readable=readable, output=Output(2))


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False

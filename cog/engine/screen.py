"""A terminal for a program that draws on one, whose words we want as well.

Strategy: the program gets a pseudo-terminal of the size of ours; a thread copies what it draws to
our standard error and keeps the lines. Without pseudo-terminals (Windows) there is none, and the
caller shows plain lines instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


class Screen:
    """`with Screen(take) as screen:` - `screen.descriptor` is the program's terminal."""

    def __init__(self, take: Callable[[str], None]) -> None:
        import pty  # not on Windows

        self._take = take
        self._master, self.descriptor = pty.openpty()
        resize(self.descriptor)
        self._thread = threading.Thread(target=self._copy, name="screen of a program", daemon=True)

    def __enter__(self) -> Screen:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)  # the last one to close it ends the copying
        self._thread.join(2)
        if not self._thread.is_alive():
            os.close(self._master)

    def _copy(self) -> None:
        rest = b""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""  # Linux says EIO when nobody holds the other end
            if not data:
                break
            try:
                os.write(2, data)
            except OSError:
                pass  # nobody looks any more; the program goes on
            *lines, rest = (rest + data).replace(b"\r", b"").split(b"\n")
            for line in lines:
                self._take(line.decode("utf-8", "replace"))
        if rest:
            self._take(rest.decode("utf-8", "replace"))


def resize(descriptor: int) -> None:
    """Give a terminal the size of ours."""
    import fcntl  # not on Windows
    import termios

    try:
        size = fcntl.ioctl(2, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, size)
    except OSError:
        pass  # ours has no size


def screen(take: Callable[[str], None]) -> Optional[Screen]:
    try:
        return Screen(take)
    except (ImportError, OSError):
        return None

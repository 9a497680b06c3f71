"""Signals as exceptions, but never between starting a program and knowing its number.

Strategy: SIGINT raises KeyboardInterrupt as always, SIGTERM and SIGHUP raise Stopped, so that
every `finally` on the way out runs. Inside a Shield they are held back: a program that has just
been started is always on record before the exception comes, and cleaning up is not cut short.
What must happen before we leave (a program to end, a folder to remove) is owed from the moment
it exists; the front door settles what an exception at a bad moment left unsettled.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Optional


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP reached the tool."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


def exception(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Stopped(number)


def number_of(interrupt: KeyboardInterrupt) -> int:
    return interrupt.number if isinstance(interrupt, Stopped) else int(signal.SIGINT)


class Shield:
    """`with Shield() as shield:` holds signals back; `shield.arrived` is the first that came.

    It is raised at the end of the outermost shield, unless somebody set `arrived` to 0 again.
    Main thread only: handlers run nowhere else.
    """

    depth = 0
    arrived = 0

    def __enter__(self) -> type[Shield]:
        Shield.depth += 1
        return Shield

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        Shield.depth -= 1
        if Shield.depth == 0 and Shield.arrived:
            number, Shield.arrived = Shield.arrived, 0
            if kind is None:
                raise exception(number)


def arrived(number: int, frame: Optional[FrameType]) -> None:
    if Shield.depth:
        Shield.arrived = Shield.arrived or number
    else:
        raise exception(number)


_owed: dict[int, Callable[[], None]] = {}


def owe(key: object, duty: Callable[[], None]) -> None:
    """Remember what is to be done for `key` before the tool leaves. Call it inside a Shield."""
    _owed[id(key)] = duty


def settled(key: object) -> None:
    _owed.pop(id(key), None)


def settle() -> None:
    """Do all that is still owed; the last first."""
    with Shield():
        while _owed:
            _owed.popitem()[1]()


def take() -> None:
    """Install the handlers; the front door calls it before a command that starts anything."""
    signal.signal(signal.SIGINT, arrived)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores it: so do we
            signal.signal(number, arrived)

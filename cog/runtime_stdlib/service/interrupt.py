"""How a prediction that waits for the network learns that it was canceled.

The thread that runs the prediction attaches a function that ends its wait (closing a socket, say); the thread
that cancels calls it. Attaching after the fact calls it at once, so that no cancel is lost in between.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict


class Interrupted(Exception):
    """The prediction was canceled while we waited on its behalf."""


class Interrupt:
    """One prediction's cancel switch. `canceled` only ever goes from False to True."""

    __slots__ = ("canceled", "_lock", "_stops", "_next")

    def __init__(self) -> None:
        self.canceled = False
        self._lock = threading.Lock()
        self._stops: Dict[int, Callable[[], None]] = {}
        self._next = 0

    def attach(self, stop: Callable[[], None]) -> int:
        """Have `stop` called on cancel, in the thread that cancels. It must not block."""
        with self._lock:
            self._next += 1
            token = self._next
            if not self.canceled:
                self._stops[token] = stop
                return token
        stop()
        return token

    def detach(self, token: int) -> None:
        with self._lock:
            self._stops.pop(token, None)

    def cancel(self) -> None:
        with self._lock:
            self.canceled = True
            stops = list(self._stops.values())
            self._stops.clear()
        for stop in stops:
            stop()

    def raise_if_canceled(self) -> None:
        """Raises Interrupted when the prediction has been canceled."""
        if self.canceled:
            raise Interrupted()

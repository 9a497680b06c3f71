"""Who runs, and where there is room. Every method is short, holds the lock and does no I/O."""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Deque, Dict, List, Optional, Set, Tuple

    from .process import Process, Slot
    from .runner import Run


class Busy(Exception):
    """No slot is free, or no worker is ready."""


class Roster:
    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._free: Deque[Slot] = deque()  # Invariant: no slot of a dead worker, none that a run has.
        self._runs: Set[Run] = set()
        self._by_id: Dict[Tuple[bool, str], Run] = {}  # training or not, id
        self._closed = False

    def admit(self, run: Run, *, idempotent: bool) -> Optional[Run]:
        """Give the run a slot; or, if `idempotent`, return the one of the same id that runs already.

        Raises Busy when there is no slot, or the id is taken.
        """
        key = run.key
        with self._lock:
            if key is not None:
                running = self._by_id.get(key)
                if running is not None:
                    if idempotent:
                        return running
                    raise Busy()
            if not self._free or self._closed:
                raise Busy()
            run.slot = self._free.popleft()
            self._runs.add(run)
            if key is not None:
                self._by_id[key] = run
            return None

    def release(self, run: Run) -> None:
        """The run is over: its slot is free for the next. Repeating it does nothing."""
        with self._lock:
            if run not in self._runs:
                return
            self._runs.discard(run)
            if run.key is not None:
                del self._by_id[run.key]
            slot = run.slot
            if slot is not None and slot.process.status is None and slot in slot.process.slots:
                self._free.append(slot)
            run.slot = None

    def add(self, slots: List[Slot]) -> None:
        with self._lock:
            self._free.extend(slots)

    def remove(self, process: Process) -> None:
        """A worker is gone, and with it its slots. Its runs notice by themselves."""
        with self._lock:
            self._free = deque(slot for slot in self._free if slot.process is not process)
            process.slots = []

    def find(self, training: bool, id: str) -> Optional[Run]:
        with self._lock:
            return self._by_id.get((training, id))

    def free(self) -> int:
        return len(self._free)

    def running(self) -> List[Run]:
        with self._lock:
            return list(self._runs)

    def close(self) -> None:
        """Admit nobody any more."""
        with self._lock:
            self._closed = True

"""The workers' fate: start them, know whether they are ready, bury them, start others.

Decision 11: a worker that dies is replaced, after a delay that grows; three deaths in a row without one
successful prediction between them end the server. COG_ON_CRASH=exit ends it at the first. With
--await-explicit-shutdown it stays up, DEFUNCT, instead of ending.
"""

from __future__ import annotations

import threading
import time

from ..lifecycle import health
from ..lifecycle.clock import iso
from ..schema.spec import Spec
from ..wire.settings import Settings
from .process import Process
from .roster import Roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from .journal import Journal, Output
    from .process import Forked

DEATHS_IN_A_ROW = 3
LONGEST_DELAY = 30.0

UNKNOWN_REASON = "failed for an unknown reason. It might have run out of memory? "


class Supervisor:
    """All workers of one server. Methods named in the past tense are called by a worker's watcher."""

    def __init__(
        self,
        settings: Settings,
        count: int,
        roster: Roster,
        *,
        command: str,
        outputs: Tuple[Output, Output],
        setup_timeout: float,
        stay: bool,
        exit_on_crash: bool,
    ) -> None:
        self.settings = settings
        self.count = count
        self.roster = roster
        self.setup = health.Setup()
        self.predict: Optional[Spec] = None
        self.train: Optional[Spec] = None
        self.early_failure = False
        self.defunct = False
        self.stopping = False
        self.settled = threading.Event()  # described, or never will be
        self.journal: Optional[Journal] = None
        self.on_stop: Callable[[int], None] = lambda status: None
        self.on_setup_done: Callable[[bool], None] = lambda ok: None
        self._command = command  # with which a fresh interpreter becomes a worker
        self._outputs = outputs
        self._setup_timeout = setup_timeout
        self._stay = stay
        self._exit_on_crash = exit_on_crash
        self._lock = threading.RLock()  # guards everything above that changes, and the list below
        self._processes: List[Process] = []
        self._deaths = 0
        self._numbers = 0
        self._outline: Optional[Process] = None
        self._failed_setup_text = ""
        self._health: Dict[str, bytes] = {}
        self._stop_event = threading.Event()
        self.setup.started_at = iso(time.time())

    # -- starting

    def _new(self, settings: Settings) -> Process:
        self._numbers += 1
        return Process(
            self,
            settings,
            *self._outputs,
            number=self._numbers,
            setup_timeout=self._setup_timeout,
        )

    def fork_first(self, forked: Forked) -> None:
        """Start all workers as forks, while this process still has one thread."""
        for _ in range(self.count):
            process = self._new(self.settings)
            process.fork(forked, self._processes)
            self._processes.append(process)

    def watch(self) -> None:
        for process in list(self._processes):
            process.watch()

    def _spawn(self, settings: Settings) -> Optional[Process]:
        process = self._new(settings)
        with self._lock:
            if self.stopping:
                return None
            process.spawn(self._command)  # with the lock held: child_ended() must not look before it is in the list
            self._processes.append(process)
        process.watch()
        return process

    # -- what workers say

    def described(self, process: Process, predict: Any, train: Any) -> None:
        with self._lock:
            if self.predict is None and self.train is None:
                self.predict = Spec.from_data(predict) if predict is not None else None
                self.train = Spec.from_data(train) if train is not None else None
        self.settled.set()

    def ready(self, process: Process) -> None:
        first = False
        with self._lock:
            alive = [one for one in self._processes if one.settings is self.settings]
            all_ready = all(one.is_ready for one in alive)
            if self.setup.status is None and all_ready:
                self.setup.logs = "".join(alive[0].setup_log)
                self.setup.completed_at = iso(time.time())
                self.setup.status = "succeeded"
                self._health.clear()
                first = True
        self.roster.add(process.slots)
        if self.journal is not None:
            self.journal.info("setup succeeded" if first else "worker ready")
        if first:
            self.on_setup_done(True)

    def setup_failed(self, process: Process, early: bool, text: str) -> None:
        if process is self._outline:
            self.settled.set()
            return
        self.fail_setup("".join(process.setup_log) + text if not early else text, early)

    def fail_setup(self, logs: str, early: bool) -> None:
        """The setup is over, and badly; only the first reason counts."""
        with self._lock:
            if self.setup.status is not None:
                if self.journal is not None:  # of a worker that replaces one that died: its end counts as a death
                    self.journal.error("setup failed", exception=logs)
                return
            self.setup.logs = logs
            self.setup.completed_at = iso(time.time())
            self.setup.status = "failed"
            self.early_failure = early
            self._health.clear()
        self.settled.set()
        if self.journal is not None:
            self.journal.error("setup failed", exception=logs)
        self.on_setup_done(False)
        for process in self._processes:
            process.signal_group(9)
        if not self._stay:
            self.on_stop(255)

    def died(self, process: Process) -> None:
        with self._lock:
            if process in self._processes:
                self._processes.remove(process)
            self.roster.remove(process)
            self._health.clear()
            if self.stopping or process is self._outline:
                self.settled.set()
                if process is self._outline and not self.stopping and self.setup.status is None:
                    self.fail_setup(self._failed_setup_text, False)
                return
            if self.setup.status == "failed":
                return
        if self.setup.status is None:
            self._died_in_setup(process)
            return
        self._died_in_service(process)

    def _died_in_setup(self, process: Process) -> None:
        if process.killed_for:
            reason = process.killed_for
        else:
            reason = "Predictor setup " + UNKNOWN_REASON + process.post_mortem().split("\n", 1)[0]
        text = "".join(process.setup_log)
        text += "Traceback (most recent call last):\n"
        text += "cog.server.exceptions.FatalWorkerException: " + reason + "\n"
        if process.described:
            self.fail_setup(text, False)
            return
        # It died while its file ran. What it looks like can still be told from the source.
        s = self.settings
        self._failed_setup_text = text
        try:
            self._outline = self._new(Settings(s.directory, s.predict, s.train, s.mode, s.concurrency, True))
            with self._lock:
                self._outline.spawn(self._command)
                self._processes.append(self._outline)
            self._outline.watch()
        except OSError:
            self.fail_setup(text, False)

    def _died_in_service(self, process: Process) -> None:
        canceled = process.killed_for is not None and process.is_ready
        with self._lock:
            if not canceled:
                self._deaths += 1
            deaths = self._deaths
            give_up = not canceled and (self._exit_on_crash or deaths >= DEATHS_IN_A_ROW)
            if give_up and self._stay:
                self.defunct = True
        if self.journal is not None:
            self.journal.error("worker died " + process.post_mortem())
        if give_up:
            for other in list(self._processes):
                other.signal_group(15)
            if not self._stay:
                # The prediction that it died of is answered first: its thread holds the way out open.
                self.on_stop(0 if self._exit_on_crash else 1)
            return
        delay = 0.0 if deaths <= 1 else min(LONGEST_DELAY, 0.5 * 2 ** (deaths - 2))
        threading.Thread(target=self._restart, args=(delay,), name="restart", daemon=True).start()

    def _restart(self, delay: float) -> None:
        if delay:
            self._stop_event.wait(delay)
        try:
            self._spawn(self.settings)
        except OSError as error:
            if self.journal is not None:
                self.journal.error("a new worker could not be started: %s" % error)
            self.on_stop(1)

    def succeeded(self) -> None:
        """A prediction has succeeded: whatever died before has nothing to do with what dies next."""
        if self._deaths:
            with self._lock:
                self._deaths = 0

    # -- what others ask

    def child_ended(self, pid: int, status: int) -> None:
        """The thread that reaps says that a child is gone."""
        with self._lock:
            for process in self._processes:
                if process.pid == pid:
                    break
            else:
                return  # an orphan that process 1 has inherited
        process.reaped(status)

    def pids(self) -> List[int]:
        with self._lock:
            return [process.pid for process in self._processes]

    def status(self) -> str:
        return health.status(
            setup=self.setup.status,
            defunct=self.defunct,
            workers_ready=sum(1 for process in self._processes if process.is_ready and process.status is None),
            slots_free=self.roster.free(),
        )

    def health(self) -> bytes:
        """The body of /health-check; made once for each status and setup."""
        word = self.status()
        body = self._health.get(word)
        if body is None:
            body = health.document(word, self.setup)
            if self.setup.status is not None:
                self._health[word] = body
        return body

    def stop(self, grace: float) -> None:
        """End all workers: idle ones by asking, others by SIGTERM, after `grace` seconds by SIGKILL."""
        with self._lock:
            self.stopping = True
            processes = list(self._processes)
        self._stop_event.set()
        for process in processes:
            if process.is_ready and not any(slot.run is not None for slot in process.slots):
                process.let_go()
            else:
                process.signal_group(15)
        deadline = time.monotonic() + grace
        for process in processes:
            if not process.exited.wait(max(0.0, deadline - time.monotonic())):
                process.signal_group(9)
        for process in processes:
            process.exited.wait(2.0)

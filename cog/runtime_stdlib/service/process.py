"""One worker process as the server sees it: its sockets, its log pipes, its end.

A thread of its own (the watcher) reads the control channel and the two log pipes. Threads that run predictions
read their slot's socket themselves. What the model wrote before it said it was done is already in the pipes by
then, so a prediction's thread empties them (drain) and its log is complete, with no marker and no waiting.
"""

from __future__ import annotations

import _socket
import os
import select
import signal
import sys
import threading
import time

from ..lifecycle.logs import Lines, split_tail
from ..wire import messages as m
from ..wire.codec import PIECE, Decoder, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Protocol, Sequence, Tuple

    from ..wire.settings import Settings
    from .journal import Output

    # What a forked child calls: control socket, settings, its ends of the two log pipes. Never returns.
    Forked = Callable[[Any, Settings, int, int], Any]

    class Listener(Protocol):
        """What a process tells its supervisor, in the watcher's thread."""

        def described(self, process: Process, predict: Any, train: Any) -> None: ...
        def ready(self, process: Process) -> None: ...
        def setup_failed(self, process: Process, early: bool, text: str) -> None: ...
        def died(self, process: Process) -> None: ...

    class LogTarget(Protocol):
        def logged(self, text: str) -> None: ...


TAIL_CHARACTERS = 4000
TAIL_LINES = 12


class Slot:
    """Room for one prediction in one worker: a socket. Owned by the thread that was given it."""

    __slots__ = ("process", "sock", "decoder", "run", "signalled")

    def __init__(self, process: Process, sock: _socket.socket) -> None:
        self.process = process
        self.sock = sock
        self.decoder = Decoder()
        self.run: Optional[LogTarget] = None
        self.signalled = False  # a cancel was sent to a sync worker, which will answer it

    def send(self, message: Tuple[Any, ...]) -> None:
        """Raises OSError when the worker is gone."""
        self.sock.sendall(encode(message))


class Process:
    """A worker process. Its state is written by the watcher alone, `exited` by the thread that reaps."""

    def __init__(
        self, listener: Listener, settings: Settings, out: Output, err: Output, *, number: int, setup_timeout: float
    ) -> None:
        self.listener = listener
        self.settings = settings
        self.number = number
        self.pid = 0
        self.slots: List[Slot] = []
        self.asynchronous = False
        self.is_ready = False
        self.described = False
        self.status: Optional[int] = None  # as os.waitpid gives it
        self.exited = threading.Event()
        self.buried = threading.Event()  # its last words are read and its slots taken back
        self.killed_for: Optional[str] = None
        self.setup_log: List[str] = []
        self._outputs = (out, err)
        self._setup_timeout = setup_timeout
        self._oom_before = oom_kills()
        self._pipes: Tuple[int, int] = (-1, -1)
        self._control: Optional[_socket.socket] = None
        self._lines = (Lines(), Lines())
        self._tail = ""
        self._log_lock = threading.Lock()  # Invariant: pipes are read, and lines given out, with it held.
        self._ready_fds: List[int] = []

    # -- birth

    def fork(self, forked: Forked, siblings: Sequence[Process] = ()) -> None:
        """Start as a fork of this process: only while it has one thread. `siblings` were forked before."""
        ours, theirs = _socket.socketpair()
        out, err = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                ours.close()
                os.close(out[0])
                os.close(err[0])
                for sibling in siblings:
                    sibling.forget()
                forked(theirs, self.settings, out[1], err[1])
            except BaseException:
                import traceback

                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(70)
        self._adopt(pid, ours, theirs, out, err)

    def spawn(self, command: str) -> None:
        """Start as a fresh interpreter that runs `command`: at any time. Raises OSError when there is no room for one."""
        ours, theirs = _socket.socketpair()
        out, err = os.pipe(), os.pipe()
        argv = [sys.executable, "-c", command, self.settings.dump()]
        # dup2 onto a descriptor's own number would keep it closed on exec, so none of ours may be that low.
        control = os.dup(theirs.fileno())
        moved = [control]
        while control <= 3:
            control = os.dup(theirs.fileno())
            moved.append(control)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out[1], 1),
            (os.POSIX_SPAWN_DUP2, err[1], 2),
            (os.POSIX_SPAWN_DUP2, control, 3),
        ]
        try:
            pid = os.posix_spawn(
                sys.executable,
                argv,
                dict(os.environ),
                file_actions=actions,
                setpgroup=0,
                setsigmask=[],
                setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE],
            )
        except OSError:
            for fd in (*out, *err):
                os.close(fd)
            ours.close()
            theirs.close()
            raise
        finally:
            for fd in moved:
                os.close(fd)
        self._adopt(pid, ours, theirs, out, err)

    def _adopt(self, pid: int, ours: Any, theirs: Any, out: Tuple[int, int], err: Tuple[int, int]) -> None:
        theirs.close()
        os.close(out[1])
        os.close(err[1])
        os.set_blocking(out[0], False)
        os.set_blocking(err[0], False)
        self._pipes = (out[0], err[0])
        self._control = ours
        self.pid = pid
        try:
            os.setpgid(pid, pid)  # the child does the same: whoever is first
        except OSError:
            pass
        self._quick = select.poll()  # asks the pipes without waiting; used with the log lock held
        for fd in self._pipes:
            self._quick.register(fd, select.POLLIN)

    def forget(self) -> None:
        """In a forked child: let go of a sibling's sockets, so that they close when the server closes them."""
        if self._control is not None:
            self._control.close()
        for fd in self._pipes:
            os.close(fd)

    def watch(self) -> None:
        """Have a thread read what the worker says until it is gone."""
        threading.Thread(target=self._watch, name="worker-%d" % self.number, daemon=True).start()

    # -- life

    def _watch(self) -> None:
        assert self._control is not None
        control = self._control
        poll = select.poll()
        poll.register(control.fileno(), select.POLLIN)
        for fd in self._pipes:
            poll.register(fd, select.POLLIN)
        decoder = Decoder()
        born = time.monotonic()
        timeout = self._setup_timeout
        talking = True
        while talking:
            wait = None
            if timeout and not self.is_ready:
                wait = max(0.0, born + timeout - time.monotonic()) * 1000
            for fd, _ in poll.poll(wait):
                if fd == control.fileno():
                    talking = self._hear(control, decoder)
                elif not self._read(self._pipes.index(fd)):
                    poll.unregister(fd)
            if wait is not None and not self.is_ready and time.monotonic() >= born + timeout:
                timeout = 0
                self.kill("Setup took longer than %g seconds (COG_SETUP_TIMEOUT)" % self._setup_timeout)
        self.exited.wait()
        with self._log_lock:
            self._read_all()
        control.close()
        self.listener.died(self)
        with self._log_lock:
            for fd in self._pipes:
                os.close(fd)
            self._pipes = (-1, -1)
        self.buried.set()

    def _hear(self, control: Any, decoder: Decoder) -> bool:
        try:
            data, ancillary, _, _ = control.recvmsg(PIECE, _socket.CMSG_SPACE(4 * 253))
        except OSError:
            return False
        for level, kind, packed in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                for start in range(0, len(packed) - len(packed) % 4, 4):
                    self._ready_fds.append(int.from_bytes(packed[start : start + 4], sys.byteorder))
        if not data:
            return False
        for message in decoder.feed(data):
            kind = message[0]
            if kind == m.DESCRIBED:
                self.described = True
                self.listener.described(self, message[1], message[2])
            elif kind == m.READY:
                self._become_ready(message[1], message[2])
            elif kind == m.SETUP_FAILED:
                with self._log_lock:
                    self._read_all()
                self.listener.setup_failed(self, message[1], message[2])
        return True

    def _become_ready(self, count: int, asynchronous: bool) -> None:
        if len(self._ready_fds) < count:
            return
        self.asynchronous = asynchronous
        for fd in self._ready_fds:
            os.set_inheritable(fd, False)
            self.slots.append(Slot(self, _socket.socket(fileno=fd)))
        with self._log_lock:
            self._read_all()
            self._finish_lines(None)
            self.is_ready = True
        self.listener.ready(self)

    # -- logs

    def _read(self, stream: int) -> bool:
        """Take what is in one pipe; False at its end."""
        with self._log_lock:
            fd = self._pipes[stream]
            if fd < 0:
                return False
            try:
                data = os.read(fd, PIECE)
            except BlockingIOError:  # a prediction's thread was here first
                return True
            except OSError:
                return False
            if not data:
                return False
            self._take(stream, data)
            return True

    def _read_all(self) -> None:
        while True:
            found = False
            for fd, event in self._quick.poll(0):
                if event & select.POLLIN:
                    stream = 0 if fd == self._pipes[0] else 1
                    try:
                        data = os.read(fd, PIECE)
                    except OSError:
                        continue
                    if data:
                        found = True
                        self._take(stream, data)
            if not found:
                return

    def _take(self, stream: int, data: bytes) -> None:
        self._outputs[stream].write(data)
        text = self._lines[stream].feed(data)
        if text:
            self._give(text, self._target())

    def _target(self) -> Optional[LogTarget]:
        """The prediction that text from the pipes belongs to: the one that runs, if exactly one does."""
        running = [slot.run for slot in self.slots if slot.run is not None]
        return running[0] if len(running) == 1 else None

    def _give(self, text: str, target: Optional[LogTarget]) -> None:
        self._tail = (self._tail + text)[-TAIL_CHARACTERS:]
        if not self.is_ready:
            self.setup_log.append(text)
        elif target is not None:
            target.logged(text)

    def _finish_lines(self, target: Optional[LogTarget]) -> None:
        for lines in self._lines:
            rest = lines.finish()
            if rest:
                self._give(rest, target)

    def take_logged(self, slot: Slot, stream: int, data: bytes, lines: Lines) -> None:
        """What one task of an async worker wrote."""
        self._outputs[stream - 1].write(data)
        text = lines.feed(data)
        if text and slot.run is not None:
            slot.run.logged(text)

    def drain(self, slot: Slot) -> None:
        """Everything the model wrote so far is in its log when this returns; later text belongs to nobody."""
        with self._log_lock:
            self._read_all()
            run = slot.run
            if run is not None and (len(self.slots) == 1 or self._target() is run):
                self._finish_lines(run)
            slot.run = None

    def tail(self) -> Tuple[str, ...]:
        return split_tail(self._tail, TAIL_LINES, TAIL_CHARACTERS)

    # -- end

    def kill(self, why: str) -> None:
        """End it and all it started, now."""
        if self.killed_for is None:
            self.killed_for = why
        self.signal_group(signal.SIGKILL)

    def signal_group(self, number: int) -> None:
        if self.status is None and self.pid:
            try:
                os.killpg(self.pid, number)
            except OSError:
                try:
                    os.kill(self.pid, number)
                except OSError:
                    pass

    def cancel(self, slot: Slot) -> None:
        """Tell the model. The caller holds the run's lock, so that the slot cannot be another prediction's."""
        try:
            slot.send((m.CANCEL,))
        except OSError:
            return
        if not self.asynchronous:
            slot.signalled = True
            if self.status is None:
                os.kill(self.pid, signal.SIGUSR1)

    def let_go(self) -> None:
        """Ask an idle worker to leave: its slots close."""
        for slot in self.slots:
            try:
                slot.sock.shutdown(_socket.SHUT_RDWR)
            except OSError:
                pass

    def reaped(self, status: int) -> None:
        """The process has ended. Whatever it started ends too, and nobody waits for its sockets any longer."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass
        self.status = status
        for sock in [slot.sock for slot in self.slots] + [self._control]:
            try:
                if sock is not None:
                    sock.shutdown(_socket.SHUT_RD)
            except OSError:
                pass
        self.exited.set()

    def exitcode(self) -> int:
        """As subprocess and the reference count: the exit status, or minus the signal's number."""
        status = self.status or 0
        if os.WIFSIGNALED(status):
            return -os.WTERMSIG(status)
        return os.WEXITSTATUS(status)

    def post_mortem(self) -> str:
        """Why it died, for the prediction's error: signal, memory, the last lines it printed."""
        code = self.exitcode()
        text = "(exitcode %d)" % code
        if self.killed_for:
            text += "\n" + self.killed_for + "."
        elif code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = "signal %d" % -code
            text += "\nThe worker process was ended by %s" % name
            if oom_kills() > self._oom_before:
                text += ": the kernel killed it because the container ran out of memory"
            text += "."
        elif code == 0:
            text += "\nThe worker process ended by itself."
        tail = self.tail()
        if tail:
            text += "\nThe last lines it printed:\n" + "\n".join("  " + line for line in tail)
        return text


def oom_kills() -> int:
    """How many processes of this control group the kernel has killed for memory; 0 where that cannot be read."""
    for path, key in (
        ("/sys/fs/cgroup/memory.events", "oom_kill"),
        ("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"),
    ):
        try:
            with open(path) as file:
                for line in file:
                    name, _, value = line.partition(" ")
                    if name == key:
                        return int(value)
        except (OSError, ValueError):
            continue
    return 0

"""The one place that starts other programs.

Strategy: `run` is a program in the foreground: its output is inherited, captured or followed line
by line, its end is waited for whatever signals arrive, and a failure carries the last lines of its
standard error. `Child` is one in the background, in a process group of its own, that `stop` ends
with everything it started.

Who gets a Ctrl-C: a program that shares our terminal gets it from the terminal, like us, so it is
only waited for. Any other one runs in a process group of its own and gets from us what we got.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from cog.engine.signals import Shield, Stopped, exception, number_of, owe, settled
from cog.errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, Optional, Union

__all__ = ["CAPTURE", "DIRECT", "INHERIT", "NOTHING", "STDERR", "Child", "Finished", "ProcessFailed", "ProgramMissing"]
__all__ += ["Stopped", "run", "signal_name"]

INHERIT, CAPTURE, STDERR, DIRECT, NOTHING = "inherit", "capture", "stderr", "direct", "nothing"
TAIL_LINES = 20
STOP_SECONDS = 5.0


class ProgramMissing(CogError):
    code = "program-missing"

    def __init__(self, program: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(
            f"{program} cannot be started",
            why=why or "there is no such program on the PATH",
            fix=fix or f"install {program}, or correct PATH",
        )
        self.program = program


class ProcessFailed(CogError):
    code = "process-failed"

    def __init__(self, what: str, *, status: int, tail: str, fix: str = "", why: str = "") -> None:
        ended = why or (f"it ended with status {status}" if status >= 0 else f"it was ended by {signal_name(-status)}")
        super().__init__(what, why=f"{ended}; the last lines were:\n{tail}" if tail else ended, fix=fix)
        self.status, self.tail = status, tail


class Finished:
    """How a program ended."""

    __slots__ = ("status", "stderr", "stdout")

    def __init__(self, status: int, stdout: bytes, stderr: str) -> None:
        self.status = status  # negative: the number of the signal that ended it
        self.stdout = stdout  # when captured
        self.stderr = stderr  # its last lines, when they went through us

    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


def run(
    argv: Sequence[str],
    *,
    what: str = "",
    cwd: Optional[Union[str, os.PathLike[str]]] = None,
    env: Optional[Mapping[str, str]] = None,
    stdin: Union[str, bytes] = NOTHING,
    stdout: str = STDERR,
    stderr: Union[str, int] = INHERIT,
    line: Optional[Callable[[str], None]] = None,
    check: bool = True,
    timeout: Optional[float] = None,
    foreground: bool = False,
    fix: str = "",
) -> Finished:
    """Run a program to its end.

    stdin: INHERIT, NOTHING, or the bytes to write.
    stdout: INHERIT, CAPTURE, STDERR (to our standard error, or to `line`), DIRECT (to our standard
        error even when there is a `line`) or NOTHING.
    stderr: INHERIT (or to `line`, the tail kept), CAPTURE (the tail kept, nothing shown), or a
        descriptor of the caller's, which takes standard output too when that is STDERR.
    line: gets standard error, and standard output too when that is STDERR, line by line.
    check: a status other than 0 raises ProcessFailed(what).
    timeout: seconds after which the program is killed and ProcessFailed is raised.
    foreground: the program is what the user asked for (cog run): a signal is passed on and waited
        out, and the status is the answer. Otherwise a signal ends the program and is raised again.
    """
    by_lines = line is not None
    own_group = not (
        (stdin == INHERIT and _terminal(0))
        or (not by_lines and stderr == INHERIT and _terminal(2))
        or (stdout == INHERIT and _terminal(1))
        or (stdout == DIRECT and _terminal(2))
    )
    with Shield():
        process = _start(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else None if stdin == INHERIT else subprocess.DEVNULL,
            stdout=stderr if isinstance(stderr, int) and stdout == STDERR else _output(stdout, by_lines),
            stderr=stderr if isinstance(stderr, int) else subprocess.PIPE if by_lines or stderr == CAPTURE else None,
            own_group=own_group,
        )
        owe(process, lambda: _kill(process, own_group))
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    captured = bytearray()
    show = _one_at_a_time(line, tail)
    readers = []
    if process.stderr is not None:
        readers.append(_reader(process.stderr, _Lines(show).feed))
    if process.stdout is not None:
        readers.append(_reader(process.stdout, captured.extend if stdout == CAPTURE else _Lines(show).feed))
    if isinstance(stdin, bytes) and process.stdin is not None:
        readers.append(_writer(process.stdin, stdin))
    try:
        status = _wait(process, timeout, foreground, own_group)
    except subprocess.TimeoutExpired:
        _kill(process, own_group)
        raise ProcessFailed(
            what or f"{argv[0]} was ended", status=0, tail="", fix=fix, why=f"it took more than {timeout:.0f} seconds"
        ) from None
    finally:
        if process.poll() is None:
            _kill(process, own_group)
        settled(process)
        for reader in readers:
            reader.join(2)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    finished = Finished(status, bytes(captured), "\n".join(tail))
    if check and status != 0:
        raise ProcessFailed(what or f"{argv[0]} failed", status=status, tail=finished.stderr, fix=fix)
    return finished


class Child:
    """A program in the background; everything it prints goes by lines to `line`, the tail is kept.

    `tied`: its standard input is a pipe that nothing is written to and that ends when we do, whatever ends us.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Optional[Union[str, os.PathLike[str]]] = None,
        env: Optional[Mapping[str, str]] = None,
        line: Optional[Callable[[str], None]] = None,
        tied: bool = False,
    ) -> None:
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        with Shield():
            self._process = _start(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                own_group=True,
            )
            assert self._process.stdout is not None
            self._reader = _reader(self._process.stdout, _Lines(_one_at_a_time(line, self._tail)).feed)
            owe(self, self.stop)

    def alive(self) -> bool:
        return self._process.poll() is None

    def status(self) -> Optional[int]:
        return self._process.poll()

    def wait(self) -> int:
        """Until it ends by itself; its status."""
        return self._process.wait()

    def tail(self) -> str:
        if not self.alive():
            self._reader.join(1)  # what it said last is still in the pipe
        return "\n".join(self._tail)

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """SIGTERM to its whole group, SIGKILL after `grace` seconds or a second Ctrl-C."""
        with Shield() as shield:
            if self._process.poll() is None:
                _send(self._process, signal.SIGTERM, group=True)
                deadline = time.monotonic() + grace
                while self._process.poll() is None and time.monotonic() < deadline and not shield.arrived:
                    try:
                        self._process.wait(0.05)
                    except subprocess.TimeoutExpired:
                        continue
            _kill(self._process, group=True)  # also what it left behind in its group
            settled(self)
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._reader.join(1)
            if self._process.stdout is not None and not self._reader.is_alive():
                self._process.stdout.close()


def _start(
    argv: Sequence[str],
    *,
    cwd: Optional[Union[str, os.PathLike[str]]],
    env: Optional[Mapping[str, str]],
    stdin: Optional[int],
    stdout: Optional[int],
    stderr: Optional[int],
    own_group: bool,
) -> subprocess.Popen[bytes]:
    grouping: dict[str, Any] = {}
    if own_group:
        # A session, not only a group: process_group is new in 3.11 and preexec_fn is unsafe with threads.
        grouping["start_new_session"] = True
    try:
        return subprocess.Popen(
            list(argv), cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0, **grouping
        )
    except FileNotFoundError as error:
        if cwd is not None and not os.path.isdir(cwd):
            raise ProgramMissing(argv[0], why=f"the folder {cwd} does not exist", fix="create it") from error
        raise ProgramMissing(argv[0]) from error
    except PermissionError as error:
        raise ProgramMissing(
            argv[0], why="it may not be executed", fix=f"chmod +x {argv[0]}, or check who owns it"
        ) from error
    except OSError as error:
        raise ProgramMissing(argv[0], why=str(error), fix="check that it is a program for this machine") from error


def _output(stdout: str, by_lines: bool) -> Optional[int]:
    if stdout == INHERIT:
        return None
    if stdout == CAPTURE or (stdout == STDERR and by_lines):
        return subprocess.PIPE
    return subprocess.DEVNULL if stdout == NOTHING else 2


def _wait(process: subprocess.Popen[bytes], timeout: Optional[float], foreground: bool, own_group: bool) -> int:
    interrupt: Optional[KeyboardInterrupt] = None
    patience = timeout
    while True:
        try:
            status = process.wait(patience)
            break
        except KeyboardInterrupt as again:
            number = number_of(again)
            if interrupt is not None and not (foreground and _terminal(0)):
                _kill(process, own_group)  # the second time: at once
            elif own_group or number != signal.SIGINT:
                _send(process, number, own_group)
            # else: the terminal has sent it to the program as well
            interrupt = again
            patience = None if foreground else STOP_SECONDS
        except subprocess.TimeoutExpired:
            if interrupt is None:
                raise
            _kill(process, own_group)
            patience = None
    if interrupt is not None and not foreground:
        raise exception(number_of(interrupt))
    return status


def _send(process: subprocess.Popen[bytes], number: int, group: bool) -> None:
    try:
        if group and hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except (ProcessLookupError, PermissionError):
        pass  # it has gone meanwhile


def _kill(process: subprocess.Popen[bytes], group: bool) -> None:
    """End a program at once, with all that it has started, whatever groups and sessions that is in."""
    with Shield():
        family = _halted_family(process.pid) if process.poll() is None else []
        _send(process, getattr(signal, "SIGKILL", signal.SIGTERM), group)
        for pid in family:
            _signal(pid, signal.SIGKILL)
        process.wait()


def _halted_family(pid: int) -> list[int]:
    """The descendants of a process, it and they stopped: what is stopped starts nothing new meanwhile."""
    if not hasattr(signal, "SIGSTOP"):
        return []  # Windows
    family: list[int] = []
    news = [pid]
    while news:
        for one in news:
            _signal(one, signal.SIGSTOP)
        known = {pid, *family}
        news = [child for child, parent in parents().items() if parent in known and child not in known]
        family += news
    return family


def parents() -> dict[int, int]:
    """Process -> its parent, of all processes."""
    found = {}
    if os.path.exists("/proc/self/stat"):
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", "rb") as file:
                        found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
                except OSError:
                    continue  # it has ended meanwhile
        return found
    try:
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True).stdout
    except OSError:
        return found
    for line in listing.splitlines():
        child, _, parent = line.strip().partition(" ")
        found[int(child)] = int(parent)
    return found


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # it has gone meanwhile


def _terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


class _Lines:
    """Bytes in any pieces -> lines of text; a carriage return ends a line too."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if not data and self._rest:
            lines, self._rest = [self._rest], b""
        for text in lines:
            self._show(text.decode("utf-8", "replace"))


def _one_at_a_time(line: Optional[Callable[[str], None]], tail: deque[str]) -> Callable[[str], None]:
    lock = threading.Lock()

    def show(text: str) -> None:
        with lock:
            if text.strip():
                tail.append(text)
            if line is not None:
                line(text)

    return show


def _reader(stream: IO[bytes], take: Callable[[bytes], object]) -> threading.Thread:
    def read() -> None:
        while True:
            try:
                data = stream.read(65536)
            except (OSError, ValueError):
                data = b""
            take(data)  # the empty end too: it completes the last line
            if not data:
                return

    thread = threading.Thread(target=read, name="output of a program", daemon=True)
    thread.start()
    return thread


def _writer(stream: IO[bytes], data: bytes) -> threading.Thread:
    def write() -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[stream.write(rest) :]  # unbuffered: it may take a part
        except OSError:
            pass  # it did not want all of it
        finally:
            stream.close()

    thread = threading.Thread(target=write, name="input of a program", daemon=True)
    thread.start()
    return thread


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

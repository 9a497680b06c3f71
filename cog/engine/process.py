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
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Optional, Union

from cog.errors import CogError

INHERIT, CAPTURE, STDERR, NOTHING = "inherit", "capture", "stderr", "nothing"
TAIL_LINES = 20
STOP_SECONDS = 5.0


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP reached the tool; the front door raises it from its signal handlers."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


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

    def __init__(self, what: str, *, status: int, tail: str, fix: str = "") -> None:
        ended = f"it ended with status {status}" if status >= 0 else f"it was ended by {signal_name(-status)}"
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
    stderr: str = INHERIT,
    line: Optional[Callable[[str], None]] = None,
    check: bool = True,
    timeout: Optional[float] = None,
) -> Finished:
    """Run a program to its end.

    stdin: INHERIT, NOTHING, or the bytes to write.
    stdout: INHERIT, CAPTURE, STDERR (to our standard error) or NOTHING; with `line`, by lines to it.
    stderr: INHERIT, CAPTURE (the tail is kept, nothing shown); with `line`, by lines to it, tail kept.
    check: a status other than 0 raises ProcessFailed(what).
    """
    raise NotImplementedError


class Child:
    """A program in the background; everything it prints goes by lines to `line`, the tail is kept."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Optional[Union[str, os.PathLike[str]]] = None,
        env: Optional[Mapping[str, str]] = None,
        line: Optional[Callable[[str], None]] = None,
    ) -> None:
        raise NotImplementedError

    def alive(self) -> bool:
        raise NotImplementedError

    def status(self) -> Optional[int]:
        raise NotImplementedError

    def tail(self) -> str:
        raise NotImplementedError

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """SIGTERM to its whole group, SIGKILL after `grace` seconds. May be called twice."""
        raise NotImplementedError


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_unused = (sys, threading, subprocess, deque, IO)

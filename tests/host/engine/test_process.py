"""Programs in the foreground and in the background, against real ones."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from cog.engine import signals
from cog.engine.process import CAPTURE, NOTHING, STDERR, Child, ProcessFailed, ProgramMissing, parents, run

PYTHON = sys.executable


def python(code: str) -> list[str]:
    return [PYTHON, "-c", code]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_output_may_be_captured() -> None:
    finished = run(python("print('out'); import sys; print('err', file=sys.stderr)"), stdout=CAPTURE, stderr=CAPTURE)
    assert (finished.status, finished.text(), finished.stderr) == (0, "out\n", "err")


def test_output_may_be_followed_line_by_line() -> None:
    lines: list[str] = []
    run(python(r"print('one\rtwo\n\nthree', end='')"), stdout=STDERR, line=lines.append)
    assert lines == ["one", "two", "", "three"]


def test_a_failure_carries_its_status_and_its_last_lines() -> None:
    code = "import sys\nfor n in range(30): print('line', n, file=sys.stderr)\nsys.exit(3)"
    with pytest.raises(ProcessFailed, match="the build failed") as caught:
        run(python(code), what="the build failed", stderr=CAPTURE, fix="try again")
    assert caught.value.status == 3
    assert caught.value.tail.splitlines() == [f"line {n}" for n in range(10, 30)]
    assert caught.value.why.startswith("it ended with status 3; the last lines were:\nline 10\n")
    assert caught.value.fix == "try again"


def test_a_program_that_a_signal_ended_says_which() -> None:
    with pytest.raises(ProcessFailed) as caught:
        run(python("import os; os.kill(os.getpid(), 9)"), stdout=NOTHING, stderr=CAPTURE)
    assert (caught.value.status, caught.value.why) == (-9, "it was ended by SIGKILL")


def test_a_failure_may_be_looked_at_instead() -> None:
    assert run(python("raise SystemExit(7)"), check=False).status == 7


def test_bytes_may_be_written_to_it_and_need_not_be_read() -> None:
    much = b"x" * 1_000_000
    count = run(python("import sys; print(len(sys.stdin.buffer.read()))"), stdin=much, stdout=CAPTURE)
    assert count.text() == "1000000\n"
    assert run(python("pass"), stdin=much).status == 0


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ProgramMissing, match="no-such-program cannot be started") as caught:
        run(["no-such-program"])
    assert caught.value.why == "there is no such program on the PATH"


def test_a_program_that_may_not_be_executed_is_named(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(ProgramMissing) as caught:
        run([str(script)])
    assert caught.value.why == "it may not be executed"


def test_a_folder_that_is_not_there_is_not_mistaken_for_the_program(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing) as caught:
        run(python("pass"), cwd=tmp_path / "nowhere")
    assert caught.value.why == f"the folder {tmp_path / 'nowhere'} does not exist"


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(ProcessFailed) as caught:
        run(python(code), timeout=2)
    assert caught.value.why == "it took more than 2 seconds"
    assert gone(int(mark.read_text()))


@pytest.fixture
def handlers() -> object:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signals.take()
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def when_printed(word: str, number: int) -> tuple[list[str], object]:
    """A `line` callback that sends us a signal once the program has said `word`."""
    lines: list[str] = []

    def line(text: str) -> None:
        lines.append(text)
        if text.startswith(word):
            os.kill(os.getpid(), number)

    return lines, line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_program_and_is_raised_again(number: signal.Signals, handlers: object) -> None:
    lines, line = when_printed("ready", number)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(python("import os, time; print('ready', os.getpid(), flush=True); time.sleep(600)"), line=line)  # type: ignore[arg-type]
    assert signals.number_of(caught.value) == number
    assert gone(int(lines[0].split()[1]))


def test_a_program_in_the_foreground_gets_the_signal_and_its_status_counts(handlers: object) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    _, line = when_printed("ready", signal.SIGTERM)
    assert run(python(code), line=line, foreground=True, check=False).status == 5  # type: ignore[arg-type]


def test_a_signal_inside_a_shield_comes_at_its_end(handlers: object) -> None:
    reached = []
    with pytest.raises(signals.Stopped) as caught:
        with signals.Shield():
            os.kill(os.getpid(), signal.SIGTERM)
            with signals.Shield():
                reached.append("inner")
            reached.append("outer")
        reached.append("behind")
    assert reached == ["inner", "outer"]
    assert caught.value.number == signal.SIGTERM


def test_an_error_inside_a_shield_wins_over_the_signal(handlers: object) -> None:
    with pytest.raises(ValueError):
        with signals.Shield():
            os.kill(os.getpid(), signal.SIGTERM)
            raise ValueError
    with signals.Shield():
        pass


class Lines:
    """What a child printed, and a way to wait for a line of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()

    def __call__(self, text: str) -> None:
        with self._news:
            self.lines.append(text)
            self._news.notify_all()

    def first(self) -> str:
        with self._news:
            assert self._news.wait_for(lambda: self.lines, 30)
            return self.lines[0]


def test_a_child_is_followed_and_stopped() -> None:
    lines = Lines()
    child = Child(python("import time; print('up', flush=True); time.sleep(600)"), line=lines)
    assert lines.first() == "up"
    assert (child.alive(), child.status(), child.tail()) == (True, None, "up")
    child.stop()
    assert (child.alive(), child.status()) == (False, -signal.SIGTERM)
    child.stop()


def test_stopping_a_child_ends_what_it_started() -> None:
    lines = Lines()
    code = (
        "import subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "time.sleep(600)"
    )
    child = Child(python(code), line=lines)
    pid = int(lines.first())
    child.stop()
    assert not child.alive()
    assert ended(pid)


def test_a_child_that_ignores_the_polite_way_is_killed() -> None:
    lines = Lines()
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    child = Child(python(code), line=lines)
    lines.first()
    child.stop(grace=0.1)
    assert child.status() == -signal.SIGKILL


@pytest.mark.parametrize("session", [False, True])
def test_a_child_that_is_killed_takes_even_what_has_left_its_session(session: bool) -> None:
    lines = Lines()
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "deep = 'import time; print(1, flush=True); time.sleep(600)'\n"
        "inner = 'import subprocess, sys; subprocess.run([sys.executable, \"-c\", sys.argv[1]])'\n"
        f"child = subprocess.Popen([sys.executable, '-c', inner, deep], start_new_session={session}, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    child = Child(python(code), line=lines)
    pid = int(lines.first())
    grandchildren = [one for one, parent in parents().items() if parent == pid]
    assert len(grandchildren) == 1
    child.stop(grace=0.1)
    for one in (pid, *grandchildren):
        assert ended(one)


def ended(pid: int) -> bool:
    """Wait until a process that is no child of ours has gone, or only init has still to notice."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
    return False


def test_the_last_words_of_a_child_that_ended_are_kept() -> None:
    child = Child(python("import sys; sys.exit('no more')"))
    while child.alive():
        pass
    assert (child.tail(), child.status()) == ("no more", 1)
    child.stop()

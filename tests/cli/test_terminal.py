"""What a person at a terminal sees: colour, an interactive command, Ctrl-C typed on the keyboard."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import sys
import time

import pytest
from conftest import Cog


class Terminal:
    """A pseudo-terminal with a command in it."""

    def __init__(self, cog: Cog, words: list[str], **extra: str) -> None:
        environment = cog.environment({"TERM": "xterm", **extra})
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(cog.project)
            os.execve(cog.words[0], [*cog.words, *words], environment)
        self.seen = ""

    def until(self, text: str) -> str:
        """Read until `text` has appeared."""
        deadline = time.monotonic() + 60
        while text not in self.seen:
            if not self._read(deadline):
                raise AssertionError(f"{text!r} did not appear in {self.seen!r}")
        return self.seen

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def end(self) -> tuple[int, str]:
        """The exit status, and all that was seen."""
        deadline = time.monotonic() + 60
        while self._read(deadline):
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.descriptor)
        return status, self.seen

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))
        try:
            data = os.read(self.descriptor, 4096) if ready else b""
        except OSError:
            data = b""  # the other end is closed
        self.seen += data.decode("utf-8", "replace")
        return bool(data)


def test_an_interactive_command_talks_with_the_terminal(tool: Cog) -> None:
    terminal = Terminal(tool, ["run", "python", "-q", "-i", "-c", "print('isatty', __import__('sys').stdin.isatty())"])
    terminal.until("isatty True")
    terminal.type("print(6 * 7)\n")
    terminal.until("42")
    terminal.type("raise SystemExit(5)\n")
    assert terminal.end()[0] == 5


def test_ctrl_c_belongs_to_the_interactive_command(tool: Cog) -> None:
    terminal = Terminal(tool, ["run", "python", "-q", "-i", "-c", "import time; print('up', flush=True)"])
    terminal.until("up")
    terminal.type("print('asleep'), time.sleep(600)\n")
    terminal.until("asleep\r\n")
    terminal.type("\x03")
    terminal.until("KeyboardInterrupt")
    terminal.type("print('still ' + 'here')\n")
    terminal.until("still here")
    terminal.type("exit()\n")
    assert terminal.end()[0] == 0


def test_ctrl_c_ends_a_prediction(tool: Cog) -> None:
    tool.write(
        predict_py=(
            "import time\nclass Predictor:\n    def predict(self) -> str:\n"
            "        print('bu' + 'sy')\n        time.sleep(600)\n"
        )
    )
    terminal = Terminal(tool, ["predict"])
    terminal.until("busy")
    terminal.type("\x03")
    status, seen = terminal.end()
    assert (status, "interrupted" in seen) == (130, True)
    assert tool.survivors() == []


def test_ctrl_c_ends_serve_well(tool: Cog) -> None:
    tool.write(
        predict_py="class Predictor:\n    def setup(self): print('get' + 'ting ready')\n    def predict(self) -> str: ...\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    terminal = Terminal(tool, ["serve", "-p", str(port)])
    terminal.until(f"Serving at http://127.0.0.1:{port}")
    terminal.until("getting ready")
    terminal.type("\x03")
    status, seen = terminal.end()
    assert (status, "Traceback" in seen) == (0, False), seen
    assert tool.survivors() == []


@pytest.mark.parametrize(
    ("extra", "words", "colored"),
    [
        ({}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({"COG_NO_COLOR": "1"}, [], False),
        ({"TERM": "dumb"}, [], False),
        ({}, ["--no-color"], False),
    ],
)
def test_colour_is_for_terminals_that_want_it(tool: Cog, extra: dict[str, str], words: list[str], colored: bool) -> None:
    status, seen = Terminal(tool, ["predikt", *words], **extra).end()
    assert (status, "\033[" in seen, "error:" in seen) == (2, colored, True)


def test_a_pipe_gets_no_colour_unless_it_is_forced(tool: Cog) -> None:
    assert "\033[" not in tool("predikt").stderr
    assert "\033[" in tool("predikt", FORCE_COLOR="1").stderr


def test_output_that_nobody_reads_is_no_traceback(tool: Cog) -> None:
    process = tool.start("--help")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() in (0, 1)
    assert isinstance(process, subprocess.Popen) and sys.platform != "win32"

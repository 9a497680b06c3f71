"""Ctrl-C, SIGTERM and SIGHUP at any moment: status 130 (143, 129), no process, no file of ours left.

Each model tells through a file how far it is; the test sends the signal exactly then.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Cog

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
MODEL = """\
import pathlib, time


def reached(name):
    if name == "{moment}":
        pathlib.Path("reached").touch()
        time.sleep(600)


reached("import")


class Predictor:
    def setup(self):
        reached("setup")

    def predict(self) -> str:
        reached("predict")
        return "done"
"""
UV = """\
#!/bin/sh
mkdir -p "$COG_TEST_ENV"
: > "{project}/reached"
sleep 600
"""


def when_reached(cog: Cog, process: subprocess.Popen[str]) -> None:
    """Wait until the file is there, or the command has ended without it."""
    mark = cog.project / "reached"
    deadline = time.monotonic() + 60
    while not mark.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(process.communicate())
        time.sleep(0.01)
    mark.unlink()


def interrupted(cog: Cog, process: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    when_reached(cog, process)
    os.kill(process.pid, number)
    stdout, stderr = process.communicate(timeout=60)
    assert cog.survivors() == []
    assert cog.leftovers() == []
    return process.returncode, stdout, stderr


@pytest.mark.parametrize("moment", ["import", "setup", "predict"])
def test_ctrl_c_while_the_model_is_busy(tool: Cog, moment: str) -> None:
    tool.write(predict_py=MODEL.replace("{moment}", moment))
    before = sorted(path.name for path in tool.project.iterdir())
    status, stdout, stderr = interrupted(tool, tool.start("predict", "-o", "out.txt"), signal.SIGINT)
    assert (status, stdout) == (130, "")
    assert stderr.endswith("interrupted\n")
    assert "Traceback" not in stderr.replace('Traceback (most recent call last):\n  File "' + str(tool.project), "")
    assert sorted(path.name for path in tool.project.iterdir()) == before


@pytest.mark.parametrize(("number", "status"), SIGNALS, ids=lambda value: str(value))
def test_any_signal_stops_the_server_of_a_prediction(tool: Cog, number: signal.Signals, status: int) -> None:
    tool.write(predict_py=MODEL.replace("{moment}", "predict"))
    assert interrupted(tool, tool.start("predict"), number)[:2] == (status, "")


@pytest.mark.parametrize("moment", ["setup", "predict"])
def test_a_tool_that_is_killed_takes_its_server_with_it(tool: Cog, moment: str) -> None:
    tool.write(predict_py=MODEL.replace("{moment}", moment))
    process = tool.start("predict")
    when_reached(tool, process)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while tool.survivors() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert tool.survivors() == []


def test_a_second_ctrl_c_does_not_wait(tool: Cog) -> None:
    tool.write(
        predict_py=(
            "import pathlib, signal, time\n"
            "class Predictor:\n"
            "    def predict(self) -> str:\n"
            "        pathlib.Path('reached').touch()\n"
            "        while True:\n"
            "            try:\n"
            "                time.sleep(600)\n"
            "            except BaseException:\n"
            "                pathlib.Path('reached').touch()\n"
        )
    )
    process = tool.start("predict")
    when_reached(tool, process)
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert tool.survivors() == []


@pytest.mark.parametrize(("number", "status"), SIGNALS, ids=lambda value: str(value))
def test_a_half_made_environment_is_removed(tool: Cog, number: signal.Signals, status: int) -> None:
    tool.write(cog_yaml='build:\n  python_packages: ["six"]\npredict: "predict.py:Predictor"\n')
    (tool.bin / "uv").write_text(UV.replace("{project}", str(tool.project)))
    (tool.bin / "uv").chmod(0o755)
    half = tool.project / ".cog" / "env-half"
    assert interrupted(tool, tool.start("predict", COG_TEST_ENV=str(half)), number)[0] == status
    kept = {path.name for path in (tool.project / ".cog").iterdir() if path.is_dir()}
    assert kept == {"env-half"}, "what our own stand-in made is all that may be left"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 0)], ids=["INT", "TERM"])
def test_serve_ends_well_when_it_is_told_to(tool: Cog, number: signal.Signals, status: int, free_port: Callable[[], int]) -> None:
    tool.write(
        predict_py="import pathlib\n"
        "class Predictor:\n"
        "    def setup(self): pathlib.Path('reached').touch()\n"
        "    def predict(self) -> str: ...\n"
    )
    process = tool.start("serve", "-p", str(free_port()))
    assert interrupted(tool, process, number)[:2] == (status, "")


def test_a_command_of_run_gets_the_signal_and_its_status_counts(tool: Cog) -> None:
    code = "trap 'exit 7' TERM; : > reached; while :; do sleep 0.05; done"
    assert interrupted(tool, tool.start("run", "sh", "-c", code), signal.SIGTERM)[0] == 7
    code = ": > reached; exec sleep 600"
    assert interrupted(tool, tool.start("run", "sh", "-c", code), signal.SIGTERM)[0] == 143


@pytest.fixture
def free_port() -> Callable[[], int]:
    import socket

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


def test_init_interrupted_leaves_nothing(tool: Cog, tmp_path: Path) -> None:
    """Not by timing: the last file cannot be written, and what came before goes again."""
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / ".github").write_text("a file where a folder should be")
    ended = tool("init", cwd=folder)
    assert ended.status == 1, ended
    assert [path.name for path in folder.iterdir()] == [".github"]


@pytest.mark.parametrize("module", ["cog.cli.main", "cog.cli.unpacked", "cog.cli.commands"])
def test_ctrl_c_while_the_tool_itself_is_being_loaded(module: str) -> None:
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from cog.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")

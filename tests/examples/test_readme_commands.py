"""The commands of each example's README, typed as they stand there, by a shell that has only the built file.

Strategy: a fenced `console` block is a script: lines that begin with `$ ` are commands (a trailing backslash goes
on), all others are what standard output must show, where `...` stands for anything. The folder is copied first,
so that a run leaves nothing behind in the tree.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/cog.yaml"))

# Those that install packages; the others need nothing but Python.
HEAVY = {"blur", "digits", "embed", "resnet"}
NEEDS_TORCH = {"embed", "resnet"}


@dataclass(frozen=True)
class Block:
    """One fenced block: what is typed and what it must print."""

    commands: str
    expected: str


def blocks(readme: Path) -> list[Block]:
    found = []
    for text in re.findall(r"^```console\n(.*?)^```$", readme.read_text(encoding="utf-8"), re.M | re.S):
        commands, expected, going_on = [], [], False
        for line in text.splitlines():
            if going_on or line.startswith("$ "):
                commands.append(line if going_on else line[2:])
                going_on = line.endswith("\\")
            else:
                expected.append(line)
        found.append(Block("\n".join(commands), "\n".join(expected)))
    return found


def matches(expected: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(piece) for piece in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.S) is not None


@pytest.fixture(scope="session")
def pyz() -> Path:
    built = ROOT / "dist" / "cog.pyz"
    if not built.exists():
        pytest.skip("dist/cog.pyz is not built: run `python3 build_zipapp.py`")
    return built


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def torch_can_be_had() -> bool:
    """Whether the Python that the examples declare, or else this one, can install their torch."""
    python = shutil.which("python3.11") or sys.executable
    asked = [python, "-m", "pip", "download", "--no-deps", "--dest", "/dev/null/never", "torch==2.13.0"]
    try:
        answer = subprocess.run([*asked[:4], "--quiet", *asked[4:]], capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return True  # it began to load: the package is there
    return "No matching distribution" not in answer.stderr and "No module named pip" not in answer.stderr


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "example",
    [pytest.param(path, id=path.name, marks=[pytest.mark.heavy] * (path.name in HEAVY)) for path in EXAMPLES],
)
def test_the_commands_of_the_readme_do_what_it_says(example: Path, pyz: Path, tmp_path: Path) -> None:
    if example.name in NEEDS_TORCH and not torch_can_be_had():
        pytest.skip("torch==2.13.0 cannot be had for Python 3.11 here")
    folder = tmp_path / "examples" / example.name
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".cog", "__pycache__"))
    shell = tmp_path / "bin"
    shell.mkdir()
    command = shell / "cog"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{pyz}" "$@"\n')
    command.chmod(0o755)
    port = str(free_port())
    for block in blocks(example / "README.md"):
        # -u and pipefail: a command that fails without saying so ends the block.
        # On every machine the same engine, the one that needs no Docker; tests/image has the other.
        script = f'set -eu -o pipefail\nexport PATH="{shell}:$PATH" COG_ENGINE=local\n' + block.commands.replace("8393", port)
        status, printed, said = typed(script, folder)
        assert matches(block.expected, printed) and status == 0, (
            f"$ {block.commands}\nexit status {status}\n--- expected\n{block.expected}\n--- printed\n{printed}\n--- said\n{said}"
        )


def typed(script: str, folder: Path) -> tuple[int, str, str]:
    """Run one block in a session of its own, so that whatever it left behind can be ended with it."""
    ran = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, said = ran.communicate(timeout=1200)
    finally:
        try:
            os.killpg(ran.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        ran.wait()
    return ran.returncode, printed, said

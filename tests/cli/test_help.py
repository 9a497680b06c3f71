"""Help, version and completion."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Cog


def test_cog_alone_is_its_help(cog: Cog) -> None:
    alone, asked, named = cog(), cog("--help"), cog("help")
    assert (alone.status, alone.stderr) == (0, "")
    assert alone.stdout == asked.stdout == named.stdout
    assert alone.stdout.index("Examples") < alone.stdout.index("Usage") < alone.stdout.index("Commands")


@pytest.mark.parametrize("command", ["init", "predict", "train", "serve", "run", "exec", "build", "push", "login", "debug"])
def test_a_command_helps_in_three_ways_examples_first(tool: Cog, command: str) -> None:
    texts = [tool(command, "--help"), tool(command, "-h"), tool("help", command)]
    assert [(text.status, text.stderr) for text in texts] == [(0, "")] * 3
    assert len({text.stdout for text in texts}) == 1
    assert texts[0].stdout.index("Examples") < texts[0].stdout.index("Usage")
    assert f"\n  cog {command}" in texts[0].stdout


@pytest.mark.parametrize("topic", ["exit-status", "environment"])
def test_there_is_help_about_more_than_commands(tool: Cog, topic: str) -> None:
    assert tool("help", topic).status == 0


def test_the_version_is_the_third_word_wherever_it_is_asked_for(cog: Cog) -> None:
    for words in (["--version"], ["--debug", "--version"], ["predict", "--version"]):
        ended = cog(*words)
        assert (ended.status, ended.stderr) == (0, "")
        assert ended.stdout.split()[:2] == ["cog", "version"]
        assert len(ended.stdout.split()[2].split(".")) == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_shell_gets_a_script(tool: Cog, shell: str, tmp_path: Path) -> None:
    ended = tool("completion", shell)
    assert (ended.status, ended.stderr) == (0, "")
    assert "--setup-timeout" in ended.stdout.replace("-l setup-timeout", "--setup-timeout")
    if shutil.which(shell) and shell != "powershell":
        script = tmp_path / "script"
        script.write_text(ended.stdout)
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["cog", "pre"], ["predict"]),
        (["cog", "predict", "--in"], ["--input"]),
        (["cog", "--debug", "serve", "--p"], ["--port", "--progress"]),
        (["cog", "--ver"], ["--version"]),
    ],
)
def test_bash_completes_commands_and_flags(tool: Cog, typed: list[str], offered: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        tool("completion", "bash").stdout
        + f"COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}; _cog; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    )
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (offered, "")

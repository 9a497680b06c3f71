"""Which engine is taken, told by a stand-in for docker."""

from __future__ import annotations

import pytest
from conftest import Cog


def stand_in(cog: Cog, script: str) -> None:
    (cog.bin / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (cog.bin / "docker").chmod(0o755)


def test_without_a_docker_that_answers_a_prediction_goes_on_locally_and_says_so(tool: Cog) -> None:
    stand_in(
        tool,
        "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1",
    )
    ended = tool("predict", "-i", "text=x", COG_ENGINE="(unset)")
    assert (ended.status, ended.stdout) == (0, "x\n"), ended
    assert ended.stderr.splitlines()[0].startswith("Going on without Docker, with the local engine (")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "words", [["predict", "-i", "text=x"], ["predict", "some-image"], ["build"], ["push", "r/x"]], ids=" ".join
)
def test_who_asks_for_docker_is_told_why_it_is_not_there(tool: Cog, words: list[str]) -> None:
    stand_in(tool, "echo 'Cannot connect to the Docker daemon. Is the docker daemon running?' >&2; exit 1")
    ended = tool(*words, "--engine", "docker")
    assert (ended.status, ended.stdout) == (1, ""), ended
    assert ended.stderr.count("error: ") == 1
    assert "  fix: " in ended.stderr


def test_an_image_argument_is_pulled_inspected_and_its_inputs_checked_first(tool: Cog) -> None:
    schema = (
        '{\\"components\\": {\\"schemas\\": {\\"Input\\": {\\"properties\\": '
        '{\\"text\\": {\\"type\\": \\"string\\"}}, \\"required\\": [\\"text\\"]}}}}'
    )
    labels = f'{{"run.cog.config": "{{}}", "run.cog.openapi_schema": "{schema}"}}'
    stand_in(
        tool,
        f'echo "$@" >> {tool.project}/docker.log\n'
        'case "$1 $2" in\n'
        f"'image inspect'|'inspect '*) echo '[{{\"Config\": {{\"Labels\": {labels}}}}}]' ;;\n"
        "esac",
    )
    ended = tool("predict", "some-image", "-i", "txt=x", "--engine", "docker")
    assert (ended.status, ended.stdout) == (1, ""), ended
    assert "- txt: unknown input; did you mean text? The inputs are: text\n" in ended.stderr
    calls = (tool.project / "docker.log").read_text().splitlines()
    assert not any(call.startswith("run ") for call in calls)

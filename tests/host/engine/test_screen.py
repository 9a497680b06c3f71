"""A terminal for a program that draws on one."""

from __future__ import annotations

from typing import Any

from cog.engine import process
from cog.engine.screen import Screen


def test_the_program_has_a_terminal_we_see_what_it_draws_and_have_its_lines(capfd: Any) -> None:
    lines: list[str] = []
    with Screen(lines.append) as screen:
        script = "test -t 1 && test -t 2 && echo drawn; echo words >&2; printf 'no line end' >&2; exit 3"
        finished = process.run(["sh", "-c", script], stderr=screen.descriptor, check=False)
    assert finished.status == 3
    assert lines == ["drawn", "words", "no line end"]
    out, err = capfd.readouterr()
    assert out == "" and err.replace("\r", "") == "drawn\nwords\nno line end"

"""docs/cli.md says what `cog help` says. `python tests/cli/test_documentation.py` writes it anew."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cli.md"
BLOCK = re.compile(r"<!-- cog help (\w+) -->\n```text\n(.*?)```\n", re.S)


def helps() -> dict[str, str]:
    from cog.cli.help import about
    from cog.cli.main import all_commands

    return {command.name: about(command, command.name) for command in all_commands()}


def test_every_command_is_described_as_it_describes_itself() -> None:
    assert dict(BLOCK.findall(PAGE.read_text())) == helps()


def test_every_flag_is_documented() -> None:
    from cog.cli.main import all_commands

    written = PAGE.read_text()
    missing = [
        f"{command.name} --{flag.name}"
        for command in all_commands()
        for flag in command.flags
        if not flag.hidden and f"--{flag.name}" not in written
    ]
    assert missing == []


def test_every_command_has_an_example_and_a_summary() -> None:
    from cog.cli.main import all_commands

    assert [command.name for command in all_commands() if not (command.examples and command.summary)] == []


def test_every_variable_of_a_flag_is_documented() -> None:
    from cog.cli.main import all_commands
    from cog.cli.parser import GLOBAL_FLAGS

    page = (ROOT / "docs" / "environment.md").read_text()
    flags = [*GLOBAL_FLAGS, *(flag for command in all_commands() for flag in command.flags)]
    assert sorted({flag.env for flag in flags if flag.env and f"`{flag.env}`" not in page}) == []


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    texts = helps()
    page = BLOCK.sub(lambda block: f"<!-- cog help {block[1]} -->\n```text\n{texts[block[1]]}```\n", PAGE.read_text())
    PAGE.write_text(page)

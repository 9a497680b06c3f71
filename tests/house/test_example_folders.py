"""Every example is whole: the files a reader expects, and commands in its README."""

from __future__ import annotations

from pathlib import Path

import pytest
from tree import ROOT

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_a_configuration_a_model_and_commands(example: Path) -> None:
    present = {name for name in ("cog.yaml", "predict.py", "README.md") if (example / name).is_file()}
    assert present == {"cog.yaml", "predict.py", "README.md"}
    readme = (example / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {example.name}\n")
    assert "```console\n$ cog " in readme


def test_the_index_lists_every_example() -> None:
    index = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [example.name for example in EXAMPLES if f"[{example.name}]({example.name})" not in index] == []

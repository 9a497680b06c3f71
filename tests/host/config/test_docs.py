"""The examples of docs/yaml.md are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cog.compat import load_tables, resolve
from cog.config import parse

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "yaml.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ROWS = re.search(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_example_is_a_cog_yaml_without_problems(number: int) -> None:
    assert [note.code for note in parse(BLOCKS[number]).notes] == []


def test_the_example_of_a_compatibility_file_can_be_used(tmp_path: Path) -> None:
    assert ROWS is not None
    (tmp_path / "rows.json").write_text(ROWS[1], encoding="utf-8")
    tables = load_tables([str(tmp_path / "rows.json")])
    got = resolve(parse("build:\n  gpu: true\n"), ["torch==2.16.0"], tables)
    assert (got.python_version, got.base_image, got.requirements) == (
        "3.12",
        "nvidia/cuda:13.2.1-cudnn-devel-ubuntu24.04",
        ("--extra-index-url https://wheels.example.com/pytorch/whl/cu132", "torch==2.16.0"),
    )


def test_every_key_has_a_section() -> None:
    from cog.config.shape import known_keys

    sections = set(re.findall(r"^##+ `(\w+)`$", TEXT, re.MULTILINE))
    assert sections == {*known_keys(()), *known_keys(("build",))}

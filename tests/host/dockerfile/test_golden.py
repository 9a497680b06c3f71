"""Whole Dockerfiles, reasons and all. A case is a folder in tests/golden/dockerfile; adding one needs no code.

cog.yaml and options.json (fields of PlanOptions, and `use_cuda_base_image`) give `Dockerfile`.
COG_TEST_UPDATE_GOLDEN=1 writes it anew; the diff is what gets reviewed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cog.compat import load_tables, resolve
from cog.config import parse
from cog.dockerfile.plan import PlanOptions, plan, weights_plan
from cog.dockerfile.render import render

CASES = sorted((Path(__file__).parents[2] / "golden" / "dockerfile").iterdir())


def written(case: Path) -> str:
    given = json.loads((case / "options.json").read_text()) if (case / "options.json").exists() else {}
    base = given.pop("use_cuda_base_image", "auto")
    config = parse((case / "cog.yaml").read_text())
    resolution = resolve(config, config.build.python_packages, load_tables(), use_cuda_base_image=base)
    options = PlanOptions(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
    text = render(plan(config, resolution, options), explain=True)
    if options.weights_image:
        text += "\n=== weights ===\n" + render(weights_plan(options), explain=True)
    return text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_dockerfile_is_the_one_that_was_reviewed(case: Path) -> None:
    text = written(case)
    expected = case / "Dockerfile"
    if os.environ.get("COG_TEST_UPDATE_GOLDEN"):
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_is_fetched_that_nobody_asked_for(case: Path) -> None:
    text = written(case)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert not any(
        word in line for line in lines for word in ("syntax=", "tini", "pyenv", "ENTRYPOINT", "<<", "--link", "--chmod")
    )

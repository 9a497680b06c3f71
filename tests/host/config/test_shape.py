"""The table that judges good files and the pydantic models behind it say the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cog.config import shape
from cog.config.document import Number
from cog.config.models import CogYaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "host"))

import regenerate  # noqa: E402  (a script beside the tests)


def accepted_by_the_models(tree: Any) -> bool:
    try:
        CogYaml.validate(tree)
    except (ValidationError, TypeError):
        return False
    return True


KEYS = st.sampled_from(
    "build image predict run train concurrency environment tests gpu python_version python_packages "
    "cuda command mounts type id target max default_target sdk_version python_requirements other".split()
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["", "secret", "x"]),
    st.sampled_from([Number("3", "int"), Number("3.1", "float")]),
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
# Mostly right files with one thing put wrong somewhere find more than arbitrary trees do.
MOUNTS = st.lists(st.fixed_dictionaries({"type": SCALARS, "id": SCALARS, "target": SCALARS}), max_size=2)
RUN = st.lists(SCALARS | st.fixed_dictionaries({"command": SCALARS}, optional={"mounts": MOUNTS}), max_size=2)
BUILD = st.fixed_dictionaries(
    {},
    optional={
        "gpu": SCALARS,
        "python_version": SCALARS,
        "python_packages": st.none() | st.lists(SCALARS, max_size=2),
        "cuda": SCALARS,
        "run": st.none() | RUN,
        "sdk_version": SCALARS,
    },
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "build": BUILD | SCALARS,
        "predict": SCALARS,
        "concurrency": SCALARS | st.fixed_dictionaries({"max": SCALARS}),
        "environment": st.none() | st.lists(SCALARS, max_size=2),
        "tests": st.none() | st.lists(TREES, max_size=2),
    },
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tree=FILES | TREES)
def test_both_give_the_same_verdict(tree: Any) -> None:
    assert shape.accepts(tree) == accepted_by_the_models(tree)


def test_the_table_is_current() -> None:
    assert regenerate.TABLE.read_text(encoding="utf-8") == regenerate.table_text(), (
        "run python tests/host/regenerate.py schema"
    )


def test_the_published_json_schema_is_current() -> None:
    assert regenerate.SCHEMA.read_text(encoding="utf-8") == regenerate.schema_text(), (
        "run python tests/host/regenerate.py schema"
    )


def test_every_key_of_the_json_schema_is_explained_there() -> None:
    document = regenerate.schema()
    for node in [document, *document["definitions"].values()]:
        for name, entry in node["properties"].items():
            assert entry.get("description"), name


@pytest.mark.parametrize("text, loaded", [("build:\\n  gpu: true\\n", "False"), ("buildd:\\n", "True")])
def test_only_a_file_with_problems_costs_the_import_of_pydantic(text: str, loaded: str) -> None:
    script = (
        "import sys\n"
        "from cog.config import ConfigInvalid, parse\n"
        f"try: parse('{text}')\n"
        "except ConfigInvalid: pass\n"
        "print('pydantic' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == loaded

"""All case files of the command line, each as a test. COG_TEST_CLI_CASES names their folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import adapter  # noqa: E402

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "spec" / "cases" / "cli"
FOLDER = Path(os.environ.get("COG_TEST_CLI_CASES") or BESIDE)
CASES = sorted(FOLDER.glob("*.json"))

if not CASES:
    pytest.skip(f"no case files in {FOLDER} (COG_TEST_CLI_CASES names another folder)", allow_module_level=True)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    outcome = adapter.run_case(case, tmp_path, monkeypatch, capfd)
    assert adapter.differences(case, outcome) == []

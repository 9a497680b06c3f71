"""What a user reads when a cog.yaml is wrong: one folder per case, the text compared as a whole.

A new case is a new folder with a cog.yaml. COG_TEST_UPDATE_GOLDEN=1 writes the texts; review the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cog.config import ConfigInvalid, parse

CASES = Path(__file__).parents[2] / "golden" / "config"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_the_message_is_the_one_that_was_reviewed(case: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse((CASES / case / "cog.yaml").read_text(encoding="utf-8"))
    codes = " ".join(problem.code for problem in caught.value.problems)
    text = f"{caught.value.report()}\n\n[{codes}]\n"
    golden = CASES / case / "message.txt"
    if os.environ.get("COG_TEST_UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")

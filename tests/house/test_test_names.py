"""Test files have base names of their own: pytest imports them by it, and two of one name stop the whole run."""

from __future__ import annotations

from collections import Counter

from tree import ROOT


def test_no_two_test_files_have_one_name() -> None:
    count = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, times in count.items() if times > 1] == []

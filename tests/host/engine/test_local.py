"""The deciding parts of the local engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from cog.engine.local import absolute, installs, remedy


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--find-links wheels", "--find-links /p/wheels"),
        ("--find-links=wheels", "--find-links /p/wheels"),
        ("-f ./wheels", "--find-links /p/wheels"),
        ("--find-links https://example.com/x.html", "--find-links https://example.com/x.html"),
        ("--find-links /opt/wheels", "--find-links /opt/wheels"),
        ("pillow==11.3.0", "pillow==11.3.0"),
        ("./wheels/x.whl", "./wheels/x.whl"),
        ("", ""),
        ("# --find-links wheels", "# --find-links wheels"),
    ],
)
def test_folders_of_links_are_those_of_the_project(line: str, expected: str) -> None:
    assert absolute([line], Path("/p")) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pillow", True),
        ("-e .", True),
        ("--editable ./x", True),
        ("", False),
        ("  # comment", False),
        ("--index-url https://example.com", False),
        ("-f wheels", False),
    ],
)
def test_a_line_may_only_say_where_packages_come_from(line: str, expected: bool) -> None:
    assert installs(line) is expected


@pytest.mark.parametrize(
    ("tail", "word"),
    [
        ("ERROR: No matching distribution found for x==9", "version"),
        ("No solution found when resolving dependencies", "version"),
        ("OSError: [Errno 28] No space left on device", "room"),
        ("Temporary failure in name resolution", "network"),
        ("error: command 'gcc' failed: No such file or directory", "compiler"),
        ("something else", "what pip says"),
    ],
)
def test_a_failed_installation_has_aremedy(tail: str, word: str) -> None:
    assert word in remedy(tail, "pip")

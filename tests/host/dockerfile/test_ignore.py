"""Which paths a .dockerignore hides: the builder's rules."""

from __future__ import annotations

import pytest

from cog.dockerfile.ignore import Ignore, escaped, split
from cog.dockerfile.plan import GENERIC_IGNORE, ignore_lines


@pytest.mark.parametrize(
    ("line", "hidden", "shown"),
    [
        ("secret", ["secret", "secret/a", "secret/a/b"], ["secrets", "a/secret"]),
        ("/secret", ["secret"], ["a/secret"]),
        ("secret/", ["secret", "secret/a"], ["a/secret"]),
        ("*.log", ["a.log"], ["b/a.log", "a.logs"]),
        ("**/*.log", ["a.log", "b/a.log", "c/b/a.log"], ["a.logs"]),
        ("*/temp*", ["a/temporary.txt", "a/temp"], ["temp", "a/b/temp"]),
        ("temp?", ["tempa"], ["temp", "tempab", "temp/"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
        ("a/**/z", ["a/z", "a/b/c/z"], ["a/b"]),
        ("[ab].txt", ["a.txt", "b.txt"], ["c.txt"]),
        ("[^ab].txt", ["c.txt"], ["a.txt"]),
        ("[a-c].txt", ["b.txt"], ["d.txt"]),
        (r"a\*b", ["a*b"], ["axb"]),
        ("./x/../secret", ["secret"], ["x"]),
        ("a.b", ["a.b"], ["axb"]),
        ("a b", ["a b", "a b/c"], ["a"]),
        ("# comment", [], ["# comment", "comment"]),
        ("   ", [], ["x"]),
        (".", [], ["x"]),
        ("*", ["x", "x/y"], []),
    ],
)
def test_a_line_hides_what_the_builder_hides(line: str, hidden: list[str], shown: list[str]) -> None:
    ignore = Ignore([line])
    assert [path for path in hidden if not ignore.hides(path)] == []
    assert [path for path in shown if ignore.hides(path)] == []


def test_the_last_line_that_fits_decides() -> None:
    ignore = Ignore(["*", "!predict.py", "!data", "data/private"])
    assert not ignore.hides("predict.py")
    assert not ignore.hides("data/a")
    assert ignore.hides("data/private/a")
    assert ignore.hides("other")


def test_a_folder_may_be_skipped_only_when_nothing_in_it_is_shown_again() -> None:
    assert Ignore(["venv"]).hides_all_below("venv")
    assert not Ignore(["venv", "!venv/keep"]).hides_all_below("venv")


@pytest.mark.parametrize("path", ["plain", "with space", "a*b", "a?b", "a[1]", "back\\slash", "!bang", "#hash", "ü"])
def test_an_escaped_path_hides_itself_and_nothing_else(path: str) -> None:
    ignore = Ignore([escaped(path)])
    assert ignore.hides(path)
    assert not ignore.hides(path.replace("*", "x").replace("?", "y").replace("[1]", "1") + "z")


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    assert Ignore(split("\ufeffone\r\ntwo\r\n")).hides("one")
    assert Ignore(split("\ufeffone\r\ntwo\r\n")).hides("two")


def test_the_ignore_file_of_a_build_starts_with_the_users_lines() -> None:
    assert ignore_lines(["mine", "", ""]) == ["mine", "", ".cog"]
    assert ignore_lines([]) == [".cog"]
    assert ignore_lines(["mine"], generic=True, weights=[("models", True), ("big.bin", False)]) == [
        *["mine", "", ".cog", *GENERIC_IGNORE],
        *["models", "models/**/*", "big.bin"],
    ]

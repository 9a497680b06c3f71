"""The limits: their names, their settings, and that the documentation knows them all."""

import os
import re

import pytest

from cog.runtime_stdlib.web.limits import LIMITS, Limits, amount, from_environment

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "limits.md")


def test_defaults():
    limits = Limits()
    assert {name: getattr(limits, name) for name, _, _ in LIMITS} == {name: default for name, default, _ in LIMITS}
    assert limits.max_body_size == 2**30
    assert limits.max_header_size == 32768


def test_the_environment_changes_them():
    limits = from_environment({"COG_MAX_BODY_SIZE": "64M", "COG_HEADER_TIMEOUT": "2.5", "COG_MAX_CONNECTIONS": "", "PATH": "/"})
    assert (limits.max_body_size, limits.header_timeout, limits.max_connections) == (64 << 20, 2.5, 512)


@pytest.mark.parametrize(
    "text, value",
    [("0", 0), ("1000", 1000), ("8K", 8192), ("8KiB", 8192), ("1.5 MiB", 3 << 19), ("2G", 2 << 30), ("10MB", 10**7), (" 7 ", 7)],
)
def test_sizes_may_have_units(text, value):
    assert amount("max_body_size", text) == value


@pytest.mark.parametrize("name, text", [("max_body_size", "big"), ("max_body_size", "-1"), ("max_body_size", "5 apples"),
                                        ("body_timeout", "10s"), ("body_timeout", "5K"), ("body_timeout", "nan")])  # fmt: skip
def test_what_is_no_amount_is_refused(name, text):
    with pytest.raises(ValueError, match=re.escape(repr(text)) + " is not a number of (bytes|seconds)"):
        amount(name, text)


def test_a_wrong_setting_is_named():
    with pytest.raises(ValueError, match="^COG_BODY_RATE: 'fast' is not a number of bytes$"):
        from_environment({"COG_BODY_RATE": "fast"})


def test_there_is_no_other_limit():
    with pytest.raises(TypeError, match="no such limit: max_patience"):
        Limits(max_patience=1)


@pytest.mark.skipif(not os.path.exists(PAGE), reason="the documentation is not beside the payload")
def test_every_limit_is_documented_with_its_flag_variable_and_default():
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    for name, default, _ in LIMITS:
        row = re.search(r"^\| `--%s`[^\n]*$" % name.replace("_", "-"), text, re.MULTILINE)
        assert row is not None, name
        assert "`COG_%s`" % name.upper() in row[0]
        assert any(shown in row[0] for shown in spellings(default)), (row[0], default)


def spellings(default):
    yield "| %d " % default
    for unit, size in (("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)):
        if default % size == 0:
            yield "| %d %s" % (default // size, unit)
    yield "| %d s" % default

"""The ports of `cog run -p`."""

from __future__ import annotations

import pytest

from cog.actions.run import PortInvalid, port
from cog.engine.interface import Port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8888", Port(8888, 8888)),
        ("9999:8888", Port(8888, 9999)),
        ("0.0.0.0:8888", Port(8888, 8888, "0.0.0.0")),
        ("0.0.0.0:9999:8888", Port(8888, 9999, "0.0.0.0")),
        ("localhost:8888", Port(8888, 8888, "localhost")),
        ("[::1]:9999:8888", Port(8888, 9999, "::1")),
        ("[::]:8888", Port(8888, 8888, "::")),
    ],
)
def test_a_port_may_have_an_outside_and_an_address(text: str, expected: Port) -> None:
    assert port(text) == expected


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "1:2:3:4", "[::1", "a:b:c", "-1", "1.5", "[::1]:a:1", ":80", "²"])
def test_anything_else_is_no_port(text: str) -> None:
    with pytest.raises(PortInvalid):
        port(text)

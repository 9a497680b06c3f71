"""What a head says, beyond where the request ends (the corpus has that)."""

import pytest

from cog.runtime_stdlib.web.head import BadRequest, HeadReader, parse_head
from cog.runtime_stdlib.web.limits import Limits


def head(*lines, **changed):
    return parse_head("\r\n".join(lines + ("", "")).encode("latin-1"), Limits(**changed))


def test_a_head_is_taken_apart():
    found = head("PUT /predictions/a%20b?x=1&y=/?z HTTP/1.1", "Host: a:5000", "X-Trace:  a b ", "Content-Length: 007")
    assert (found.method, found.path, found.query, found.version) == ("PUT", "/predictions/a%20b", "x=1&y=/?z", (1, 1))
    assert found.headers == {"host": "a:5000", "x-trace": "a b", "content-length": "007"}
    assert (found.length, found.chunked, found.keep_alive, found.expect) == (7, False, True, False)


def test_repeated_fields_are_joined_in_order():
    found = head("GET / HTTP/1.1", "Host: a", "Prefer: wait=5", "prefer: respond-async")
    assert found.headers["prefer"] == "wait=5, respond-async"


def test_values_are_latin_1_so_that_no_byte_is_lost():
    found = head("GET / HTTP/1.1", "Host: a", "X: caf\xc3\xa9")
    assert found.headers["x"].encode("latin-1") == "café".encode()


@pytest.mark.parametrize(
    "version, connection, stays",
    [
        ("1.1", None, True),
        ("1.1", "keep-alive", True),
        ("1.1", "close", False),
        ("1.1", "CLOSE", False),
        ("1.1", "te, Close", False),
        ("1.1", "closed", True),
        ("1.0", None, False),
        ("1.0", "keep-alive", True),
        ("1.0", "Keep-Alive, TE", True),
        ("1.0", "close", False),
    ],
)
def test_who_keeps_the_connection(version, connection, stays):
    lines = ["GET / HTTP/" + version, "Host: a"] + (["Connection: " + connection] if connection else [])
    assert head(*lines).keep_alive is stays


def test_an_expectation_is_noted_for_http_1_1_alone():
    assert head("POST / HTTP/1.1", "Host: a", "Expect: 100-Continue", "Content-Length: 1").expect
    assert not head("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 1").expect


@pytest.mark.parametrize(
    "lines, changed, status",
    [
        (("GET /aaaa HTTP/1.1", "Host: a"), {"max_request_line": 17}, 414),
        (("GET / HTTP/1.1", "Host: a", "X: y"), {"max_header_fields": 1}, 431),
        (("GET / HTTP/1.1", "Host: a", "X: y"), {"max_header_size": 32}, 431),
    ],
)
def test_limits_hold_to_the_byte(lines, changed, status):
    with pytest.raises(BadRequest) as refused:
        head(*lines, **changed)
    assert refused.value.status == status
    ((name, value),) = changed.items()
    assert head(*lines, **{name: value + 1}).method == "GET"


def test_what_is_said_to_the_client_never_quotes_it():
    for line in ('X"y', "X\x00: y", "X: \x07", "Content-Length: <script>", "Transfer-Encoding: \u00ff"):
        with pytest.raises(BadRequest) as refused:
            head("GET / HTTP/1.1", "Host: a", line)
        assert set(refused.value.detail) <= set(" -._/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:")


def test_what_follows_the_head_is_kept():
    reader = HeadReader(Limits())
    assert reader.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r") is None
    assert reader.feed(b"\nhello more").length == 5
    assert reader.rest == b"hello more"


def test_a_header_that_drips_in_costs_linear_time():
    # A reader that searches its whole buffer for every byte would look at 500 million bytes here.
    reader = HeadReader(Limits(max_header_size=40000))
    reader.feed(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(30000):
        assert reader.feed(b"y") is None
    assert reader.feed(b"\r\nHost: a\r\n\r\n").headers["x"] == "y" * 30000

"""The server's view of bytes, over real sockets: our corpus, and h11 as a second opinion on whatever hypothesis invents."""

import os
import sys

import pytest
from web_server import serving

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "runtime", "http_corpus"))
from http_corpus import cases  # noqa: E402

h11 = pytest.importorskip("h11", minversion="0.16", reason="h11 >= 0.16 is the oracle")
hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


@pytest.mark.parametrize("case", cases("valid", "invalid", "framing"), ids=lambda case: case.group + ": " + case.name)
def test_each_case_of_the_corpus_is_answered_as_it_says(server, case):
    answers = server.ask(case.raw)
    assert [answer.echoed for answer in answers if answer.status == 200] == case.requests
    others = [answer for answer in answers if answer.status not in (100, 200)]
    assert [answer.status for answer in others] == ([case.status] if case.status else [])
    if others:
        assert answers[-1] is others[0]
        assert others[0].headers["connection"] == "close"
        assert others[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("case", cases("incomplete"), ids=lambda case: case.name)
def test_a_request_that_the_client_gives_up_is_not_answered(server, case):
    assert [answer.echoed for answer in server.ask(case.raw) if answer.status == 200] == case.requests


def oracle(raw):
    """The requests that h11 reads in the bytes before it refuses something or has no more."""
    requests = []
    while raw:
        if raw[:2] == b"\r\n":
            raw = raw[2:]  # RFC 9112, 2.2 forgives one empty line before a request; h11 does not
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        try:
            connection.receive_data(raw)
            request = connection.next_event()
            if not isinstance(request, h11.Request):
                return requests  # the rest is the beginning of a request
            body = b""
            while True:
                event = connection.next_event()
                if isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    break
                else:
                    return requests  # the body is not all there
        except h11.RemoteProtocolError:
            return requests
        requests.append((request.method.decode(), request.target.decode(), body))
        connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
        connection.send(h11.EndOfMessage())
        if connection.states[h11.SERVER] is h11.MUST_CLOSE and not kept_by_an_old_client(request):
            break
        raw = connection.trailing_data[0]
    return requests


def kept_by_an_old_client(request):
    """HTTP/1.0 with `Connection: keep-alive`, which h11 does not do."""
    options = [
        option.strip(b" \t") for name, value in request.headers if name == b"connection" for option in value.lower().split(b",")
    ]
    return request.http_version == b"1.0" and b"keep-alive" in options and b"close" not in options


# Pieces that requests and attacks are made of; hypothesis puts them together in ways nobody would think of.
line_end = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n"])
method = st.sampled_from([b"GET", b"POST", b"POST", b"PUT", b"get", b"GE\x00T", b"", b" GET", b"OPTIONS"])
target = st.sampled_from([b"/", b"/p?q=1", b"/a%20b", b"*", b"http://a/", b"/a b", b"/\xe9", b"/#f", b"", b"//x"])
version = st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b""])
length = st.sampled_from(
    [b"0", b"3", b"5", b"005", b"+5", b"-1", b"5,5", b"5, 5", b"0x5", b"5 ", b"\t5", b"", b"5_0", b"99999999999999999999999"]
)
coding = st.sampled_from(
    [b"chunked", b"Chunked", b"gzip", b"identity", b"chunked, chunked", b" chunked", b"chunked ", b"x,chunked", b'"chunked"', b""]
)
name = st.sampled_from(
    [b"X-A", b"X_B", b"Accept", b"X\x00", b"X ", b" X", b"\tX", b"X[]", b"", b"Content-Type", b"Trailer", b"Te"]
)
value = st.one_of(
    st.sampled_from([b"", b"a", b"a b", b"close", b"a\x00", b"\x7f", b"\xff", b"a\r", b"a\nb", b"\t"]), st.binary(max_size=6)
)
length_name = st.sampled_from([b"Content-Length", b"content-length", b"Content-Length ", b"Content_Length"])
coding_name = st.sampled_from([b"Transfer-Encoding", b"transfer-encoding", b"Transfer-Encoding\t", b"Transfer_Encoding"])
separator = st.sampled_from([b": ", b":", b" : "])
field = st.one_of(
    st.just((b"Host", b": ", b"a")),
    st.tuples(length_name, separator, length),
    st.tuples(coding_name, separator, coding),
    st.tuples(st.just(b"Connection"), st.just(b": "), st.sampled_from([b"close", b"keep-alive", b"Close, te", b"close\x0b"])),
    st.tuples(name, st.sampled_from([b": ", b":", b" :", b""]), value),
)  # fmt: skip
size = st.sampled_from(
    [
        b"0",
        b"3",
        b"5",
        b"5",
        b"A",
        b"0005",
        b"+5",
        b"-5",
        b"0x5",
        b"5 ",
        b" 5",
        b"5;x",
        b"5 ;x=y",
        b"5;x\ry",
        b"",
        b"5_0",
        b"ffffffffffffffffff",
    ]
)
chunk = st.builds(
    lambda *parts: b"".join(parts), size, line_end, st.sampled_from([b"hello", b"abc", b"", b"0\r\n\r\n"]), line_end
)
body = st.one_of(
    st.sampled_from([b"", b"hello", b"abc", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"]),
    st.lists(chunk, max_size=3).map(b"".join).map(lambda chunks: chunks + b"0\r\n\r\n"),
    st.binary(max_size=20),
)


@st.composite
def messages(draw):
    raw = b""
    for _ in range(draw(st.integers(1, 3))):
        raw += draw(st.sampled_from([b""] * 8 + [b"\r\n", b"\n", b" "]))
        raw += b" ".join((draw(method), draw(target), draw(version))) + draw(line_end)
        fields = draw(st.lists(field, max_size=4))
        if draw(st.integers(0, 9)):
            fields.insert(draw(st.integers(0, len(fields))), (b"Host", b": ", b"a"))
        for parts in fields:
            raw += b"".join(parts) + draw(line_end)
        raw += draw(line_end) + draw(body)
    return raw


def check(server, raw):
    answers = server.ask(raw)
    ours = [answer.echoed for answer in answers if answer.status == 200]
    refused = [answer.status for answer in answers if answer.status not in (100, 200)]
    theirs = oracle(raw)
    # We are stricter and may stop earlier, but then we say so. Nothing is read that h11 does not read as well.
    assert ours == theirs[: len(ours)]
    assert refused or len(ours) == len(theirs)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(messages())
def test_no_request_is_read_that_h11_does_not_read(server, raw):
    check(server, raw)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(cases("valid", "framing")), st.data())
def test_mutations_of_the_corpus(server, case, data):
    raw = bytearray(case.raw[:2000])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        what = data.draw(st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b":", b"0", b"\xff", b"", b",", b";"]))
        raw[at : at + data.draw(st.integers(0, 2))] = what
    check(server, bytes(raw))


@pytest.mark.heavy
@settings(max_examples=10000, deadline=None)
@given(messages())
def test_no_request_is_read_that_h11_does_not_read_at_length(server, raw):
    check(server, raw)

"""The small HTTP client: URLs, heads, framing and proxies, as values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cog.runtime_stdlib.service.outgoing import (
    Answer,
    ExchangeFailed,
    Framing,
    Proxies,
    UrlInvalid,
    clean,
    parse_head,
    parse_url,
    resolve_redirect,
    same_server,
    without_credentials,
)


def parts(url):
    return url.tls, url.host, url.port, url.target, url.authority, url.credentials


@pytest.mark.parametrize(
    "text, want",
    [
        ("http://host/a/b?c=d#e", (False, "host", 80, "/a/b?c=d", "host", "")),
        ("HTTPS://Host:8443", (True, "host", 8443, "/", "host:8443", "")),
        ("https://host:443/x", (True, "host", 443, "/x", "host", "")),
        ("http://us%40er:p%3Aw@host/", (False, "host", 80, "/", "host", "us@er:p:w")),
        ("http://[::1]:81/x", (False, "::1", 81, "/x", "[::1]:81", "")),
        ("http://host/caf\u00e9 x?q=\u00e9", (False, "host", 80, "/caf%C3%A9%20x?q=%C3%A9", "host", "")),
        ("http://host/50%25%zz", (False, "host", 80, "/50%25%zz", "host", "")),
        ("http://b\u00fccher.example/", (False, "xn--bcher-kva.example", 80, "/", "xn--bcher-kva.example", "")),
        ("http://host?x", (False, "host", 80, "/?x", "host", "")),
    ],
)
def test_a_url_is_taken_apart(text, want):
    assert parts(parse_url(text)) == want


@pytest.mark.parametrize(
    "text",
    ["", "host", "ftp://host/", "http://", "http:///x", "http://h:port/", "http://h:99999/", "http://[::1/", "http://a b/",
     "http://a%20b/", "http://" + "\u00e9" * 300 + "/"],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(text):
    with pytest.raises(UrlInvalid):
        parse_url(text)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_text_makes_two_lines_of_a_request(text):
    try:
        url = parse_url("http://host/" + text)
    except UrlInvalid:
        return
    assert not set(url.target + url.authority) & set(" \r\n\t\0") and (url.target + url.authority).isascii()
    assert not set(clean(text)) & set("\r\n\0")


@pytest.mark.parametrize(
    "location, text, credentials",
    [
        ("/new", "http://host/new", "me:pw"),
        ("next?x=1#y", "http://host/a/next?x=1", "me:pw"),
        ("//other/x", "http://other/x", ""),
        ("https://host/x", "https://host/x", "me:pw"),
        ("http://host:81/x", "http://host:81/x", ""),
        ("https://host:8443/x", "https://host:8443/x", ""),
    ],
)
def test_a_redirect_is_seen_from_where_it_was_given(location, text, credentials):
    to = resolve_redirect(parse_url("http://me:pw@host/a/b"), location)
    assert (to.text, to.credentials) == (text, credentials)


def test_a_step_down_from_https_is_another_server():
    assert not same_server(parse_url("https://host/"), parse_url("http://host/"))
    assert same_server(parse_url("http://host/"), parse_url("https://host/x"))


def test_credentials_are_left_out_of_messages():
    assert without_credentials("http://me:pw@host/x@y") == "http://host/x@y"
    assert without_credentials("http://host/a@b") == "http://host/a@b"
    assert without_credentials("http://host/?q=a@b") == "http://host/?q=a@b"


# --- heads


def test_a_head_is_read():
    answer = parse_head(
        b"HTTP/1.1 404 Not  Found\r\nContent-Type: text/plain\r\nX-A: 1\r\nx-a:  2\r\nFolded: a\r\n  b\r\nno colon\r\n"
    )
    assert (answer.status, answer.reason, answer.version) == (404, "Not  Found", "HTTP/1.1")
    assert [answer.get(name) for name in ("content-type", "x-a", "folded", "none")] == ["text/plain", "1, 2", "a b", None]


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/2 200", b"HTTP/1.1 20 x", b"HTTP/1.1 2000", b"ICY 200 OK", b"HTTP/1.1 \xb2\xb2\xb2"]
)
def test_what_is_no_head_is_refused(head):
    with pytest.raises(ExchangeFailed, match="the answer is not HTTP"):
        parse_head(head)


def test_a_location_may_be_utf8():
    assert parse_head("HTTP/1.1 302 x\r\nLocation: /café".encode()).location == "/café"
    assert parse_head(b"HTTP/1.1 302 x\r\nLocation: /caf\xe9").location == "/café"


# --- framing


def answer(status=200, **headers):
    return Answer(status, "", [(name.replace("_", "-"), value) for name, value in headers.items()], "HTTP/1.1")


def slices(data, cuts):
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in zip(places, places[1:])]


def read(framing, pieces):
    return b"".join(map(framing.feed, pieces))


CUTS = st.lists(st.integers(0, 1000), max_size=8)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6), CUTS, st.sampled_from([b"", b"x"]))
def test_chunks_are_read_in_any_slices(chunks, cuts, extra):
    wire = b"".join(b"%x;a=b\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nt: x\r\n\r\n" + extra
    framing = Framing(answer(transfer_encoding="chunked"), "GET")
    assert read(framing, slices(wire, cuts)) == b"".join(chunks)
    assert (framing.done, framing.spare) == (True, len(extra))


@settings(deadline=None)
@given(st.binary(max_size=50), CUTS, st.sampled_from([b"", b"x"]))
def test_a_length_is_kept_to_in_any_slices(body, cuts, extra):
    framing = Framing(answer(content_length=str(len(body))), "GET")
    assert read(framing, slices(body + extra, cuts)) == body
    assert (framing.done, framing.spare) == (True, len(extra))


def test_without_a_length_the_end_of_the_connection_is_the_end():
    framing = Framing(answer(), "GET")
    assert read(framing, [b"a", b"b"]) == b"ab" and not framing.done
    framing.end()
    assert framing.done


@pytest.mark.parametrize("status, method", [(204, "GET"), (304, "GET"), (200, "HEAD")])
def test_some_answers_have_no_body(status, method):
    assert Framing(answer(status, content_length="5"), method).done


@pytest.mark.parametrize("length", ["-1", "+1", "1,2", "x", "1" * 30, ""])
def test_a_length_that_is_none_is_refused(length):
    with pytest.raises(ExchangeFailed, match="invalid Content-Length"):
        Framing(answer(content_length=length), "GET")


def test_equal_lengths_are_one():
    assert Framing(answer(content_length="5, 5"), "GET").length == 5


@pytest.mark.parametrize("wire", [b"x\r\n", b"\r\n", b"-1\r\n", b"0x5\r\n", b"1\r\nab\r\n", b"f" * 20 + b"\r\n", b"1" * 5000])
def test_broken_chunks_are_refused(wire):
    with pytest.raises(ExchangeFailed):
        Framing(answer(transfer_encoding="chunked"), "GET").feed(wire)


@pytest.mark.parametrize("headers", [{"content_length": "5"}, {"transfer_encoding": "chunked"}])
def test_an_early_end_is_noticed(headers):
    framing = Framing(answer(**headers), "GET")
    framing.feed(b"1\r\n")
    with pytest.raises(ExchangeFailed, match="in the middle of the answer"):
        framing.end()


# --- proxies


@pytest.mark.parametrize(
    "environ, url, proxy",
    [
        ({}, "http://h/", None),
        ({"http_proxy": "http://p:3128"}, "http://h/", "http://p:3128/"),
        ({"http_proxy": "p:3128"}, "http://h/", "http://p:3128/"),
        ({"HTTP_PROXY": "http://p"}, "http://h/", "http://p/"),
        ({"HTTP_PROXY": "http://p", "REQUEST_METHOD": "GET"}, "http://h/", None),
        ({"http_proxy": "http://p"}, "https://h/", None),
        ({"HTTPS_PROXY": "http://p"}, "https://h/", "http://p/"),
        ({"all_proxy": "http://p"}, "https://h/", "http://p/"),
        ({"http_proxy": "", "HTTP_PROXY": "http://p"}, "http://h/", None),
        ({"http_proxy": "http://p", "no_proxy": "*"}, "http://h/", None),
        ({"http_proxy": "http://p", "no_proxy": "a.b, h"}, "http://h/", None),
        ({"http_proxy": "http://p", "no_proxy": "b.c"}, "http://a.b.c/", None),
        ({"http_proxy": "http://p", "no_proxy": ".b.c"}, "http://a.b.c/", None),
        ({"http_proxy": "http://p", "no_proxy": "b.c"}, "http://ab.c/", "http://p/"),
        ({"http_proxy": "http://p", "no_proxy": "h:81"}, "http://h/", "http://p/"),
        ({"http_proxy": "http://p", "no_proxy": "h:80"}, "http://h/", None),
        ({"http_proxy": "http://p", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3/", None),
        ({"http_proxy": "http://p", "NO_PROXY": "10.1.2.3"}, "http://10.1.2.3/", None),
        ({"http_proxy": "http://p", "NO_PROXY": "::1"}, "http://[::1]/", None),
        ({"http_proxy": "http://p", "NO_PROXY": "10.0.0.0/8,nonsense/x"}, "http://11.1.2.3/", "http://p/"),
    ],
)
def test_the_environment_names_proxies_as_for_other_programs(environ, url, proxy):
    found = Proxies(environ).find(parse_url(url))
    assert (None if found is None else found.text) == proxy


@pytest.mark.parametrize("proxy, url", [("socks5://p:1080", "http://h/"), ("https://p", "https://h/")])
def test_a_proxy_that_cannot_be_used_is_named(proxy, url):
    with pytest.raises(UrlInvalid, match="the proxy"):
        Proxies({"all_proxy": proxy}).find(parse_url(url))

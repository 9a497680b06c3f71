"""The small HTTP client on a wire: time-outs, early answers, interim answers, connections that can be used again."""

import os
import resource
import socket
import threading
import time

import pytest
from files_peer import Peer, reply

from cog.runtime_stdlib.service.interrupt import Interrupt
from cog.runtime_stdlib.service.outgoing import ExchangeFailed, Link, Proxies, parse_url


def connect(peer, path="/", **options):
    options.setdefault("timeout", 20)
    return Link(parse_url(peer.url + path), interrupt=Interrupt(), **options).open(Proxies({}), timeout=20)


def test_silence_is_not_waited_out():
    release = threading.Event()
    with Peer(lambda handler: release.wait(20)) as peer:
        with connect(peer, timeout=0.05) as link:
            link.request("GET", {})
            with pytest.raises(ExchangeFailed, match="no answer: timed out"):
                link.answer()
        release.set()


def test_a_deadline_ends_an_answer_that_drips():
    release = threading.Event()

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        while not release.wait(0.01):
            try:
                handler.wfile.write(b".")
            except OSError:
                break

    with Peer(answer) as peer:
        with connect(peer, deadline=time.monotonic() + 0.3) as link:
            link.request("GET", {})
            with pytest.raises(ExchangeFailed, match="timed out"):
                link.drain(link.answer(), "GET", limit=1 << 30)
        release.set()


def test_a_port_where_nobody_accepts_is_not_waited_for():
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        stuck = []
        for _ in range(4):
            extra = socket.socket()
            extra.setblocking(False)
            extra.connect_ex(deaf.getsockname())
            stuck.append(extra)
        link = Link(parse_url("http://127.0.0.1:%d/" % deaf.getsockname()[1]), timeout=20, interrupt=Interrupt())
        with pytest.raises(ExchangeFailed, match="could not connect to 127.0.0.1:[0-9]+: timed out"):
            link.open(Proxies({}), timeout=0.1)
        for extra in stuck:
            extra.close()


def test_interim_answers_are_passed_over():
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
        reply(handler, 201)

    with Peer(answer) as peer, connect(peer) as link:
        link.request("PUT", {"content-length": "4"}, iter([b"ab", b"cd"]))
        assert link.answer().status == 201
    assert peer.told() == [("PUT", "/", b"abcd")]


def test_a_connection_is_used_again_when_the_answer_was_read_to_its_end():
    with Peer() as peer:
        link = connect(peer, "/one")
        for path in ("/one", "/two"):
            if path == "/two":
                assert link.alive()
                link.lend(parse_url(peer.url + path), Interrupt(), timeout=20, deadline=None)
            link.request("POST", {}, b"{}")
            link.drain(link.answer(), "POST")
            assert link.rest()
        link.close()
    assert peer.told() == [("POST", "/one", b"{}"), ("POST", "/two", b"{}")]
    assert len({request.client_address for request in peer.requests}) == 1


@pytest.mark.parametrize("headers, length", [([("connection", "close")], True), ([], False)])
def test_a_connection_that_ends_is_not_kept(headers, length):
    with Peer(lambda handler: reply(handler, headers=headers, length=length)) as peer:
        link = connect(peer)
        link.request("POST", {}, b"{}")
        link.drain(link.answer(), "POST")
        assert not link.rest()


def test_a_header_cannot_bring_another_with_it():
    with Peer() as peer, connect(peer) as link:
        link.request("GET", {"traceparent": "a\r\nx-evil: 1"})
        link.answer()
    assert peer.requests[0].headers["traceparent"] == "a  x-evil: 1"
    assert peer.requests[0].headers["x-evil"] is None


def test_an_endless_head_is_refused():
    def answer(handler):
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(10_000):
                handler.wfile.write(b"x-%d: y\r\n" % number)
        except OSError:
            pass
        handler.close_connection = True

    with Peer(answer) as peer, connect(peer) as link:
        link.request("GET", {})
        with pytest.raises(ExchangeFailed, match="the head of the answer is too large"):
            link.answer()


def test_a_process_without_descriptors_says_so():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Peer() as peer:
        link = Link(parse_url(peer.url), timeout=20, interrupt=Interrupt())
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))  # the next one is one too many
        try:
            with pytest.raises(ExchangeFailed, match="could not connect to 127.0.0.1:[0-9]+: Too many open files"):
                link.open(Proxies({}), timeout=20)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

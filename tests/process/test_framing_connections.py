"""Connections: how long they live, in which order they speak, and what is left when they end."""

import io
import json
import os
import resource
import socket
import subprocess
import sys
import threading

import pytest
from web_server import Client, open_files, serving, threads_alive, threads_at_rest

from cog.runtime_stdlib.web.connection import FRESH, HANDLING, HEAD, IDLE, LINGERING, RECEIVING, SENDING, Connection
from cog.runtime_stdlib.web.limits import Limits
from cog.runtime_stdlib.web.listener import Listener, PortTaken
from cog.runtime_stdlib.web.replies import JSON
from cog.runtime_stdlib.web.request import FilePart, Reply

GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


def post(path, body, *fields):
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: a", b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines + list(fields)) + b"\r\n\r\n" + body


# Keeping connections


def test_one_connection_serves_many_requests():
    with serving() as server, server.connect() as client:
        for number in range(50):
            client.send(post(b"/%d" % number, b"x" * number))
            assert client.answer().echoed == ("POST", "/%d" % number, b"x" * number)
        assert server.listener.connections == 1


def test_requests_sent_back_to_back_are_answered_in_order():
    with serving() as server:
        raw = b"".join(post(b"/%d" % number, b"body %d" % number) for number in range(100))
        answers = server.ask(raw)
    assert [answer.echoed for answer in answers] == [("POST", "/%d" % number, b"body %d" % number) for number in range(100)]


def test_a_body_that_comes_after_its_head():
    with serving() as server, server.connect() as client:
        client.send(post(b"/p", b"hello")[:-5])
        server.until(lambda: server.echo.admitted)
        client.send(b"hello")
        assert client.answer().echoed == ("POST", "/p", b"hello")


def test_connection_close_is_obeyed_and_said():
    with serving() as server, server.connect() as client:
        client.send(post(b"/p", b"hello", b"Connection: close") + GET % b"/never")
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.closed()
        assert server.echo.seen == [("POST", "/p", b"hello")]


def test_a_reply_may_close_the_connection():
    with serving() as server, server.connect() as client:
        server.echo.replies["/last"] = lambda request: Reply(200, JSON, (b"{}",), close=True)
        client.send(GET % b"/last" + GET % b"/never")
        assert client.answer().headers["connection"] == "close"
        assert client.closed()


def test_http_1_0_is_closed_unless_it_asks():
    with serving() as server:
        with server.connect() as client:
            client.send(b"GET /1 HTTP/1.0\r\n\r\n")
            answer = client.answer()
            assert (answer.version, answer.headers["connection"]) == ("HTTP/1.1", "close")
            assert client.closed()
        with server.connect() as client:
            for _ in range(2):
                client.send(b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                assert client.answer().headers["connection"] == "keep-alive"


def test_replies_have_a_type_a_length_and_a_date():
    with serving() as server, server.connect() as client:
        client.send(GET % b"/p")
        answer = client.answer()
        assert sorted(answer.headers) == ["content-length", "content-type", "date"]
        assert answer.headers["content-length"] == str(len(answer.body))
        assert answer.headers["content-type"] == "application/json"


def test_the_answer_to_head_has_no_body():
    with serving() as server, server.connect() as client:
        client.send(b"HEAD /p HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.answer(head_only=True)
        assert int(answer.headers["content-length"]) > 0
        client.send(GET % b"/next")
        assert client.answer().echoed == ("GET", "/next", b"")


# Bodies


def chunked(data, size):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 65536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_bodies_arrive_whole_in_memory_or_in_a_file(size, coding):
    data = os.urandom(1 << 16) * (size // (1 << 16) + 1)
    data = data[:size]
    kept = []

    def look(request):
        kept.append((request.body.data is None, request.body.length))
        return Reply(200, JSON, (b"{}",))

    with serving() as server, server.connect() as client:
        server.echo.replies["/p"] = look
        if coding == "length":
            client.send(post(b"/p", data))
        else:
            client.send(b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(data, 60000))
        assert client.answer().status == 200
        client.send(GET % b"/next")
        assert client.answer().echoed == ("GET", "/next", b"")
        assert server.echo.seen[0] == ("POST", "/p", data)
    assert kept == [(size > 1 << 20, size)]


def test_a_retained_body_can_be_read_after_the_answer():
    bodies = []

    def keep(request):
        request.body.retain()
        bodies.append(request.body)
        return Reply(202, JSON, (b"{}",))

    with serving(max_body_memory=1000) as server, server.connect() as client:
        server.echo.replies["/p"] = keep
        client.send(post(b"/p", b"x" * 100000))
        assert client.answer().status == 202
        client.send(GET % b"/next")
        client.answer()
        bodies[0].file.seek(0)
        assert bodies[0].file.read() == b"x" * 100000
        bodies[0].close()


def test_a_body_that_is_too_large_is_refused_before_it_is_sent():
    with serving(max_body_size=1000) as server, server.connect() as client:
        client.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
        answer = client.answer()
        assert (answer.status, answer.json) == (413, {"detail": "Request body larger than 1000 bytes"})
        assert answer.headers["connection"] == "close"
        client.end()
        assert client.closed()
        assert server.echo.seen == []


def test_the_largest_body_is_taken():
    with serving(max_body_size=1000) as server:
        assert server.ask(post(b"/p", b"x" * 1000))[0].echoed == ("POST", "/p", b"x" * 1000)
        assert server.ask(post(b"/p", b"x" * 1001))[0].status == 413


def test_a_client_that_sends_far_too_much_still_gets_to_read_why():
    with serving(max_body_size=1000) as server, server.connect() as client:
        client.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3000000)
        client.end()
        assert [answer.status for answer in client.answers()] == [413]
        assert not client.reset


def test_chunks_that_add_up_to_too_much_are_refused():
    with serving(max_body_size=1000) as server:
        raw = b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 1001, 100)
        assert [answer.status for answer in server.ask(raw)] == [413]
        assert server.echo.seen == []


def test_a_full_disk_is_said(tmp_path):
    with serving(max_body_memory=0) as server, server.connect() as client:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))  # the file cannot grow: EFBIG
        try:
            client.send(post(b"/p", b"x" * (3 << 20)))
            answer = client.answer()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (answer.status, answer.json) == (507, {"detail": "No room on disk for the request body"})


# Expect: 100-continue


def test_a_client_that_waits_is_told_to_go_on_once_the_request_is_admitted():
    with serving() as server, server.connect() as client:
        client.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.answer().status == 100
        assert server.echo.admitted == ["/p"]
        client.send(b"hello")
        assert client.answer().echoed == ("POST", "/p", b"hello")


def test_a_client_that_does_not_wait_is_not_told():
    with serving() as server, server.connect() as client:
        client.send(post(b"/p", b"hello", b"Expect: 100-continue"))
        assert client.answer().echoed == ("POST", "/p", b"hello")


def test_nor_is_one_that_has_begun_to_send():
    with serving() as server, server.connect() as client:
        client.send(post(b"/p", b"hello", b"Expect: 100-continue")[:-3])
        server.until(lambda: server.echo.admitted)
        client.send(b"llo")
        assert client.answer().echoed == ("POST", "/p", b"hello")


def test_a_refused_request_is_never_told_to_go_on():
    with serving() as server, server.connect() as client:
        client.send(b"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (404, "close")
        client.end()
        assert client.closed()


def test_nobody_is_told_to_go_on_with_nothing():
    with serving() as server, server.connect() as client:
        client.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n")
        assert client.answer().echoed == ("POST", "/p", b"")


# Bodies that nobody wants


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_small_unwanted_body_is_read_past(coding):
    with serving() as server, server.connect() as client:
        hidden = GET % b"/hidden"
        if coding == "length":
            client.send(post(b"/refused", hidden))
        else:
            client.send(b"POST /refused HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(hidden, 7))
        assert client.answer().status == 404
        client.send(GET % b"/next")
        assert client.answer().echoed == ("GET", "/next", b"")
        assert server.echo.seen == [("GET", "/next", b"")]


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_large_unwanted_body_ends_the_connection(coding):
    with serving() as server, server.connect() as client:
        data = (GET % b"/hidden") * 10000
        if coding == "length":
            client.send(post(b"/refused", data))
        else:
            client.send(b"POST /refused HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(data, 7000))
        client.end()
        answers = client.answers()
        assert [(answer.status, answer.headers["connection"]) for answer in answers] == [(404, "close")]
        assert server.echo.seen == []


# Deadlines


def test_a_header_that_takes_too_long():
    with serving(header_timeout=0.2) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        answer = client.answer()
        assert (answer.status, answer.json) == (408, {"detail": "Request header took too long"})
        client.end()
        assert client.closed()


def test_a_header_that_drips():
    with serving(header_timeout=0.5) as server, server.connect() as client:
        stop = threading.Event()

        def drip():
            while not stop.wait(0.02):
                client.send(b"X")

        client.send(b"GET / HTTP/1.1\r\nHost: ")
        thread = threading.Thread(target=drip)
        thread.start()
        assert client.answer().status == 408
        stop.set()
        thread.join()


def test_a_connection_on_which_nothing_is_said():
    with serving(header_timeout=0.2) as server, server.connect() as client:
        assert client.closed()


def test_an_idle_connection():
    with serving(keep_alive_timeout=0.2) as server, server.connect() as client:
        client.send(GET % b"/")
        assert client.answer().status == 200
        assert client.closed()


def test_an_idle_connection_lives_longer_than_a_silent_new_one():
    with serving(header_timeout=0.1, keep_alive_timeout=600) as server, server.connect() as client:
        client.send(GET % b"/1")
        client.answer()
        with server.connect() as other:
            assert other.closed()  # a whole header time-out has passed
        client.send(GET % b"/2")
        assert client.answer().echoed == ("GET", "/2", b"")


def test_a_body_that_stops():
    with serving(body_timeout=0.2) as server, server.connect() as client:
        client.send(post(b"/p", b"hello")[:-1])
        answer = client.answer()
        assert (answer.status, answer.json) == (408, {"detail": "Request body came too slowly"})


def test_a_body_that_drips():
    with serving(body_timeout=0.3, body_rate=1000000) as server, server.connect() as client:
        stop = threading.Event()
        client.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")

        def drip():
            while not stop.wait(0.02):
                client.send(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        assert client.answer().status == 408
        stop.set()
        thread.join()


def test_a_client_that_does_not_read_its_answer():
    with serving(reply_timeout=0.3) as server, server.connect(receive_buffer=4096) as client:
        server.echo.replies["/big"] = lambda request: Reply(200, JSON, (b"x" * 50000000,))
        client.send(GET % b"/big")
        server.until(lambda: server.listener.connections == 1)
        server.until(lambda: server.listener.connections == 0)


# Replies


def test_files_are_sent_as_base64_with_their_length():
    data = os.urandom(2000001)
    with serving() as server, server.connect() as client:
        parts = lambda: (b'{"output":"data:;base64,', FilePart(io.BytesIO(data), len(data)), b'"}')
        server.echo.replies["/file"] = lambda request: Reply(200, JSON, parts())
        client.send(GET % b"/file" + GET % b"/next")
        answer = client.answer()
        import base64

        assert answer.json == {"output": "data:;base64," + base64.b64encode(data).decode()}
        assert client.answer().echoed == ("GET", "/next", b"")


def test_files_of_a_reply_are_closed_whatever_happens():
    file = io.BytesIO(b"x" * 30000000)
    with serving() as server, server.connect() as client:
        server.echo.replies["/file"] = lambda request: Reply(200, JSON, (FilePart(file, 30000000),))
        client.send(GET % b"/file")
        server.until(lambda: server.echo.seen)
        client.close()
        server.until(lambda: file.closed)


def test_a_file_that_shrinks_breaks_the_connection_not_the_next_answer():
    with serving() as server:
        server.echo.replies["/file"] = lambda request: Reply(200, JSON, (FilePart(io.BytesIO(b"short"), 100, base64=False),))
        with server.connect() as client:
            client.send(GET % b"/file" + GET % b"/next")
            with pytest.raises(AssertionError, match="the body ended early"):
                client.answer()
        server.until(lambda: server.errors)
        assert "ended 95 bytes early" in str(server.errors.pop()[1])


def test_on_sent_is_called_once_when_sent_and_once_when_not():
    sent = []
    with serving() as server:
        server.echo.replies["/p"] = lambda request: Reply(200, JSON, (b"{}",), on_sent=lambda: sent.append("small"))
        server.echo.replies["/big"] = lambda request: Reply(200, JSON, (b"x" * 50000000,), on_sent=lambda: sent.append("big"))
        server.ask(GET % b"/p")
        assert sent == ["small"]
        with server.connect() as client:
            client.send(GET % b"/big")
            server.until(lambda: len(server.echo.seen) == 2)
        server.until(lambda: len(sent) == 2)
    assert sent == ["small", "big"]


def test_a_stream_is_sent_in_chunks_as_it_is_made():
    gate = threading.Event()

    def events():
        yield b"one"
        yield b""
        gate.wait()
        yield b"two"

    with serving() as server, server.connect() as client:
        server.echo.replies["/events"] = lambda request: Reply(200, (("content-type", "text/event-stream"),), stream=events())
        client.send(GET % b"/events" + GET % b"/next")
        while b"one" not in client.buffer:
            assert client.more()
        gate.set()
        answer = client.answer()
        assert (answer.headers["transfer-encoding"], answer.body) == ("chunked", b"onetwo")
        assert client.answer().echoed == ("GET", "/next", b"")


def test_a_stream_to_an_old_client_ends_with_the_connection():
    with serving() as server, server.connect() as client:
        server.echo.replies["/events"] = lambda request: Reply(200, stream=iter([b"one", b"two"]))
        client.send(b"GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = client.answer()
        assert (answer.headers["connection"], answer.body) == ("close", b"onetwo")


def test_a_stream_hears_that_its_reader_has_left():
    ended = threading.Event()

    def events():
        try:
            while True:
                yield b"x" * 100000
        finally:
            ended.set()

    with serving() as server:
        server.echo.replies["/events"] = lambda request: Reply(200, stream=events())
        with server.connect() as client:
            client.send(GET % b"/events")
            client.more()
        assert ended.wait(20)


def test_a_bug_in_the_handler_is_a_500_and_the_connection_goes_on():
    def broken(request):
        raise ZeroDivisionError("by zero")

    with serving() as server, server.connect() as client:
        server.echo.replies["/broken"] = broken
        client.send(GET % b"/broken" + GET % b"/next")
        answer = client.answer()
        assert (answer.status, answer.headers["content-type"], answer.body) == (
            500,
            "text/plain; charset=utf-8",
            b"Internal Server Error",
        )
        assert client.answer().echoed == ("GET", "/next", b"")
        ((what, error),) = server.errors
        assert (what, repr(error)) == ("error while answering GET /broken", "ZeroDivisionError('by zero')")
        server.errors.clear()


def test_the_handler_can_see_that_the_client_has_left():
    with serving() as server:
        with server.connect() as client:
            client.send(GET % b"/gone")
            assert server.echo.entered.acquire(timeout=20)
            assert not server.echo.gate.is_set()
        assert server.echo.gate.wait(20)


# Binding


def test_a_port_that_is_taken():
    with serving() as server:
        before = open_files()
        with pytest.raises(PortTaken, match="^Port %d is already in use$" % server.port):
            Listener("127.0.0.1", server.port, server.echo, Limits())
        assert open_files() == before


def test_a_port_can_be_used_again_at_once():
    with serving() as server, server.connect() as client:
        client.send(GET % b"/")
        client.answer()
        port = server.port
        server.stop()  # our side closes first, so the port has a connection in TIME_WAIT
        again = Listener("127.0.0.1", port, server.echo, Limits())
        assert again.stop(0)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6_and_both_at_once():
    with serving("::") as server:
        assert server.ask(GET % b"/six")[0].status == 200
        server.host = "127.0.0.1"
        assert server.ask(GET % b"/four")[0].status == 200


def test_a_host_by_name():
    with serving("localhost") as server:
        server.host = "127.0.0.1" if server.listener._family == socket.AF_INET else "::1"
        assert server.ask(GET % b"/")[0].status == 200


# Stopping


def test_stopping_wakes_the_accepting_thread_and_ends_idle_connections():
    with serving(keep_alive_timeout=600, header_timeout=600) as server:
        with server.connect() as kept, server.connect() as silent, server.connect() as halfway:
            kept.send(GET % b"/")
            kept.answer()
            halfway.send(b"GET / HT")
            server.until(lambda: server.listener.connections == 3)
            assert server.stop(grace=20)
            assert kept.closed() and silent.closed() and halfway.closed()


def test_a_running_request_is_finished_and_then_the_connection_is_closed():
    with serving() as server, server.connect() as client:
        client.send(GET % b"/wait")
        assert server.echo.entered.acquire(timeout=20)
        stopping = []
        thread = threading.Thread(target=lambda: stopping.append(server.listener.stop(20)))
        thread.start()
        server.thread.join(20)  # no more connections
        server.echo.gate.set()
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.closed()
        thread.join()
        assert stopping == [True]


def test_a_request_that_does_not_end_in_time_is_cut_off():
    with serving() as server, server.connect() as client:
        client.send(GET % b"/wait")
        assert server.echo.entered.acquire(timeout=20)
        assert server.listener.stop(0.1) is False
        assert client.closed()
        server.echo.gate.set()
        server.until(lambda: server.listener.connections == 0)


def test_a_listener_that_never_served_can_be_stopped():
    before = open_files()
    listener = Listener("127.0.0.1", 0, None, Limits())
    assert listener.stop(0)
    assert listener.stop(0)
    assert open_files() == before


# Too many


def test_the_oldest_unfinished_header_makes_room():
    with serving(max_connections=3, header_timeout=600, keep_alive_timeout=600) as server:
        with server.connect() as idle, server.connect() as first, server.connect() as second:
            idle.send(GET % b"/idle")
            idle.answer()
            first.send(b"GET / HTTP/1.1\r\n")
            second.send(b"GET / HTTP/1.1\r\n")
            server.until(lambda: server.listener.connections == 3)
            with server.connect() as new:
                new.send(GET % b"/new")
                assert new.answer().echoed == ("GET", "/new", b"")
                answer = first.answer()
                assert (answer.status, answer.json) == (503, {"detail": "Too many connections"})
                second.send(b"Host: a\r\n\r\n")
                assert second.answer().status == 200
                idle.send(GET % b"/still")
                assert idle.answer().status == 200


def test_an_idle_connection_makes_room_when_there_is_nothing_better():
    with serving(max_connections=2, keep_alive_timeout=600) as server:
        with server.connect() as old, server.connect() as busy:
            old.send(GET % b"/old")
            old.answer()
            busy.send(GET % b"/wait")
            assert server.echo.entered.acquire(timeout=20)
            with server.connect() as new:
                new.send(GET % b"/new")
                assert new.answer().status == 200
                assert old.closed()
                server.echo.gate.set()
                assert busy.answer().status == 200


def test_a_client_that_does_not_read_makes_room_after_a_moment():
    with serving(max_connections=1) as server, server.connect(receive_buffer=4096) as slow:
        server.echo.replies["/big"] = lambda request: Reply(200, JSON, (b"x" * 50000000,))
        slow.send(GET % b"/big")
        server.until(lambda: server.echo.seen)
        server.until(lambda: [answer.status for answer in server.ask(GET % b"/livez")] == [200])


class Waiting(Connection):
    """A connection that has been in a state for some seconds."""

    def __init__(self, state, seconds, evicted=False):
        super().__init__(None, (), 10.0)
        self.state, self.since, self.evicted = state, 1000.0 - seconds, evicted


@pytest.mark.parametrize(
    "waiting, gone",
    [
        # Longer than a second: without a complete header first, then idle ones, then those in the middle of data.
        ([(SENDING, 9), (IDLE, 5), (RECEIVING, 8), (HEAD, 2), (FRESH, 3)], (HEAD, 2)),
        ([(SENDING, 9), (IDLE, 5), (RECEIVING, 8), (FRESH, 0.5), (LINGERING, 2)], (LINGERING, 2)),
        ([(SENDING, 9), (IDLE, 5), (IDLE, 6), (HEAD, 0.5)], (IDLE, 6)),
        ([(SENDING, 9), (IDLE, 0.5), (RECEIVING, 8), (HEAD, 0.5)], (SENDING, 9)),
        # Nobody has waited for long: the one that has waited longest, whatever for.
        ([(IDLE, 0.3), (RECEIVING, 0.9), (FRESH, 0.1), (HEAD, 0.2)], (RECEIVING, 0.9)),
        ([(IDLE, 0.9), (RECEIVING, 0.3), (FRESH, 0.1)], (IDLE, 0.9)),
        # Never one whose request is being answered.
        ([(HANDLING, 900), (FRESH, 0.001)], (FRESH, 0.001)),
        ([(HANDLING, 900)], None),
    ],
)
@pytest.mark.parametrize("most", [1, 40])
def test_who_is_given_up(waiting, gone, most):
    listener = Listener("127.0.0.1", 0, None, Limits())
    listener._most = most
    listener._connections = {Waiting(*one): None for one in waiting}
    listener._connections[Waiting(FRESH, 99, evicted=True)] = None
    victims = [(victim.state, victim.since) for victim in listener._longest_waiting(1000.0)]
    listener._connections = {}
    listener.stop(0)
    assert victims == ([] if gone is None else [(gone[0], 1000.0 - gone[1])])


def test_requests_in_work_are_never_ended_for_others():
    with serving(max_connections=4) as server:
        busy = [server.connect() for _ in range(4)]
        for client in busy:
            client.send(GET % b"/wait")
            assert server.echo.entered.acquire(timeout=20)
        with server.connect() as new:
            answer = new.answer()
            assert (answer.status, answer.json) == (503, {"detail": "Too many connections"})
            assert new.closed()
        server.echo.gate.set()
        for client in busy:
            assert client.answer().status == 200
            client.close()


def test_a_thousand_connections_that_say_nothing_do_not_keep_one_client_out():
    with serving(max_connections=50, header_timeout=600) as server:
        silent = []
        try:
            for number in range(1000):
                silent.append(socket.create_connection(("127.0.0.1", server.port)))
                if number % 100 == 0:
                    assert server.ask(GET % b"/livez")[0].status == 200
                    assert server.listener.connections <= 50 + 16
        finally:
            for sock in silent:
                sock.close()
        server.until(lambda: server.listener.connections == 0)


CRAMPED = """
import json, resource, socket, sys, threading, time
sys.path[:0] = [{root!r}, {here!r}]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from web_server import serving, threads_alive

def connect(path):
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(b"GET " + path + b" HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    return sock

held, clients = [], []
with serving() as server:
    assert server.ask(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")[0].status == 200
    if {hog}:
        # The model's own files leave less than the server has reckoned with: four clients, both ends of each, and
        # nothing for a fifth. (accept() takes its descriptor before it waits.)
        while True:
            try:
                held.append(open("/dev/null"))
            except OSError:
                break
        for _ in range(7):
            held.pop().close()
        for _ in range(4):
            clients.append(connect(b"/wait"))
            assert server.echo.entered.acquire(timeout=20)
    else:
        for _ in range(40):
            try:
                clients.append(connect(b"/livez"))
            except OSError:
                break
    worked = time.process_time()
    time.sleep(0.5)
    worked = time.process_time() - worked
    server.echo.gate.set()
    first = clients[-1].recv(15)
    for client in clients:
        client.close()
    answer = server.ask(b"GET /livez HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    print(json.dumps([first.decode(), answer[0].status, threads_alive() < 40, worked < 0.25]))
    for file in held:
        file.close()
"""


@pytest.mark.parametrize("hog", [False, True], ids=["alone", "with a model that opens files"])
def test_64_descriptors_are_enough(hog):
    here = os.path.dirname(os.path.abspath(__file__))
    code = CRAMPED.format(root=os.path.dirname(os.path.dirname(here)), here=here, hog=hog)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    # The last one says whether the accepting thread rested: one that spins works all the time.
    assert json.loads(done.stdout) == ["HTTP/1.1 200 OK", 200, True, True]


def test_threads_without_work_go_away():
    with serving() as server:
        before = threads_at_rest()
        clients = [server.connect() for _ in range(30)]
        for client in clients:
            client.send(GET % b"/")
            assert client.answer().status == 200
        assert threads_alive() == before + 30
        for client in clients:
            client.close()
        server.until(lambda: server.listener.connections == 0)
        assert len(server.listener._parked) <= 8
        server.until(lambda: threads_alive() <= before + 8)
        assert server.ask(GET % b"/")[0].status == 200
        assert threads_alive() <= before + 8


def test_a_client_of_our_own_helper_notices_a_reset():
    # The helper above must not take a reset for an answer.
    left, right = socket.socketpair()
    with Client(left) as client:
        right.close()
        assert client.closed()

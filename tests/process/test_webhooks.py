"""Webhooks against receivers that are well, slow, broken or dead; none of them may delay another's."""

import gc
import json
import socket
import threading
import weakref

import pytest
from files_peer import Peer, redirect, reply

from cog.runtime_stdlib.service.webhooks import Sender


@pytest.fixture
def log():
    return []


@pytest.fixture
def sender(log):
    """Pauses between two tries are left out; how long they are is tested as a function."""
    made = Sender("1.2.3", log=log.append, pause=lambda retry: 0.0)
    yield made
    made.close(0)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("webhook")] == []


def paths(peer):
    return [path for _, path, _ in peer.told()]


def bodies(peer):
    return [body for _, _, body in peer.told()]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- what is sent


def test_a_predictions_webhooks_arrive_in_order_and_complete(sender):
    with Peer() as peer:
        for number, path in enumerate(["/start", "/output", "/logs", "/completed"]):
            sender.post("p", peer.url + path, b"{}", path == "/completed")
            peer.wait_for(number + 1)
        sender.close(20)
    assert peer.told() == [("POST", path, b"{}") for path in ("/start", "/output", "/logs", "/completed")]


def test_the_headers_tell_who_sends_and_for_whom(log):
    sender = Sender("1.2.3", token="t0ken", log=log.append)
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "v=1"}
    with Peer() as peer:
        sender.post("p", peer.url + "/hook?x=y", '{"a":"ü"}'.encode(), True, trace)
        sender.close(20)
    (request,) = peer.requests
    assert {name: request.headers[name] for name in request.headers} == {
        "host": "127.0.0.1:%d" % peer.port,
        "content-type": "application/json",
        "user-agent": "cog-worker/1.2.3",
        "authorization": "Bearer t0ken",
        "content-length": "10",
        **trace,
    }
    assert (request.path, json.loads(request.body)) == ("/hook?x=y", {"a": "ü"})
    assert log == []


def test_credentials_in_the_url_are_used_when_there_is_no_token(sender):
    with Peer() as peer:
        sender.post("p", peer.url.replace("://", "://me:pw@") + "/hook", b"{}", True)
        sender.close(20)
    assert peer.requests[0].headers["authorization"] == "Basic bWU6cHc="


def test_a_body_may_be_made_when_it_is_needed(sender):
    with Peer() as peer:
        sender.post("p", peer.url + "/", lambda: b'{"made":"late"}', True)
        sender.close(20)
    assert bodies(peer) == [b'{"made":"late"}']


def test_a_connection_serves_many_predictions(sender):
    with Peer() as peer:
        for number in range(5):
            sender.post(number, "%s/%d" % (peer.url, number), b"{}", True)
            sender.wait(number, 20)
        sender.close(20)
    assert paths(peer) == ["/0", "/1", "/2", "/3", "/4"]
    assert len({request.client_address for request in peer.requests}) == 1


def test_a_connection_that_the_receiver_ended_is_replaced_without_a_word(sender, log):
    def answer(handler):
        reply(handler)
        handler.close_connection = True  # and nothing in the answer says so

    with Peer(answer) as peer:
        for number in range(4):
            sender.post(number, "%s/%d" % (peer.url, number), b"{}", True)
            peer.wait_for(number + 1)
        sender.close(20)
    assert paths(peer) == ["/0", "/1", "/2", "/3"]
    assert log == []


def test_nothing_runs_before_the_first_webhook():
    before = threading.active_count()
    Sender("1").close(1)
    assert threading.active_count() == before


# --- a state that is not final is a snapshot


def test_behind_a_slow_receiver_only_the_newest_snapshot_waits(sender):
    release = threading.Event()

    def answer(handler):
        release.wait(20)
        reply(handler)

    with Peer(answer) as peer:
        sender.post("p", peer.url, b"start", False)
        peer.wait_for(1)
        for number in range(50):
            sender.post("p", peer.url, b"%d" % number, False)
        sender.post("p", peer.url, b"end", True)
        release.set()
        sender.close(20)
    assert bodies(peer) == [b"start", b"49", b"end"]


def test_the_start_is_told_even_if_more_has_happened_by_then(sender):
    held = threading.Event()

    def answer(handler):
        held.wait(20)
        reply(handler)

    with Peer(answer) as peer:
        for number in range(8):  # keep every connection to this receiver busy
            sender.post(number, peer.url, b"other", True)
        peer.wait_for(8)
        for body in (b"start", b"one", b"two", b"three"):
            sender.post("p", peer.url, body, False)
        sender.post("p", peer.url, b"end", True)
        held.set()
        sender.close(20)
    assert [body for body in bodies(peer) if body != b"other"] == [b"start", b"three", b"end"]


@pytest.mark.parametrize("status", [500, 503, 404])
def test_a_snapshot_is_tried_once(sender, log, status):
    with Peer(lambda handler: reply(handler, status)) as peer:
        sender.post("p", peer.url, b"{}", False)
        sender.close(20)
        assert len(peer.told()) == 1
    assert log == []


def test_a_receiver_in_trouble_gets_the_end_instead_of_what_led_to_it(sender):
    release = threading.Event()

    def answer(handler):
        if handler.body == b"start":
            release.wait(20)
            handler.close_connection = True  # no answer at all
        else:
            reply(handler)

    with Peer(answer) as peer:
        sender.post("p", peer.url, b"start", False)
        peer.wait_for(1)
        sender.post("p", peer.url, b"step", False)
        sender.post("p", peer.url, b"end", True)
        release.set()
        sender.close(20)
    assert bodies(peer) == [b"start", b"end"]


# --- the final one is tried again


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_the_final_one_is_tried_until_it_is_taken(sender, log, status):
    def answer(handler):
        reply(handler, status if len(peer.requests) < 5 else 200)

    with Peer(answer) as peer:
        sender.post("p", peer.url, b"end", True)
        peer.wait_for(5)
        sender.close(20)
    assert bodies(peer) == [b"end"] * 5
    assert log == []


@pytest.mark.parametrize("status", [400, 401, 404, 409, 501])
def test_other_answers_end_it(sender, log, status):
    with Peer(lambda handler: reply(handler, status, reason="No")) as peer:
        sender.post("p", peer.url + "/hook?key=secret", b"end", True)
        sender.close(20)
    assert len(peer.told()) == 1
    assert log == ["the last webhook to %s/hook could not be delivered: %d No" % (peer.url, status)]


def test_it_is_given_up_after_thirteen_tries(sender, log):
    with Peer(lambda handler: reply(handler, 500)) as peer:
        sender.post("p", peer.url, b"end", True)
        peer.wait_for(13)
        sender.close(20)
    assert len(peer.told()) == 13
    assert log == ["the last webhook to %s could not be delivered: 500 Internal Server Error (tried 13 times)" % peer.url]


def test_a_receiver_that_comes_back_gets_it(log):
    port = free_port()
    tried = threading.Event()

    def pause(retry):
        tried.set()
        return 0.05

    sender = Sender("1", log=log.append, pause=pause)
    sender.post("p", "http://127.0.0.1:%d/" % port, b"end", True)
    assert tried.wait(20)
    with Peer(port=port) as peer:
        peer.wait_for(1)
        sender.close(20)
    assert bodies(peer) == [b"end"]
    assert log == []


# --- nobody waits for another


def test_a_receiver_that_never_answers_delays_no_other(sender):
    release = threading.Event()

    def never(handler):
        release.wait(30)

    with Peer(never) as hanging, Peer() as well:
        for number in range(100):
            sender.post(("bad", number), hanging.url, b"{}", True)
        hanging.wait_for(2)
        for number in range(20):
            sender.post(("good", number), "%s/%d" % (well.url, number), b"{}", True)
        well.wait_for(20)
        assert not release.is_set()
        sender.close(0)
        release.set()


def test_many_receivers_that_never_answer_delay_no_other(sender):
    release = threading.Event()
    hanging = [Peer(lambda handler: release.wait(30)) for _ in range(6)]
    try:
        with Peer() as well:
            for number in range(100):
                for which, peer in enumerate(hanging[:3]):
                    sender.post((which, number), peer.url, b"{}", True)
            for peer in hanging[:3]:
                peer.wait_for(8)
            sender.post("good", well.url + "/good", b"{}", True)
            well.wait_for(1)
            assert not release.is_set()
    finally:
        sender.close(0)
        release.set()
        for peer in hanging:
            peer.close()


def test_a_slow_path_does_not_delay_a_fast_one_of_the_same_receiver(sender):
    release = threading.Event()

    def answer(handler):
        if handler.path == "/slow":
            release.wait(30)
        reply(handler)

    with Peer(answer) as peer:
        for number in range(4):
            sender.post(("slow", number), peer.url + "/slow", b"{}", True)
        sender.post("fast", peer.url + "/fast", b"{}", True)
        peer.wait_for(5)
        assert "/fast" in paths(peer) and not release.is_set()
        release.set()
        sender.close(20)


def test_a_predictions_order_is_kept_while_it_is_tried_again(sender):
    def answer(handler):
        reply(handler, 503 if len(peer.requests) % 3 else 200)

    with Peer(answer) as peer:
        for number in range(5):
            sender.post(number, "%s/%d" % (peer.url, number), b"start", False)
            sender.post(number, "%s/%d" % (peer.url, number), b"end", True)
        sender.close(20)
        for number in range(5):
            seen = [body for _, path, body in peer.told() if path == "/%d" % number]
            assert seen == sorted(seen, reverse=True) and seen[0] == b"start" and seen[-1] == b"end"


def test_what_waits_is_bounded_and_the_oldest_is_given_up(log):
    release = threading.Event()
    sender = Sender("1", log=log.append, max_waiting=20)
    with Peer(lambda handler: release.wait(30)) as peer:
        for number in range(8):
            sender.post(number, peer.url, b"{}", True)
        peer.wait_for(8)
        for number in range(8, 30):
            sender.post(number, "%s/%d" % (peer.url, number), b"{}", True)
        assert log == [
            "the last webhook to %s/%d could not be delivered: too many are waiting" % (peer.url, number)
            for number in range(8, 18)
        ]
        sender.close(0)
        release.set()


# --- redirects


@pytest.mark.parametrize(
    "status, method, body",
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"end"), (308, "POST", b"end")],
)
def test_redirects_are_followed(sender, status, method, body):
    def answer(handler):
        if handler.path == "/old":
            redirect(handler, "/new", status)
        else:
            reply(handler)

    with Peer(answer) as peer:
        sender.post("p", peer.url + "/old", b"end", True)
        sender.close(20)
    assert peer.told() == [("POST", "/old", b"end"), (method, "/new", body)]


def test_the_token_does_not_follow_a_redirect_to_another_server(log):
    sender = Sender("1", token="t0ken", log=log.append)
    with Peer() as other:
        with Peer(lambda handler: redirect(handler, other.url + "/new", 307)) as peer:
            sender.post("p", peer.url.replace("://", "://me:pw@"), b"end", True)
            sender.close(20)
    assert peer.requests[0].headers["authorization"] == "Bearer t0ken"
    assert other.requests[0].headers["authorization"] is None


@pytest.mark.parametrize(
    "url, why",
    [
        ("http://169.254.169.254/x", "Not allowed to send to 169.254.169.254: it is a cloud metadata address"),
        ("ftp://host/x", "'ftp' is not a valid URL scheme. 'http' or 'https' is supported."),
    ],
)
def test_where_webhooks_do_not_go(sender, log, url, why):
    sender.post("p", url, b"end", True)
    sender.close(20)
    assert log == ["the last webhook to %s could not be delivered: %s" % (url, why)]


# --- the end


def test_closing_gives_what_is_left_the_time_it_needs(sender, log):
    release = threading.Event()

    def answer(handler):
        release.wait(20)
        reply(handler)

    with Peer(answer) as peer:
        for number in range(20):
            sender.post(number, peer.url, b"end", True)
        closer = threading.Thread(target=sender.close, args=(20,))
        closer.start()
        release.set()
        closer.join()
    assert len(peer.told()) == 20
    assert log == []


def test_closing_does_not_wait_out_long_pauses(log):
    paused = threading.Event()

    def pause(retry):
        paused.set()
        return 100.0

    def answer(handler):
        reply(handler, 503 if len(peer.requests) == 1 else 200)

    sender = Sender("1", log=log.append, pause=pause)
    with Peer(answer) as peer:
        sender.post("p", peer.url, b"end", True)
        assert paused.wait(20)
        sender.close(20)
    assert bodies(peer) == [b"end", b"end"]
    assert log == []


def test_closing_gives_up_with_a_line_for_each(log):
    release = threading.Event()
    sender = Sender("1", log=log.append)
    with Peer(lambda handler: release.wait(30)) as peer:
        sender.post("a", peer.url + "/a", b"start", False)
        sender.post("a", peer.url + "/a", b"end", True)
        sender.post("b", peer.url + "/b", b"end", True)
        peer.wait_for(2)
        sender.close(0)
        release.set()
    assert sorted(log) == [
        "the last webhook to %s/%s could not be delivered: the server is stopping" % (peer.url, name) for name in "ab"
    ]
    sender.post("c", peer.url + "/c", b"end", True)
    assert log[-1] == "the last webhook to %s/c could not be delivered: the server is stopping" % peer.url


def test_waiting_ends_when_all_is_told_or_there_is_trouble(sender):
    release = threading.Event()
    with Peer() as peer, Peer(lambda handler: release.wait(30)) as other:
        sender.post("other", other.url, b"end", True)  # which concerns nobody else
        sender.post("p", peer.url, b"start", False)
        sender.post("p", peer.url, b"end", True)
        sender.wait("p", 20)
        assert bodies(peer) == [b"start", b"end"]
        sender.wait("p", 20)  # over already
        sender.post("q", "http://127.0.0.1:%d/" % free_port(), b"start", False)
        sender.wait("q", 20)
        sender.wait("unknown", 20)
        sender.close(0)
        release.set()


def test_a_finished_prediction_is_not_kept_in_memory_by_a_receiver_that_is_down(sender):
    class Run:
        pass

    release = threading.Event()
    with Peer(lambda handler: release.wait(30)) as peer:
        run = Run()
        gone = weakref.ref(run)
        sender.post(run, peer.url, b"start", False)
        sender.post(run, peer.url, b"end", True)
        peer.wait_for(1)
        del run
        gc.collect()
        assert gone() is None
        sender.close(0)
        release.set()


def test_a_webhook_for_which_no_thread_can_be_had_is_sent_with_the_next(sender, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with Peer() as peer:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            sender.post("p", peer.url + "/first", b"end", True)
        sender.post("q", peer.url + "/second", b"end", True)
        sender.close(20)
    assert sorted(paths(peer)) == ["/first", "/second"]

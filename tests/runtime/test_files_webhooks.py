"""The decisions behind webhooks and uploads: when to try again, what waits, what an answer means."""

import pytest

from cog.runtime_stdlib.service import uploads, webhooks
from cog.runtime_stdlib.service.outgoing import Answer
from cog.runtime_stdlib.service.webhooks import AGAIN, DELIVERED, DROPPED, Channel, Notice, Origin


def test_the_pauses_before_the_retries_of_the_last_webhook():
    pauses = [webhooks.backoff(retry) for retry in range(1, webhooks.RETRIES + 1)]
    assert [round(pause, 6) for pause in pauses] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 120]
    assert 300 < sum(pauses) < 360  # about five minutes


def test_the_pauses_before_the_retries_of_an_upload():
    assert [uploads.backoff(retry) for retry in range(1, uploads.RETRIES + 1)] == [0.0, 0.2, 0.4]


@pytest.mark.parametrize("value, pause", [("3", 3), ("3600", 10), ("-1", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("", 0)])
def test_an_upload_waits_as_long_as_it_was_asked_to_within_reason(value, pause):
    assert uploads.asked_pause(Answer(503, "", [("retry-after", value)], "HTTP/1.1")) == pause


@pytest.mark.parametrize(
    "status, final, outcome",
    [(200, True, DELIVERED), (204, False, DELIVERED), (500, True, AGAIN), (429, True, AGAIN), (500, False, DROPPED),
     (404, True, DROPPED), (501, True, DROPPED), (304, True, DROPPED)],
)  # fmt: skip
def test_what_an_answer_means(status, final, outcome):
    assert webhooks.verdict(status, final) == outcome


def channel(*bodies):
    made = Channel("p", Origin("http://h"))
    for number, body in enumerate(bodies):
        made.add(Notice("http://h/", body, body == b"end", number == 0, {}))
    return made


def waiting(made):
    return [notice.body for notice in made.waiting]


def test_the_first_the_newest_and_the_last_wait():
    assert waiting(channel(b"start", b"1", b"2", b"3")) == [b"start", b"3"]
    assert waiting(channel(b"start", b"1", b"2", b"end")) == [b"start", b"2", b"end"]
    assert waiting(channel(b"start", b"end")) == [b"start", b"end"]


def test_what_was_sent_is_not_replaced():
    made = channel(b"start", b"1")
    assert made.next()[0].body == b"start"
    assert made.next()[0].body == b"1"
    made.add(Notice("http://h/", b"2", False, False, {}))
    made.add(Notice("http://h/", b"3", False, False, {}))
    assert waiting(made) == [b"3"]


def test_after_trouble_only_the_end_is_worth_a_try():
    made = channel(b"start", b"1", b"end")
    made.troubled = True
    notice, skipped = made.next()
    assert (notice.body, [other.body for other in skipped]) == (b"end", [b"start", b"1"])
    made = channel(b"start", b"1")
    made.troubled = True
    assert made.next()[0].body == b"start"


@pytest.mark.parametrize(
    "base, name, url",
    [
        ("http://h/up", "a.png", "http://h/up/a.png"),
        ("http://h/up/", "two words.txt", "http://h/up/two%20words.txt"),
        ("http://h", "a/../b", "http://h/a%2F..%2Fb"),
        ("http://h/up?sig=1", "café?#%.txt", "http://h/up/caf%C3%A9%3F%23%25.txt?sig=1"),
    ],
)
def test_names_are_one_segment_of_the_upload_url(base, name, url):
    assert uploads.below(base, name) == url


@pytest.mark.parametrize("value, pause", [("3", 3), ("3600", 120), ("soon", 0), (None, 0)])
def test_a_webhook_waits_as_long_as_it_was_asked_to_within_reason(value, pause):
    assert webhooks.asked_pause(value) == pause


def test_what_is_new_comes_before_what_has_failed_and_keeps_half_of_the_threads():
    origin = Origin("http://h")
    fresh, failed = channel(b"start"), channel(b"end")
    origin.again.append(failed)
    assert origin.turn() is origin.again
    origin.ready.append(fresh)
    assert origin.turn() is origin.ready
    origin.ready.clear()
    origin.active = webhooks.THREADS_PER_ORIGIN // 2
    assert origin.turn() is None
    origin.ready.append(fresh)
    assert origin.turn() is origin.ready
    origin.active = webhooks.THREADS_PER_ORIGIN
    assert origin.turn() is None

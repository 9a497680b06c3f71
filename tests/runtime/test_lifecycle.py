"""The pure state of a prediction: its log, its throttle, its document, its health."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.runtime_stdlib.lifecycle import health
from cog.runtime_stdlib.lifecycle.clock import iso
from cog.runtime_stdlib.lifecycle.logs import Lines, Log
from cog.runtime_stdlib.lifecycle.prediction import CANCELED, SUCCEEDED, IllegalTransition, Prediction
from cog.runtime_stdlib.lifecycle.throttle import Throttle


def lines_of(*pieces: bytes) -> str:
    lines = Lines()
    return "".join([lines.feed(piece) for piece in pieces]) + lines.finish()


@pytest.mark.parametrize(
    "pieces, text",
    [
        ((b"a\nb\n",), "a\nb\n"),
        ((b"no end",), "no end\n"),
        ((b"  indented\n\n\tx\n",), "  indented\n\n\tx\n"),
        ((b"10%\r20%\rdone\n",), "10%\n20%\ndone\n"),
        ((b"dos\r", b"\nline\n"), "dos\nline\n"),
        ((b"caf\xc3", b"\xa9\n"), "café\n"),
        ((b"bad \xff\xfe end\n",), "bad \ufffd\ufffd end\n"),
        ((b"",), ""),
    ],
)
def test_bytes_become_whole_lines(pieces, text):
    assert lines_of(*pieces) == text


@given(st.text(alphabet=st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",))), st.data())
def test_a_line_is_the_same_however_its_bytes_arrive(text, data):
    stream = (text + "\n").encode()
    cut = data.draw(st.integers(0, len(stream)))
    assert lines_of(stream[:cut], stream[cut:]) == text + "\n"


def test_an_unfinished_line_is_not_delivered_until_it_ends():
    lines = Lines()
    assert lines.feed(b"half") == ""
    assert lines.feed(b" done\nnext") == "half done\n"
    assert lines.finish() == "next\n"


def test_a_log_within_its_limit_is_kept_whole():
    log = Log(1000)
    for number in range(20):
        log.append("line %d\n" % number)
    assert log.text() == "".join("line %d\n" % number for number in range(20))


def test_a_log_beyond_its_limit_keeps_its_beginning_and_its_end_and_says_so():
    log = Log(200)
    for number in range(1000):
        log.append("line %04d\n" % number)
    text = log.text()
    assert text.startswith("line 0000\n")
    assert text.endswith("line 0999\n")
    assert "characters of log left out" in text
    assert len(text) < 400
    dropped = int(text.split("[... ")[1].split()[0])
    kept = len(text) - len("[... %d characters of log left out ...]\n" % dropped)
    assert kept + dropped == 1000 * len("line 0000\n")


def test_the_throttle_lets_one_through_and_remembers_what_it_held_back():
    throttle = Throttle(0.5)
    assert throttle.allows(10.0)
    assert not throttle.allows(10.2)
    assert throttle.pending
    assert throttle.wait(10.2) == pytest.approx(0.3)
    assert throttle.allows(10.5)
    assert not throttle.pending
    assert throttle.wait(10.6) == -1.0


def test_moments_are_utc_with_microseconds():
    assert iso(1704164645.678901) == "2024-01-02T03:04:05.678901+00:00"
    assert iso(1704164646.0) == "2024-01-02T03:04:06.000000+00:00"


def given_prediction() -> Prediction:
    prediction = Prediction("p1", training=False, echo=b'{"n":2}', created_at=None, log=Log(1000))
    prediction.started_at = "S"
    return prediction


def document(prediction: Prediction) -> object:
    return json.loads(b"".join(prediction.document()))


def test_a_running_prediction_has_every_key_and_null_for_what_is_not_known():
    assert document(given_prediction()) == {
        "input": {"n": 2},
        "output": None,
        "id": "p1",
        "version": None,
        "created_at": None,
        "started_at": "S",
        "completed_at": None,
        "logs": "",
        "error": None,
        "status": "processing",
        "metrics": None,
    }


def test_a_start_webhook_leaves_out_what_was_never_set():
    assert json.loads(b"".join(given_prediction().notice())) == {
        "input": {"n": 2},
        "output": None,
        "id": "p1",
        "created_at": None,
        "started_at": "S",
        "logs": "",
        "status": "processing",
    }


def test_items_are_an_array_from_the_start_and_files_cut_the_text():
    prediction = given_prediction()
    prediction.items = [b'"a"', [b"", ("path", "name", None, True), b""], b"1"]
    segments = prediction.output_segments()
    assert segments == [b"[", b'"a",', b"", ("path", "name", None, True), b"", b",1]"]


def test_what_is_over_stays_over():
    prediction = given_prediction()
    prediction.finish(CANCELED, "T")
    with pytest.raises(IllegalTransition, match="succeeded makes no sense while canceled"):
        prediction.finish(SUCCEEDED, "T")


@pytest.mark.parametrize(
    "facts, word",
    [
        (dict(setup=None, defunct=False, workers_ready=0, slots_free=0), "STARTING"),
        (dict(setup="succeeded", defunct=False, workers_ready=1, slots_free=1), "READY"),
        (dict(setup="succeeded", defunct=False, workers_ready=1, slots_free=0), "BUSY"),
        (dict(setup="succeeded", defunct=False, workers_ready=0, slots_free=0), "STARTING"),
        (dict(setup="succeeded", defunct=True, workers_ready=0, slots_free=0), "DEFUNCT"),
        (dict(setup="failed", defunct=False, workers_ready=0, slots_free=0), "SETUP_FAILED"),
    ],
)
def test_health_follows_from_the_facts(facts, word):
    assert health.status(**facts) == word


@pytest.mark.parametrize(
    "probe, word, draining, fails",
    [
        ("livez", "BUSY", False, False),
        ("livez", "DEFUNCT", False, True),
        ("readyz", "BUSY", False, False),
        ("readyz", "STARTING", False, True),
        ("readyz", "READY", True, True),
        ("startupz", "READY", True, False),
        ("startupz", "SETUP_FAILED", False, True),
    ],
)
def test_probes_answer_with_real_status_codes(probe, word, draining, fails):
    assert health.probe_fails(probe, word, draining=draining) is fails

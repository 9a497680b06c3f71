"""The client against a server that says what the test wrote down."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cog.client import (
    Body,
    Client,
    FileChanged,
    FileContent,
    ServerGone,
    SetupFailed,
    SetupTimedOut,
    last_words,
    wait_until_ready,
)

SCHEMA = {"components": {"schemas": {"Input": {"properties": {"s": {"type": "string"}}}}}}


class Script:
    """What the server answers: for each route a list of (status, document); the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, object]]] = {}
        self.requests: list[tuple[str, str, object]] = []

    def next(self, route: str) -> tuple[int, object]:
        left = self.answers.get(route, [(404, {"detail": "Not Found"})])
        return left.pop(0) if len(left) > 1 else left[0]


class Scripted(HTTPServer):
    script: Script


class Answerer(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.script.requests.append((self.command, self.path, json.loads(body) if body else None))
        status, document = self.server.script.next(f"{self.command} {self.path}")
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    server = Scripted(("127.0.0.1", 0), Answerer)
    server.script = script
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


class Process:
    """The server's process, as far as the client asks about it."""

    def __init__(self, *, alive: bool = True, tail: str = "") -> None:
        self._alive, self._tail = alive, tail

    def alive(self) -> bool:
        return self._alive

    def tail(self) -> str:
        return self._tail


def ready(url: str, process: Process | None = None, *, timeout: float = 30, described: list[object] | None = None) -> object:
    seen = [] if described is None else described
    return wait_until_ready(Client(url), process or Process(), timeout=timeout, described=seen.append)


def test_the_schema_is_handed_over_before_setup_has_ended(url: str, script: Script) -> None:
    script.answers["GET /health-check"] = [(200, {"status": "STARTING"})] * 3 + [(200, {"status": "READY"})]
    script.answers["GET /openapi.json"] = [(503, {}), (200, {"components": {}}), (200, SCHEMA)]
    described: list[object] = []
    assert ready(url, described=described) == SCHEMA
    assert described == [SCHEMA]
    routes = [path for _, path, _ in script.requests]
    assert routes == ["/health-check", "/openapi.json"] * 3 + ["/health-check"]


def test_what_is_wrong_with_the_inputs_comes_out_during_setup(url: str, script: Script) -> None:
    script.answers["GET /health-check"] = [(200, {"status": "STARTING"})]
    script.answers["GET /openapi.json"] = [(200, SCHEMA)]

    def refuse(_: object) -> None:
        raise ValueError("no such input")

    with pytest.raises(ValueError, match="no such input"):
        wait_until_ready(Client(url), Process(), timeout=0, described=refuse)


def test_a_failed_setup_says_its_last_words(url: str, script: Script) -> None:
    logs = "Traceback (most recent call last):\n  File ...\nRuntimeError: no weights\n"
    script.answers["GET /health-check"] = [(200, {"status": "SETUP_FAILED", "setup": {"logs": logs}})]
    with pytest.raises(SetupFailed, match="the model failed while it was setting up") as caught:
        ready(url)
    assert (caught.value.why, caught.value.logs) == ("RuntimeError: no weights", logs)


def test_a_server_that_ended_during_setup_is_a_failed_setup() -> None:
    tail = "ERROR setup failed\ncog.server.exceptions.FatalWorkerException: Predictor errored during setup: no weights\n"
    with pytest.raises(SetupFailed) as caught:
        ready("http://127.0.0.1:1", Process(alive=False, tail=tail))
    assert caught.value.why == "Predictor errored during setup: no weights"


def test_a_server_that_ended_otherwise_says_what_it_said_last() -> None:
    with pytest.raises(ServerGone, match="the server of the model ended while it was starting") as caught:
        ready("http://127.0.0.1:1", Process(alive=False, tail="Port 5000 is already in use"))
    assert caught.value.why == "the last that it printed was: Port 5000 is already in use"


def test_a_server_in_another_state_is_named(url: str, script: Script) -> None:
    script.answers["GET /health-check"] = [(200, {"status": "DEFUNCT"})]
    with pytest.raises(ServerGone, match="the server of the model is DEFUNCT"):
        ready(url)


def test_a_setup_that_takes_too_long_is_given_up(url: str, script: Script) -> None:
    script.answers["GET /health-check"] = [(200, {"status": "STARTING"})]
    script.answers["GET /openapi.json"] = [(503, {})]
    with pytest.raises(SetupTimedOut, match="timed out") as caught:
        ready(url, timeout=0.05)
    assert "--setup-timeout 600" in caught.value.fix


def test_a_prediction_is_posted_and_its_answer_returned(url: str, script: Script) -> None:
    script.answers["POST /predictions"] = [(200, {"status": "succeeded", "output": "x"})]
    assert Client(url).create("/predictions", {"input": {"s": "é"}}) == (200, {"status": "succeeded", "output": "x"})
    assert script.requests == [("POST", "/predictions", {"input": {"s": "é"}})]


def test_an_answer_that_is_not_json_comes_as_text(url: str, script: Script) -> None:
    script.answers["POST /predictions"] = [(502, b"bad gateway")]
    assert Client(url).create("/predictions", {}) == (502, "bad gateway")


def test_canceling_never_fails(url: str, script: Script) -> None:
    script.answers["POST /predictions/a/cancel"] = [(200, {})]
    Client(url).cancel("/predictions", "a")
    Client("http://127.0.0.1:1").cancel("/predictions", "a")
    assert script.requests == [("POST", "/predictions/a/cancel", None)]


def test_proxies_of_the_environment_are_not_asked(url: str, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    script.answers["GET /health-check"] = [(200, {"status": "READY"})]
    assert Client(url).health() == {"status": "READY"}


def test_nobody_listening_is_no_health() -> None:
    assert Client("http://127.0.0.1:1").health() is None
    assert Client("http://127.0.0.1:1").schema() is None


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("", ""),
        ("a\n b \n\n", "b"),
        ("Traceback (most recent call last):\n  File ...\nValueError: one\n\ntwo\n", "ValueError: one\ntwo"),
        (
            "Traceback (most recent call last):\n  x\nKeyError: 1\n\nDuring handling ...\n\n"
            "Traceback (most recent call last):\n  y\nOSError: 2\n",
            "OSError: 2",
        ),
        ("Traceback (most recent call last):\n  cut off", "cut off"),
    ],
)
def test_the_last_words_are_the_exception_of_the_last_traceback(printed: str, words: str) -> None:
    assert last_words(printed) == words


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, (3 << 18) - 1, 3 << 18, (3 << 18) + 1, (3 << 20) + 2])
def test_a_file_is_sent_as_it_is_read(size: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "in").write_bytes(content[:size])
    body = Body({"input": {"a": FileContent(str(tmp_path / "in"), "x/y", size), "b": "é"}})
    sent = b"".join(body.pieces())
    assert len(sent) == body.length()
    assert json.loads(sent) == {
        "input": {"a": "data:x/y;base64," + base64.b64encode(content[:size]).decode(), "b": "é"}
    }


def test_a_file_that_becomes_shorter_meanwhile_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"abc")
    with pytest.raises(FileChanged):
        list(FileContent(str(tmp_path / "in"), "x/y", 4).pieces())


def test_what_is_no_json_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        Body({"input": object()})

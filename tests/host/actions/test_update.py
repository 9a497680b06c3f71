"""The look for a newer release: once a day, on a terminal, and silent whatever happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cog.actions.update import newer, wanted, watch


class Releases(HTTPServer):
    asked = 0
    answer = b"0.2.0\n"


class Answerer(BaseHTTPRequestHandler):
    server: Releases

    def do_GET(self) -> None:
        assert self.path == "/releases/VERSION"
        self.server.asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def releases() -> Iterator[Releases]:
    server = Releases(("127.0.0.1", 0), Answerer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Notes:
    debugging = False

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str) -> None:
        self.said.append(text)

    warning = debug = detail = info


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COG_CACHE_DIR", str(tmp_path / "cog"))
    monkeypatch.delenv("CI", raising=False)
    return tmp_path / "cog"


def command(releases: Releases, *, terminal: bool = True, version: str = "0.1.0") -> list[str]:
    """What one command says about releases."""
    notes = Notes()
    address = f"http://127.0.0.1:{releases.server_address[1]}/releases/"
    news = watch(notes, version, address, terminal=terminal)
    for thread in threading.enumerate():
        if thread.name == "look for a newer release":
            thread.join()
    news()
    return [text.replace(str(releases.server_address[1]), "PORT") for text in notes.said]


def test_the_news_of_one_command_is_told_after_the_next(releases: Releases) -> None:
    assert command(releases) == []
    assert command(releases) == ["cog 0.2.0 is out, this is 0.1.0: http://127.0.0.1:PORT/releases/cog.pyz"]
    assert releases.asked == 1


def test_nothing_is_asked_away_from_a_terminal(releases: Releases) -> None:
    command(releases, terminal=False)
    assert releases.asked == 0


@pytest.mark.parametrize("name", ["COG_NO_UPDATE_CHECK", "CI"])
def test_a_variable_turns_it_off(releases: Releases, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    command(releases)
    assert releases.asked == 0


def test_without_an_address_there_is_nothing_to_ask(cache: Path) -> None:
    watch(Notes(), "0.1.0", "", terminal=True)()
    assert not cache.exists()


def test_a_day_later_it_is_asked_again(releases: Releases, cache: Path) -> None:
    command(releases)
    state = json.loads((cache / "update-state.json").read_text())
    (cache / "update-state.json").write_text(json.dumps({**state, "checked": state["checked"] - 25 * 3600}))
    command(releases)
    assert releases.asked == 2


def test_another_version_of_the_tool_forgets_what_the_old_one_heard(releases: Releases) -> None:
    command(releases)
    assert command(releases, version="0.2.0") == []


@pytest.mark.parametrize("answer", [b"", b"<html>", b"9" * 1000, b"\xff"])
def test_an_answer_that_is_no_version_is_silence(releases: Releases, answer: bytes) -> None:
    releases.answer = answer
    assert command(releases) == []
    assert command(releases) == []


@pytest.mark.parametrize("state", ["", "[]", "{", '{"version": "0.1.0", "newest": 3, "checked": "x"}'])
def test_a_broken_state_is_silence(releases: Releases, cache: Path, state: str) -> None:
    cache.mkdir(parents=True)
    (cache / "update-state.json").write_text(state)
    assert command(releases) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0.10.0", "0.9.9", True),
        ("0.9.9", "0.10.0", False),
        ("1.0", "1.0", False),
        ("x", "1.0", False),
        ("1.0.1", "1.0", True),
    ],
)
def test_versions_are_compared_by_number(one: str, other: str, expected: bool) -> None:
    assert newer(one, other) is expected


def test_the_variable_counts_when_it_is_not_empty() -> None:
    assert [wanted(variables) for variables in ({}, {"COG_NO_UPDATE_CHECK": ""}, {"COG_NO_UPDATE_CHECK": "0"})] == [
        True,
        True,
        False,
    ]

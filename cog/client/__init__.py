"""Talking to a prediction server that somebody started.

Strategy: http.client and nothing above it: no proxy of the environment may come between us and a
server on this machine. One connection for each request; the slow part is the model. A big file
in a request is read while it is sent: it is never in memory as a whole.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from cog.errors import CogError
from cog.records import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

__all__ = [
    "Client",
    "FileContent",
    "PredictionRefused",
    "ServerGone",
    "SetupFailed",
    "SetupTimedOut",
    "Watched",
    "wait_until_ready",
]

WORDS = 10  # lines of an exception that are shown
PIECE = 3 << 18  # bytes of a file at a time; a multiple of 3, so that base64 needs no filling in between
QUICK = 5.0  # seconds for an answer that needs no model


class Watched(Protocol):
    """What wait_until_ready wants to know about the server's process."""

    def alive(self) -> bool: ...
    def tail(self) -> str: ...


class SetupFailed(CogError):
    """What it printed has been shown while it started, so only the line that counts is said again."""

    code = "setup-failed"

    def __init__(self, logs: str) -> None:
        super().__init__(
            "the model failed while it was setting up",
            why=last_words(logs),
            fix="correct that in the model's code; it happened before any input was looked at",
        )
        self.logs = logs


class SetupTimedOut(CogError):
    code = "setup-timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the model was not ready after {seconds:g} seconds: timed out",
            why="its setup() is still running",
            fix=f"give it more time, for example --setup-timeout {max(600, int(seconds) * 2)}, or 0 for no limit",
        )


class ServerGone(CogError):
    code = "server-gone"

    def __init__(self, what: str, *, tail: str) -> None:
        super().__init__(
            what,
            why=f"the last that it printed was: {last_words(tail)}" if tail.strip() else "it printed nothing",
            fix="see what it printed above; `cog serve` shows the server at work",
        )
        self.tail = tail


class PredictionRefused(CogError):
    """The server answered with something else than a prediction."""

    code = "prediction-refused"

    def __init__(self, status: int, document: object) -> None:
        detail = document.get("detail") if isinstance(document, dict) else document
        super().__init__(
            f"the server refused the prediction: status {status}",
            why=detail if isinstance(detail, str) else json.dumps(document, indent=2, ensure_ascii=False),
        )
        self.status, self.document = status, document


class FileContent:
    """A file to be sent as a `data:` URL, read while it is sent."""

    __slots__ = ("head", "path", "size")

    def __init__(self, path: str, media: str, size: int) -> None:
        self.path, self.size = path, size
        self.head = f"data:{media};base64,"

    def length(self) -> int:
        return len(self.head) + (self.size + 2) // 3 * 4

    def pieces(self) -> Iterator[bytes]:
        yield self.head.encode("ascii")
        left = self.size
        with open(self.path, "rb") as file:
            while left:
                data = file.read(min(PIECE, left))
                if not data:
                    raise FileChanged(self.path)
                left -= len(data)
                while left and len(data) % 3:  # a short read
                    more = file.read(min(3 - len(data) % 3, left))
                    if not more:
                        raise FileChanged(self.path)
                    data, left = data + more, left - len(more)
                yield base64.b64encode(data)


class FileChanged(CogError):
    code = "input-file-changed"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} became shorter while it was read",
            why="its length is announced before its content is sent",
            fix="wait until whatever writes it has finished, and try again",
        )


class Body:
    """A JSON document with files in it: its length, and its bytes piece by piece."""

    def __init__(self, document: Mapping[str, object]) -> None:
        mark = uuid4().hex  # stands for a file while the rest is being encoded
        self._files: list[FileContent] = []

        def stand_in(value: object) -> str:
            if not isinstance(value, FileContent):
                raise TypeError(f"cannot be sent: {value!r}")
            self._files.append(value)
            return mark

        self._texts = json.dumps(document, default=stand_in).encode().split(mark.encode())

    def length(self) -> int:
        return sum(map(len, self._texts)) + sum(file.length() for file in self._files)

    def pieces(self) -> Iterator[bytes]:
        yield self._texts[0]
        for file, text in zip(self._files, self._texts[1:]):
            yield from file.pieces()
            yield text


class Client:
    """The routes of a prediction server, as methods."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80

    def health(self) -> Optional[Mapping[str, object]]:
        """The health document; None while nobody listens."""
        try:
            _, document = self._ask("GET", "/health-check", None, QUICK)
        except (OSError, http.client.HTTPException):
            return None
        return document if isinstance(document, dict) else None

    def schema(self) -> Optional[Mapping[str, object]]:
        """The OpenAPI document; None while the server does not know it."""
        try:
            status, document = self._ask("GET", "/openapi.json", None, QUICK)
        except (OSError, http.client.HTTPException):
            return None
        return document if status == 200 and isinstance(document, dict) else None

    def create(self, path: str, body: Mapping[str, object]) -> tuple[int, object]:
        """Make a prediction or a training, and wait for it: status and document."""
        return self._ask("POST", path, Body(body), None)

    def cancel(self, path: str, identifier: str) -> None:
        try:
            self._ask("POST", f"{path}/{identifier}/cancel", None, 1.0)
        except (OSError, http.client.HTTPException):
            pass  # it is going to be stopped anyway

    def _ask(self, method: str, path: str, body: Optional[Body], timeout: Optional[float]) -> tuple[int, object]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            if body is None:
                connection.request(method, path)
            else:
                headers = {"Content-Type": "application/json", "Content-Length": str(body.length())}
                try:
                    connection.request(method, path, body.pieces(), headers)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it answered before it had read everything: the answer says why
            answer = connection.getresponse()
            text = answer.read()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text.decode("utf-8", "replace")
        finally:
            connection.close()


def wait_until_ready(
    client: Client,
    server: Watched,
    *,
    timeout: float,
    described: Callable[[Mapping[str, object]], None],
) -> Mapping[str, object]:
    """The OpenAPI document of the server once it is READY.

    `described` gets the document as soon as it is known, which is before setup() has ended: what
    is wrong with the inputs comes out in a moment, not after a long setup. timeout 0: no limit.
    """
    deadline = time.monotonic() + timeout if timeout > 0 else None
    schema: Optional[Mapping[str, object]] = None
    pause = 0.01
    while True:
        health = client.health()
        if health is None and not server.alive():
            raise _ended(server.tail())
        status = health.get("status") if health is not None else "STARTING"
        if status == "SETUP_FAILED":
            raise SetupFailed(_setup_logs(health))
        if status not in ("STARTING", "READY", "BUSY"):
            raise ServerGone(f"the server of the model is {status}", tail=server.tail())
        if schema is None and health is not None:
            schema = _with_inputs(client.schema())
            if schema is not None:
                described(schema)
        if status != "STARTING" and schema is not None:
            return schema
        if deadline is not None and time.monotonic() > deadline:
            raise SetupTimedOut(timeout)
        time.sleep(pause)
        pause = min(0.05, pause * 1.2)


_SETUP = ("setup failed", "during setup", "Error while loading")
_WRAPPER = "cog.server.exceptions.FatalWorkerException: "


def last_words(text: str) -> str:
    """What went wrong, of all that was printed: the exception of the last traceback, or the last line."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    begins = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    if begins:
        told = [n for n in range(begins[-1] + 1, len(lines)) if not lines[n].startswith(" ")]
        lines = lines[told[0] : told[0] + WORDS] if told else lines[-1:]
    else:
        lines = lines[-1:]
    text = "\n".join(lines)
    return text[len(_WRAPPER) :] if text.startswith(_WRAPPER) else text.strip()


def _ended(tail: str) -> CogError:
    if any(words in tail for words in _SETUP):
        return SetupFailed(tail)
    return ServerGone("the server of the model ended while it was starting", tail=tail)


def _with_inputs(schema: Optional[Mapping[str, object]]) -> Optional[Mapping[str, object]]:
    """The document, if it describes the model already."""
    components = schema.get("components") if schema is not None else None
    schemas = components.get("schemas") if isinstance(components, dict) else None
    return schema if isinstance(schemas, dict) and ("Input" in schemas or "TrainingInput" in schemas) else None


def _setup_logs(health: Optional[Mapping[str, object]]) -> str:
    setup = health.get("setup") if health is not None else None
    logs = setup.get("logs") if isinstance(setup, dict) else ""
    return logs if isinstance(logs, str) else ""

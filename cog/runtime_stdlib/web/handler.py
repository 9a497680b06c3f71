"""From a request to its reply: the glue between the HTTP rooms and the service.

Everything that decides lives elsewhere (routes, document, validation, prediction); this is the list of steps.
"""

from __future__ import annotations

import json
import os

from ..lifecycle import health
from ..service.roster import Busy
from ..validation.problems import InputInvalid
from ..validation.request import NO_BODY, check_prediction
from ..wire.messages import FILE_MISSING
from .document import DocumentInvalid, load
from .replies import JSON, json_reply, text_reply
from .request import FilePart, Reply
from .routes import Route, Routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple, Union

    from ..lifecycle.prediction import Prediction
    from ..service.journal import Journal
    from ..service.runner import Run, Runner
    from ..service.supervisor import Supervisor
    from .listener import Connection
    from .request import Request

HTML = (("content-type", "text/html; charset=utf-8"),)
EMPTY = json_reply(200, b"{}")
NOTHING_THERE = json_reply(404, b"{}")
BUSY = json_reply(409, b'{"detail":"Already running a prediction"}')
SETUP_FAILED = json_reply(503, b'{"detail":"The setup of the model failed: see /health-check"}')
DEFUNCT = json_reply(503, b'{"detail":"The model has crashed and is not restarted: see /health-check"}')
WRONG_MODE = json_reply(409, b'{"detail":"This server was started for training (--x-mode train) and has no predictor"}')

DESCRIPTION_PATIENCE = 2.0  # seconds; a model that is imported for longer answers 409 unchecked

PREDICTION_URLS = {
    "predictions_url": "/predictions",
    "predictions_idempotent_url": "/predictions/{prediction_id}",
    "predictions_cancel_url": "/predictions/{prediction_id}/cancel",
}
TRAINING_URLS = {
    "trainings_url": "/trainings",
    "trainings_idempotent_url": "/trainings/{training_id}",
    "trainings_cancel_url": "/trainings/{training_id}/cancel",
}


class Handler:
    """Answers requests. `admit` and `handle` are called in the connection's own thread."""

    def __init__(
        self,
        supervisor: Supervisor,
        runner: Runner,
        journal: Journal,
        *,
        version: str,
        json_depth: int,
        echo_whole: bool,
        shutdown: Callable[[], None],
        draining: Callable[[], bool],
    ) -> None:
        self._supervisor = supervisor
        self._runner = runner
        self._journal = journal
        self._version = version
        self._json_depth = json_depth
        self._echo_whole = echo_whole
        self._shutdown = shutdown
        self._draining = draining
        self._routes = Routes(trainings=bool(supervisor.settings.train))
        self._routes_final = False
        self._schema: Optional[bytes] = None
        self._docs: Optional[bytes] = None
        self._commands: Dict[str, Callable[[Request, Optional[str], Connection], Reply]] = {
            "index": self._index,
            "health": self._health,
            "livez": self._probe,
            "readyz": self._probe,
            "startupz": self._probe,
            "shutdown": self._stop,
            "schema": self._openapi,
            "docs": self._page,
            "redoc": self._page,
            "predict": self._predict,
            "predict-id": self._predict,
            "cancel": self._cancel,
            "train": self._train,
            "train-id": self._train,
            "cancel-training": self._cancel_training,
        }

    # -- the two entrances

    def admit(self, request: Request) -> Optional[Reply]:
        """Refuse what needs no body to be refused, before the client sends it."""
        found = self._find(request)
        return None if isinstance(found, Route) else found

    def handle(self, request: Request, connection: Connection) -> Reply:
        found = self._find(request)
        if not isinstance(found, Route):
            return found
        command = self._commands[found.command]
        try:
            return command(request, found.id, connection)
        except Exception:
            import traceback

            self._journal.error("internal error", logger="cog.server.http", exception=traceback.format_exc())
            return text_reply(500, "Internal Server Error")

    def _find(self, request: Request) -> Union[Route, Reply]:
        if not self._routes_final:
            self._settle_routes()
        return self._routes.find(
            request.method, request.path, query=request.query, host=request.headers.get("host", "")
        )

    def _settle_routes(self) -> None:
        """Which routes exist follows from what the model is, which the worker says once. Nobody waits for that."""
        supervisor = self._supervisor
        if supervisor.settled.is_set():
            self._routes = Routes(trainings=supervisor.train is not None, failed=supervisor.early_failure)
            self._routes_final = True

    # -- about the server

    def _index(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        document = {
            "cog_version": self._version,
            "docs_url": "/docs",
            "openapi_url": "/openapi.json",
            "shutdown_url": "/shutdown",
            "healthcheck_url": "/health-check",
        }
        document.update(PREDICTION_URLS)
        if self._supervisor.train is not None:
            document.update(TRAINING_URLS)
        return json_reply(200, json.dumps(document, separators=(",", ":")).encode())

    def _health(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        return Reply(200, JSON, (self._supervisor.health(),))

    def _probe(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        word = self._supervisor.status()
        name = request.path[1:]
        fails = health.probe_fails(name, word, draining=self._draining())
        return json_reply(503 if fails else 200, ('{"status":"%s"}' % word).encode())

    def _stop(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        self._journal.info("shutdown requested via http", logger="cog.server.http")
        return Reply(200, JSON, (b"{}",), close=True, on_sent=self._shutdown)

    def _document(self) -> bytes:
        if self._schema is None:
            from ..schema.openapi import document, failed_document

            supervisor = self._supervisor
            if supervisor.early_failure:
                made = failed_document()
            else:
                made = document(supervisor.predict, supervisor.train)
            text = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            if not supervisor.settled.is_set():
                return text
            self._schema = text
        return self._schema

    def _openapi(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        supervisor = self._supervisor
        if not supervisor.settled.wait(30.0):
            return json_reply(503, b'{"detail":"The model is still being imported: there is no schema yet"}')
        return json_reply(200, self._document())

    def _page(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        if self._docs is None:
            from ..schema.docs_page import page

            self._docs = page(json.loads(self._document()))
        return Reply(200, HTML, (self._docs,))

    # -- predictions

    def _predict(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        return self._create(request, id, connection, False)

    def _train(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        return self._create(request, id, connection, True)

    def _create(self, request: Request, id: Optional[str], connection: Connection, training: bool) -> Reply:
        supervisor = self._supervisor
        if not supervisor.settled.is_set():
            supervisor.settled.wait(DESCRIPTION_PATIENCE)  # to say what is wrong with a request that comes this early
        spec = supervisor.train if training else supervisor.predict
        if spec is None:
            return self._refusal()
        if not training and supervisor.settings.mode == "train":
            return WRONG_MODE
        headers = request.headers
        body = request.body
        try:
            if body.length:
                document = load(body, headers.get("content-type"), depth=self._json_depth)
            else:
                document = NO_BODY
            wanted = check_prediction(spec, document, id, put=id is not None, full_echo=self._echo_whole)
        except InputInvalid as invalid:
            return json_reply(422, invalid.body())
        except DocumentInvalid as broken:
            return Reply(broken.status, JSON, (broken.body,))
        prefer = headers.get("prefer")
        respond_async = prefer is not None and asks_for_async(prefer)
        runner = self._runner
        try:
            run, new = runner.admit(
                wanted,
                training=training,
                idempotent=id is not None,
                respond_async=respond_async,
                trace=trace(headers),
            )
        except Busy:
            return self._refusal()
        if not new:
            with run.prediction.lock:
                segments = run.prediction.document()
            return self._prediction_reply(202, segments, None)
        if respond_async:
            body.retain()
            try:
                return json_reply(202, runner.start(run, body.close))
            except RuntimeError:
                return json_reply(503, b'{"detail":"The server cannot start another thread"}')
        runner.execute(run, connection)
        prediction = run.prediction
        if prediction.mismatch is not None:
            reply = self._unfit(prediction)
            reply.on_sent = run.conclude
            return reply
        return self._prediction_reply(200, prediction.document(), run)

    def _unfit(self, prediction: Prediction) -> Reply:
        """A synchronous answer whose output cannot be what was promised."""
        detail = str(prediction.mismatch)
        if prediction.status == "failed":
            if detail == FILE_MISSING:
                return text_reply(500, "Internal Server Error")
        else:
            self._journal.error(
                "The return value of the model does not match its return annotation. Compare the two:\n" + detail,
                prediction.id,
            )
        return json_reply(500, json.dumps({"detail": detail}, separators=(",", ":")).encode())

    def _refusal(self) -> Reply:
        supervisor = self._supervisor
        if supervisor.setup.status == "failed":
            return SETUP_FAILED
        if supervisor.defunct:
            return DEFUNCT
        return BUSY

    def _prediction_reply(self, status: int, segments: List[Any], run: Optional[Run]) -> Reply:
        """`run`: the one that has ended with this reply."""
        conclude = None if run is None else run.conclude
        if len(segments) == 3 and type(segments[1]) is bytes:
            return Reply(status, JSON, (b"".join(segments),), on_sent=conclude)
        parts: List[Any] = []
        for segment in segments:
            if type(segment) is bytes:
                parts.append(segment)
                continue
            try:
                opened, mime = open_output(segment)
            except OSError:  # somebody cleans the temporary directory under us
                for part in parts:
                    if isinstance(part, FilePart):
                        part.file.close()
                if conclude is not None:
                    conclude()
                raise
            parts.append(b'"data:' + mime + b";base64,")
            parts.append(opened)
            parts.append(b'"')
        return Reply(status, JSON, tuple(parts), on_sent=conclude)

    def _cancel(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        return EMPTY if id is not None and self._runner.cancel(False, id) else NOTHING_THERE

    def _cancel_training(self, request: Request, id: Optional[str], connection: Connection) -> Reply:
        return EMPTY if id is not None and self._runner.cancel(True, id) else NOTHING_THERE


def open_output(segment: Tuple[str, str, Optional[str], bool]) -> Tuple[FilePart, bytes]:
    """An output file as a part of a reply, and its media type. Raises OSError when it is gone."""
    file = open(segment[0], "rb")
    size = os.fstat(file.fileno()).st_size
    return FilePart(file, size), (segment[2] or "application/octet-stream").encode("ascii", "replace")


def render(segments: List[Any]) -> bytes:
    """A document with its files in it as data URLs, whole: for webhooks, which may be sent more than once."""
    from .replies import blocks

    parts: List[bytes] = []
    for segment in segments:
        if type(segment) is bytes:
            parts.append(segment)
            continue
        try:
            opened, mime = open_output(segment)
        except OSError:
            parts.append(b"null")
            continue
        with opened.file:
            parts.append(b'"data:' + mime + b";base64,")
            parts.extend(blocks(opened))
            parts.append(b'"')
    return b"".join(parts)


def asks_for_async(prefer: str) -> bool:
    """Whether respond-async is among the preferences (RFC 7240): any case, parameters ignored."""
    if prefer == "respond-async":
        return True
    for part in prefer.split(","):
        if part.split(";")[0].split("=")[0].strip().lower() == "respond-async":
            return True
    return False


NO_TRACE: Dict[str, str] = {}


def trace(headers: Dict[str, str]) -> Dict[str, str]:
    """The trace context that outgoing requests pass on (W3C Trace Context)."""
    if "traceparent" not in headers:
        return NO_TRACE
    return {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}

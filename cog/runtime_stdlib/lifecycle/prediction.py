"""One prediction's life: what it is, what may happen to it, and how it reads as JSON.

Strategy: the output is kept as the JSON text that the worker wrote once, cut where files are; nothing here
parses it. A document is a list of segments: bytes, and whatever object stands for a file, for the web room to
stream. A state machine that is a table: a pair that is not in it is a bug in the worker or in us.
"""

from __future__ import annotations

import json
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Union

    from .logs import Log

    # JSON text, or text and files in turn, in order
    Segments = List[Any]
    Value = Union[bytes, Segments]

PROCESSING = "processing"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELED = "canceled"

# (where we are, what it becomes). Anything else cannot happen.
TRANSITIONS = frozenset(
    ((PROCESSING, SUCCEEDED), (PROCESSING, FAILED), (PROCESSING, CANCELED)),
)


class IllegalTransition(AssertionError):
    """A bug of ours: a prediction that is over was told to change."""


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def quoted(text: Optional[str]) -> bytes:
    """A text, or nothing, as JSON. Lone surrogates, which UTF-8 cannot carry, become escapes."""
    if text is None:
        return b"null"
    try:
        return _encode(text).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(text).encode("ascii")


class Prediction:
    """One prediction. `lock` guards logs, output and status; whoever changes or reads them holds it."""

    __slots__ = (
        "id",
        "training",
        "lock",
        "status",
        "echo",
        "created_at",
        "started_at",
        "started",
        "completed_at",
        "error",
        "metrics",
        "log",
        "output",
        "items",
        "mismatch",
        "canceled",
    )

    def __init__(
        self, id: Optional[str], *, training: bool, echo: bytes, created_at: Optional[str], log: Log
    ) -> None:
        self.id = id
        self.training = training
        self.lock = allocate_lock()
        self.status = PROCESSING
        self.echo = echo
        self.created_at = created_at
        self.started_at: str = ""
        self.started = 0.0
        self.completed_at: Optional[str] = None
        self.error: Optional[str] = None
        self.metrics: Optional[Dict[str, Any]] = None
        self.log = log
        self.output: Optional[Value] = None  # of a returned value
        self.items: Optional[List[Value]] = None  # of an iterator: an array as soon as it starts
        self.mismatch: Optional[str] = None
        self.canceled = False

    def finish(
        self, status: str, now: str, *, error: Optional[str] = None, metrics: Optional[Dict[str, Any]] = None
    ) -> None:
        """The one way out of PROCESSING. Raises IllegalTransition when it is over already."""
        if (self.status, status) not in TRANSITIONS:
            raise IllegalTransition("%s makes no sense while %s" % (status, self.status))
        self.status = status
        self.completed_at = now
        self.error = error
        self.metrics = metrics

    def output_segments(self) -> Segments:
        if self.items is not None:
            segments: Segments = [b"["]
            plain: List[bytes] = []
            for index, item in enumerate(self.items):
                if index:
                    plain.append(b",")
                if isinstance(item, bytes):
                    plain.append(item)
                    continue
                segments.append(b"".join(plain))
                plain = []
                segments.extend(item)
            segments.append(b"".join(plain) + b"]")
            return segments
        if self.output is None:
            return [b"null"]
        return [self.output] if isinstance(self.output, bytes) else self.output

    def document(self) -> Segments:
        """The whole object with every key, as the HTTP answers have it."""
        head = b'{"input":%b,"output":' % self.echo
        tail = (
            b',"id":%b,"version":null,"created_at":%b,"started_at":"%b","completed_at":%b,"logs":%b,"error":%b,"status":"%b","metrics":%b}'
            % (
                quoted(self.id),
                quoted(self.created_at),
                self.started_at.encode(),
                quoted(self.completed_at),
                quoted(self.log.text()) if self.log else b'""',
                quoted(self.error),
                self.status.encode(),
                self.metrics_text(),
            )
        )
        return [head, *self.output_segments(), tail]

    def notice(self) -> Segments:
        """The object as webhooks have it: keys that were never set are left out."""
        head = b'{"input":%b,"output":' % self.echo
        tail = b',"id":%b,"created_at":%b,"started_at":"%b","logs":%b,"status":"%b"' % (
            quoted(self.id),
            quoted(self.created_at),
            self.started_at.encode(),
            quoted(self.log.text()) if self.log else b'""',
            self.status.encode(),
        )
        if self.completed_at is not None:
            tail += b',"completed_at":"%b"' % self.completed_at.encode()
        if self.error is not None:
            tail += b',"error":' + quoted(self.error)
        if self.metrics is not None:
            tail += b',"metrics":' + self.metrics_text()
        return [head, *self.output_segments(), tail + b"}"]

    def metrics_text(self) -> bytes:
        metrics = self.metrics
        if metrics is None:
            return b"null"
        if len(metrics) == 1 and type(metrics.get("predict_time")) is float:  # the model has none of its own
            return b'{"predict_time":%a}' % metrics["predict_time"]
        try:
            text = _encode(metrics)
        except ValueError:
            text = _encode(finite(metrics))
        return text.encode("utf-8", "replace")


def finite(value: Any) -> Any:
    """A copy in which NaN and the infinities, which JSON does not have, are null."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


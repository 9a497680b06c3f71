"""Run synchronous predictions, one after the other, in the worker's main thread.

Cancelation arrives as a CANCEL frame on the slot and then SIGUSR1. The signal's handler looks for the frame, so
that a stray signal means nothing, and raises only while model code is on the stack (`_armed`); a cancel that
comes at any other moment of a prediction is found when model code is next entered. The frame is answered once the
prediction is over: until then the server does not use the slot again, so no cancel can hit the wrong prediction.

Items of an iterator are gathered for a few milliseconds before they are sent: a write for each would cost
more than the work. A thread, started when it is first needed, sends what the model leaves lying.
"""

from __future__ import annotations

import _socket
import signal
import sys
from time import monotonic

from ..sdk.exceptions import CancelationException
from ..sdk.scope import Scope, enter, leave
from ..wire import messages as m
from ..wire.codec import Decoder, encode, receive
from . import capture
from .encode import FileMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from .bind import Binder
    from .encode import Encoder

GATHER_SECONDS = 0.004
GATHER_ITEMS = 512


class Callee:
    """A predict or train function, ready to be called: what binds its inputs and encodes its output."""

    __slots__ = ("call", "binder", "encoder", "asynchronous")

    def __init__(self, call: Callable[..., Any], binder: Binder, encoder: Encoder, asynchronous: bool) -> None:
        self.call = call
        self.binder = binder
        self.encoder = encoder
        self.asynchronous = asynchronous


class LeavesWorker(BaseException):
    """The model called sys.exit or was interrupted: the worker ends, with that status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Outbox:
    """Sends frames on a slot; gathers yielded items. Used by the main thread and its flusher."""

    def __init__(self, slot: Any) -> None:
        import threading

        self._slot = slot
        self._lock = threading.Lock()
        self._items: List[Any] = []  # Invariant: only ever touched with the lock held.
        self._since = 0.0
        self._last = 0.0
        self._event = threading.Event()
        self._flusher: Optional[threading.Thread] = None

    def send(self, message: Tuple[Any, ...]) -> None:
        frame = encode(message)
        with self._lock:
            if self._items:
                frame = encode((m.YIELDED, self._items)) + frame
                self._items = []
            self._slot.sendall(frame)

    def item(self, value: Any) -> None:
        now = monotonic()
        with self._lock:
            items = self._items
            if not items:
                if now - self._last > GATHER_SECONDS:
                    self._last = now
                    self._slot.sendall(encode((m.YIELDED, [value])))
                    return
                self._since = now
            items.append(value)
            if len(items) < GATHER_ITEMS and now - self._since < GATHER_SECONDS:
                wake = len(items) == 1
            else:
                self._flush(now)
                wake = False
        if wake:
            if self._flusher is None:
                import threading

                self._flusher = threading.Thread(target=self._flush_late, name="outbox", daemon=True)
                self._flusher.start()
            self._event.set()

    def _flush(self, now: float) -> None:
        items, self._items = self._items, []
        self._last = now
        self._slot.sendall(encode((m.YIELDED, items)))

    def _flush_late(self) -> None:
        import time

        while True:
            self._event.wait()
            self._event.clear()
            time.sleep(GATHER_SECONDS)
            with self._lock:
                if self._items:
                    try:
                        self._flush(monotonic())
                    except OSError:  # the server is gone; the main thread will see it too
                        return


class SyncExecutor:
    """The main loop of a synchronous worker."""

    def __init__(self, slot: Any, callees: Dict[str, Callee], find_callee: Callable[[str], Callee]) -> None:
        self._slot = slot
        self._callees = callees
        self._find_callee = find_callee
        self._armed = False
        self._signalled = False
        self._behind: List[Tuple[Any, ...]] = []  # frames that came together with the current one: cancels
        self._outbox: Optional[Outbox] = None

    def _on_cancel(self, number: int, frame: Any) -> None:
        if not self._armed:
            self._signalled = True
        elif self._is_canceled():
            self._armed = False
            raise CancelationException()

    def _is_canceled(self) -> bool:
        """Whether a CANCEL frame has come: while a prediction runs the server sends nothing else."""
        if self._behind:
            return True
        try:
            return bool(self._slot.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False

    def listen_for_cancel(self) -> None:
        signal.signal(signal.SIGUSR1, self._on_cancel)

    def serve(self) -> None:
        """Run what arrives until the server closes the slot. Raises LeavesWorker when the model ends the process."""
        for messages in receive(self._slot, Decoder()):
            for index, message in enumerate(messages):
                if message[0] == m.PREDICT:
                    self._behind = messages[index + 1 :]
                    self._run(message)
                    self._signalled = False
                else:
                    self._slot.sendall(encode((m.CANCEL,)))

    def _run(self, message: Tuple[Any, ...]) -> None:
        _, mode, _, values, leaves, context = message
        yielded_files: List[str] = []
        error: Optional[str] = None
        mismatch: Optional[str] = None
        value: Any = None
        status = m.SUCCEEDED
        scope = Scope(context)
        token = enter(scope)
        try:
            callee = self._callees.get(mode) or self._find_callee(mode)
            arguments = callee.binder.bind(values, leaves)
            result = self._call(callee.call, arguments)
            if hasattr(result, "__next__") and not hasattr(result, "read"):
                mismatch = self._drain(result, callee, yielded_files)
            else:
                encoded = callee.encoder.encode(result)
                value, mismatch = segments(encoded), encoded.mismatch
        except CancelationException:
            status = m.CANCELED
        except (SystemExit, KeyboardInterrupt) as stop:
            raise LeavesWorker(exit_status(stop)) from None
        except BaseException as failure:
            status, error, value = m.FAILED, describe(failure), None
            mismatch = m.FILE_MISSING if isinstance(failure, FileMissing) else None
            print_traceback(failure)
        finally:
            self._armed = False
            leave(token)
        if yielded_files:
            from .files import discard

            discard(yielded_files)
        capture.flush()
        done = (m.DONE, status, value, error, scope.snapshot(), mismatch)
        try:
            frame = encode(done)
        except ValueError as failure:  # a metric that is not plain data
            frame = encode((m.DONE, m.FAILED, None, describe(failure), {}, None))
        if self._outbox is None:
            self._slot.sendall(frame)
        else:
            self._outbox.send(done)

    def _call(self, function: Callable[..., Any], arguments: Dict[str, Any]) -> Any:
        try:
            self._armed = True
            if self._signalled and self._is_canceled():
                raise CancelationException()
            return function(**arguments)
        finally:
            self._armed = False

    def _drain(self, iterator: Any, callee: Callee, yielded_files: List[str]) -> Optional[str]:
        """Send all items; returns how the first one that does not fit its annotation does not."""
        if self._outbox is None:
            self._outbox = Outbox(self._slot)
        outbox = self._outbox
        outbox.send((m.STARTED_ITERATOR,))
        put, encode_item = outbox.item, callee.encoder.encode_item
        throw = getattr(iterator, "throw", None)
        mismatch: Optional[str] = None
        index = 0
        while True:
            try:
                self._armed = True
                if self._signalled and self._is_canceled():
                    self._armed = False
                    if throw is None:
                        raise CancelationException()
                    item = throw(CancelationException())
                else:
                    item = next(iterator)
            except StopIteration:
                return mismatch
            finally:
                self._armed = False
            encoded = encode_item(item, index)
            index += 1
            if mismatch is None:
                mismatch = encoded.mismatch
            put(segments(encoded, yielded_files))


def segments(encoded: Any, yielded_files: Optional[List[str]] = None) -> Any:
    """An Encoded as it crosses the socket: bytes when there is no file in it.

    Given `yielded_files`, temporary files stay where they are until the prediction ends, and are named there: a
    generator may go on working on what it has yielded.
    """
    parts = encoded.segments
    if len(parts) == 1 and type(parts[0]) is bytes:
        return parts[0]
    from .files import stage

    staged: Dict[Optional[str], Any] = {}  # a file that is in the output twice is one file
    result: List[Any] = []
    for part in parts:
        if type(part) is bytes:
            result.append(part)
        elif part.path is None or part.path not in staged:
            staged[part.path] = stage(part, yielded_files)
            result.append(staged[part.path])
        else:
            result.append(staged[part.path])
    return result


def describe(failure: BaseException) -> str:
    """str() of a model's exception, whatever its own __str__ does."""
    try:
        return str(failure)
    except Exception as inner:
        return "%s (and its own text could not be had: %s)" % (type(failure).__name__, type(inner).__name__)


def print_traceback(failure: BaseException) -> None:
    """The traceback as part of the prediction's log, without the frames that are ours."""
    import traceback

    try:
        at = failure.__traceback__
        while at is not None and at.tb_next is not None and is_ours(at):
            at = at.tb_next
        text = "".join(traceback.format_exception(type(failure), failure, at))
    except Exception as inner:  # an exception whose __str__ or __repr__ raises
        text = "Traceback (most recent call last):\n%s: <its text could not be had: %s>\n" % (
            type(failure).__name__,
            type(inner).__name__,
        )
    try:
        sys.stderr.write(text)
    except Exception:  # the model replaced sys.stderr with something that does not write
        pass


def is_ours(at: Any) -> bool:
    name: str = at.tb_frame.f_globals.get("__name__", "")
    return name.startswith("cog.runtime_stdlib.worker")


def exit_status(stop: BaseException) -> int:
    """The status that Python would end with."""
    if isinstance(stop, SystemExit):
        if stop.code is None:
            return 0
        if isinstance(stop.code, int):
            return stop.code & 0xFF
        sys.stderr.write("%s\n" % (stop.code,))
        return 1
    return 1

"""Run predictions of an async model: tasks of one event loop, one slot each, up to `concurrency.max` at a time.

What a task prints goes to its own prediction by context (capture.Router); what C code and children write, to the
one prediction that runs, if only one does: the server sees to that. Cancelation is a frame on the slot and becomes
task.cancel(). A synchronous train function beside an async predictor runs in a thread of the loop.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar

from ..sdk.exceptions import CancelationException
from ..sdk.scope import Scope, enter
from ..wire import messages as m
from ..wire.codec import PIECE, Decoder, encode
from . import capture
from .encode import FileMissing
from .execute import Callee, LeavesWorker, describe, exit_status, print_traceback, segments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

current: "ContextVar[Optional[Callable[[int, bytes], None]]]" = ContextVar("cog_prediction", default=None)


class Slot:
    """One slot's socket on the loop: frames in, frames out, never blocking the loop for a full socket."""

    __slots__ = ("sock", "decoder", "task", "_loop", "_backlog")

    def __init__(self, sock: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.sock = sock
        self.decoder = Decoder()
        self.task: Optional[asyncio.Task[None]] = None
        self._loop = loop
        self._backlog = bytearray()  # what the socket did not take yet, in order
        sock.setblocking(False)

    def send(self, message: Tuple[Any, ...]) -> None:
        frame = encode(message)
        if not self._backlog:
            try:
                sent = self.sock.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:  # the server is gone, and this process soon is
                return
            if sent == len(frame):
                return
            frame = frame[sent:]
            self._loop.add_writer(self.sock.fileno(), self._drain)
        self._backlog += frame

    def _drain(self) -> None:
        try:
            sent = self.sock.send(self._backlog)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._backlog)
        del self._backlog[:sent]
        if not self._backlog:
            self._loop.remove_writer(self.sock.fileno())


class AsyncExecutor:
    """The main loop of an asynchronous worker."""

    def __init__(self, callees: Dict[str, Callee], find_callee: Callable[[str], Callee]) -> None:
        self._callees = callees
        self._find_callee = find_callee
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._stopped = self.loop.create_future()
        self._open = 0

    def run_setup(self, coroutine: Any) -> None:
        """Run an async setup on the loop that predictions will use."""
        self.loop.run_until_complete(coroutine)

    def serve(self, sockets: List[Any]) -> None:
        """Run what arrives until the server closes the slots. Raises LeavesWorker when the model ends the process."""
        sys.stdout = capture.Router(sys.stdout, 1, current)
        sys.stderr = capture.Router(sys.stderr, 2, current)
        for sock in sockets:
            slot = Slot(sock, self.loop)
            self._open += 1
            self.loop.add_reader(sock.fileno(), self._readable, slot)
        try:
            self.loop.run_until_complete(self._stopped)
        except (SystemExit, KeyboardInterrupt) as stop:  # out of a task: asyncio lets these two through
            raise LeavesWorker(exit_status(stop)) from None

    def _readable(self, slot: Slot) -> None:
        try:
            data = slot.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.loop.remove_reader(slot.sock.fileno())
            if slot.task is not None:
                slot.task.cancel()
            self._open -= 1
            if not self._open and not self._stopped.done():
                self._stopped.set_result(None)
            return
        for message in slot.decoder.feed(data):
            if message[0] == m.PREDICT:
                slot.task = self.loop.create_task(self._run(slot, message))
            elif message[0] == m.CANCEL and slot.task is not None:
                slot.task.cancel()

    async def _run(self, slot: Slot, message: Tuple[Any, ...]) -> None:
        _, mode, _, values, leaves, context = message
        yielded_files: List[str] = []
        error: Optional[str] = None
        mismatch: Optional[str] = None
        value: Any = None
        status = m.SUCCEEDED
        send = slot.send

        def log(stream: int, data: bytes) -> None:
            send((m.LOGGED, stream, data))

        current.set(log)
        scope = Scope(context)
        enter(scope)
        try:
            callee = self._callees.get(mode) or self._find_callee(mode)
            arguments = callee.binder.bind(values, leaves)
            if callee.asynchronous:
                result = callee.call(**arguments)
                if hasattr(result, "__await__"):
                    result = await result
            else:
                result = await self.loop.run_in_executor(None, lambda: callee.call(**arguments))
            encoder = callee.encoder
            if hasattr(result, "__anext__"):
                send((m.STARTED_ITERATOR,))
                async for item in result:
                    encoded = encoder.encode_item(item)
                    mismatch = mismatch or encoded.mismatch
                    send((m.YIELDED, [segments(encoded, yielded_files)]))
            elif hasattr(result, "__next__") and not hasattr(result, "read"):
                send((m.STARTED_ITERATOR,))
                for item in result:
                    encoded = encoder.encode_item(item)
                    mismatch = mismatch or encoded.mismatch
                    send((m.YIELDED, [segments(encoded, yielded_files)]))
            else:
                encoded = encoder.encode(result)
                value, mismatch = segments(encoded), encoded.mismatch
        except (asyncio.CancelledError, CancelationException):
            status = m.CANCELED
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as failure:
            status, error, value = m.FAILED, describe(failure), None
            mismatch = m.FILE_MISSING if isinstance(failure, FileMissing) else None
            print_traceback(failure)
        if yielded_files:
            from .files import discard

            discard(yielded_files)
        slot.task = None
        try:
            send((m.DONE, status, value, error, scope.snapshot(), mismatch))
        except ValueError as failure:  # a metric that is not plain data
            send((m.DONE, m.FAILED, None, describe(failure), {}, None))

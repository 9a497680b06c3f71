"""Run one prediction from admission to its answer: one straight-line function in one thread.

Strategy: the thread that holds a slot writes the request on the slot's socket and reads events from it; no
dispatcher, queue or future on the way. A synchronous request is run by its connection's thread, an asynchronous one
by a thread of its own. Whoever cancels sets a flag and nudges; the thread that runs decides what comes of it.

The slot is released before the completed webhook and the answer are sent, so that a client who reacts to either
never finds the server busy with what it has just been told is over.
"""

from __future__ import annotations

import os
import select
import threading
import time

from ..lifecycle.clock import iso
from ..lifecycle.logs import Lines, Log
from ..lifecycle.prediction import CANCELED, FAILED, SUCCEEDED, Prediction
from ..lifecycle.throttle import SHORTEST_INTERVAL_WITH_START, Throttle
from ..wire import messages as m
from ..wire.codec import PIECE, encode, read_exactly
from .interrupt import Interrupt, Interrupted
from .roster import Busy, Roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

    from ..validation.request import PredictionRequest
    from .journal import Journal
    from .process import Slot
    from .supervisor import Supervisor
    from .webhooks import Sender

    OutputFile = Tuple[str, str, Optional[str], bool]

__all__ = ["Busy", "Options", "Run", "Runner"]

UNKNOWN_REASON = "Prediction failed for an unknown reason. It might have run out of memory? "
UPLOAD_FAILED = "Cog: Got error trying to upload output files"
# A synchronous answer follows its webhooks, as clients expect, but it does not wait for a receiver that is slow.
WEBHOOK_PATIENCE = 0.25
POLLRDHUP = getattr(select, "POLLRDHUP", 0)


class Options:
    """What the command line and the environment say about running predictions."""

    __slots__ = (
        "upload_url",
        "webhook_interval",
        "cancel_grace",
        "predict_timeout",
        "cancel_on_disconnect",
        "log_limit",
    )

    def __init__(
        self,
        *,
        upload_url: Optional[str] = None,
        webhook_interval: float = 0.5,
        cancel_grace: float = 5.0,
        predict_timeout: float = 0.0,
        cancel_on_disconnect: bool = True,
        log_limit: int = 16 << 20,
    ) -> None:
        self.upload_url = upload_url
        self.webhook_interval = webhook_interval
        self.cancel_grace = cancel_grace
        self.predict_timeout = predict_timeout
        self.cancel_on_disconnect = cancel_on_disconnect
        self.log_limit = log_limit


class OutputFailed(Exception):
    """An output file could not be uploaded or is gone; str() is the prediction's error."""


class Run:
    """One prediction while it is being run: its state, its slot, and who must be told."""

    __slots__ = (
        "prediction",
        "request",
        "key",
        "slot",
        "respond_async",
        "trace",
        "interrupt",
        "executing",
        "grace_timer",
        "timed_out",
        "killed",
        "throttle",
        "files",
        "_runner",
        "_last_event",
        "lines",
        "acknowledged",
    )

    def __init__(
        self,
        runner: Runner,
        request: PredictionRequest,
        *,
        training: bool,
        respond_async: bool,
        trace: Mapping[str, str],
    ) -> None:
        self.prediction = Prediction(
            request.id,
            training=training,
            echo=request.echo,
            created_at=request.created_at,
            log=Log(runner.options.log_limit),
        )
        self.request = request
        self.key: Optional[Tuple[bool, str]] = None if request.id is None else (training, request.id)
        self.slot: Optional[Slot] = None
        self.respond_async = respond_async
        self.trace = trace
        self.interrupt: Optional[Interrupt] = None  # made when first needed
        self.executing = False  # the worker has it. Guarded by the prediction's lock, as all below
        self.grace_timer: Optional[threading.Timer] = None
        self.timed_out = False
        self.killed = False
        self.throttle = Throttle(runner.options.webhook_interval) if request.webhook is not None else None
        self.files: List[str] = []  # output files that are deleted when the answer is out
        self.lines: Optional[Tuple[Lines, Lines]] = None
        self._runner = runner
        self._last_event = ""
        self.acknowledged = False

    # -- what happens to it

    def logged(self, text: str) -> None:
        """Lines of its log, from the watcher's thread or its own."""
        with self.prediction.lock:
            self.prediction.log.append(text)
            if self.throttle is not None:
                self._notify("logs")

    def _notify(self, event: str) -> None:
        """Send the state as a webhook, if that event was asked for and the throttle lets it. Lock held."""
        throttle = self.throttle
        if throttle is None or event not in self.request.webhook_events_filter:
            return
        self._last_event = event
        if event == "start":
            throttle.sent(time.monotonic())
            if throttle.interval < SHORTEST_INTERVAL_WITH_START:
                return
        elif not throttle.allows(time.monotonic()):
            return
        self._runner.post(self, final=False)

    def cancel(self) -> bool:
        """Ask for its end; False when it is over already. From any thread."""
        prediction = self.prediction
        with prediction.lock:
            if prediction.completed_at is not None:
                return False
            if prediction.canceled:
                return True
            prediction.canceled = True
            self._nudge()
            return True

    def expire(self) -> None:
        """--predict-timeout is over."""
        with self.prediction.lock:
            if self.prediction.completed_at is None and not self.prediction.canceled:
                self.timed_out = True
                self.prediction.canceled = True
                self._nudge()

    def _nudge(self) -> None:
        if self.interrupt is not None:
            self.interrupt.cancel()
        if self.executing and self.slot is not None:
            self.slot.process.cancel(self.slot)
            timer = threading.Timer(self._runner.options.cancel_grace, self._grace_over)
            timer.daemon = True
            timer.name = "cancel-grace"
            self.grace_timer = timer
            timer.start()

    def _grace_over(self) -> None:
        with self.prediction.lock:
            if self.prediction.completed_at is None and self.executing and self.slot is not None:
                self.killed = True
                self.slot.process.kill("It did not end within %g s of being canceled" % self._runner.options.cancel_grace)

    def conclude(self) -> None:
        """Its answer is out: log how it ended and delete its output files. Not sooner, for a client waits."""
        prediction, journal = self.prediction, self._runner.journal
        if prediction.status == SUCCEEDED:
            journal.info("prediction succeeded", prediction.id)
        elif prediction.status == CANCELED:
            journal.info("prediction canceled", prediction.id)
        elif journal.level <= 20:
            journal.info("prediction failed: %s" % (prediction.error,), prediction.id)
        if self.files:
            discard(self.files)

    def interruptible(self) -> Interrupt:
        """Its interrupt, made now if it has none; canceled already if the prediction is."""
        with self.prediction.lock:
            if self.interrupt is None:
                self.interrupt = Interrupt()
                if self.prediction.canceled:
                    self.interrupt.cancel()
            return self.interrupt


class Runner:
    """Creates, runs and cancels predictions."""

    def __init__(
        self,
        roster: Roster,
        supervisor: Supervisor,
        options: Options,
        journal: Journal,
        make_sender: Callable[[], Sender],
        render: Callable[[List[Any]], bytes],
    ) -> None:
        self.roster = roster
        self.supervisor = supervisor
        self.options = options
        self.journal = journal
        self._make_sender = make_sender
        self._render = render
        self._sender: Optional[Sender] = None
        self._sender_lock = threading.Lock()
        self._webhook_number = 0

    # -- the two ways in

    def admit(
        self,
        request: PredictionRequest,
        *,
        training: bool,
        idempotent: bool,
        respond_async: bool,
        trace: Mapping[str, str],
    ) -> Tuple[Run, bool]:
        """Take a slot: (the new run, True), or, if `idempotent`, (the one of that id that runs already, False).

        Raises Busy.
        """
        run = Run(self, request, training=training, respond_async=respond_async, trace=trace)
        now = time.time()
        run.prediction.started = time.monotonic()
        run.prediction.started_at = iso(now)
        running = self.roster.admit(run, idempotent=idempotent)
        if running is not None:
            return running, False
        return run, True

    def start(self, run: Run, let_go: Callable[[], None]) -> bytes:
        """Run it in a thread of its own; the answer to give meanwhile."""
        with run.prediction.lock:
            run._notify("start")
            answer = b"".join(run.prediction.document())
        thread = threading.Thread(target=self._run_alone, args=(run, let_go), name="prediction", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads: it must not hold its slot for ever
            let_go()
            self.roster.release(run)
            raise
        return answer

    def _run_alone(self, run: Run, let_go: Callable[[], None]) -> None:
        try:
            self.execute(run, None)
        finally:
            let_go()
            run.conclude()

    def execute(self, run: Run, connection: Any) -> None:
        """From here to its end, but for conclude(). Never raises for what the model or the network does."""
        prediction = run.prediction
        if not run.respond_async and run.throttle is not None:
            with prediction.lock:
                run._notify("start")
        inputs: List[str] = []
        status, error, value, metrics = FAILED, None, None, None
        try:
            status, error, value, metrics = self._perform(run, connection, inputs)
            if status == SUCCEEDED and value is not None and type(value) is not bytes:
                value = self._publish(run, value)
        except Interrupted:
            status, error = CANCELED, None
        except OutputFailed as failure:
            status, error, value = FAILED, str(failure), None
            prediction.mismatch = str(failure)
        except Exception as failure:
            import traceback

            self.journal.error("internal error", prediction.id, exception=traceback.format_exc())
            status, error, value = FAILED, "Internal error: %s" % (failure,), None
        if run.timed_out and status != SUCCEEDED:
            status = FAILED
            error = "The prediction took longer than %g s (--predict-timeout) and was stopped" % (
                self.options.predict_timeout
            )
        if status == SUCCEEDED:
            metrics = metrics or {}
            metrics["predict_time"] = time.monotonic() - prediction.started
        with prediction.lock:
            run.executing = False
            if value is not None:
                prediction.output = value
            prediction.finish(status, iso(time.time()), error=error, metrics=metrics or None)
            timer = run.grace_timer
        if timer is not None:
            timer.cancel()
        discard(inputs)
        self._settle(run)
        self.roster.release(run)
        if run.throttle is not None:
            with prediction.lock:
                if "completed" in run.request.webhook_events_filter:
                    self.post(run, final=True)
                elif run.throttle.pending:
                    self.post(run, final=True)  # the last state is never lost
        if status == SUCCEEDED:
            self.supervisor.succeeded()
        if run.throttle is not None and not run.respond_async and self._sender is not None:
            self._sender.wait(run, WEBHOOK_PATIENCE)

    # -- in the middle

    def _perform(
        self, run: Run, connection: Any, inputs: List[str]
    ) -> Tuple[str, Optional[str], Any, Optional[Dict[str, Any]]]:
        """(status, error, value, metrics) of the prediction. `inputs` receives the files to delete."""
        prediction, request, slot = run.prediction, run.request, run.slot
        assert slot is not None
        process = slot.process
        leaves: Any = ()
        if request.leaves:
            from .downloads import DownloadFailed, fetch_all

            watch = self._watch_client(run, connection)
            try:
                leaves = fetch_all(request.leaves, temporary_directory, run.interruptible())
            except DownloadFailed as failure:
                return FAILED, str(failure), None, None
            finally:
                watch()
                # The thread must not come back for a file that the model has by now.
            inputs.extend([leaf[2] for leaf in leaves if leaf[2] is not None])
        frame = encode(
            (
                m.PREDICT,
                "train" if prediction.training else "predict",
                prediction.id,
                request.values,
                leaves,
                request.context or {},
            )
        )
        is_generator = self._is_generator(prediction.training)
        with prediction.lock:
            if prediction.canceled:
                return CANCELED, None, None, None
            slot.run = run
            run.executing = True
            if is_generator:
                prediction.items = []
            try:
                slot.sock.sendall(frame)  # with the lock held, so that no cancel can overtake it
            except OSError:
                gone = True
            else:
                gone = False
        if gone:
            return self._bury(run, slot)
        self.journal.info("starting prediction", prediction.id)
        result = self._listen(run, slot, connection)
        process.drain(slot)
        if run.lines is not None:
            for lines in run.lines:
                rest = lines.finish()
                if rest:
                    run.logged(rest)
        if result is None:
            return self._bury(run, slot)
        with prediction.lock:
            run.executing = False  # what comes now (uploads) is ours: a cancel no longer concerns the worker
        _, status, value, error, metrics, mismatch = result
        prediction.mismatch = mismatch
        return status, error, value, metrics

    def _is_generator(self, training: bool) -> bool:
        spec = self.supervisor.train if training else self.supervisor.predict
        return bool(spec is not None and spec.is_generator)

    def _listen(self, run: Run, slot: Slot, connection: Any) -> Optional[Tuple[Any, ...]]:
        """Take the slot's events until DONE, which is returned; None when the worker is gone."""
        sock, decoder = slot.sock, slot.decoder
        watching = connection is not None and self.options.cancel_on_disconnect and POLLRDHUP
        deadline = 0.0
        if self.options.predict_timeout:
            deadline = run.prediction.started + self.options.predict_timeout
        poll: Any = None
        if watching or deadline or run.throttle is not None:
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            if watching:
                client = connection.fileno()
                poll.register(client, POLLRDHUP)
        while True:
            if poll is not None:
                wait = self._patience(run, deadline)
                events = poll.poll(wait)
                if not events:
                    self._wait_is_over(run, deadline)
                    if deadline and run.timed_out:
                        deadline = 0.0
                    continue
                if watching and (len(events) > 1 or events[0][0] == client):
                    poll.unregister(client)
                    watching = False
                    self.journal.info("the client is gone: canceling", run.prediction.id)
                    run.cancel()
                    if len(events) == 1:
                        continue
            try:
                data = sock.recv(PIECE)
            except OSError:
                return None
            if not data:
                return None
            messages = decoder.feed(data)
            owed = decoder.missing()
            if owed > PIECE:
                messages += decoder.feed(read_exactly(sock, owed))
            for index, message in enumerate(messages):
                if message[0] == m.DONE:
                    run.acknowledged = index + 1 < len(messages)  # the answer to a cancel came with it
                    return message
                self._take(run, slot, message)

    def _patience(self, run: Run, deadline: float) -> Optional[float]:
        """Milliseconds to wait for the worker before something else is due; None for no limit."""
        waits = []
        if deadline:
            waits.append(deadline - time.monotonic())
        if run.throttle is not None and run.throttle.pending:
            waits.append(run.throttle.wait(time.monotonic()))
        if not waits:
            return None
        return max(0.0, min(waits)) * 1000 + 1

    def _wait_is_over(self, run: Run, deadline: float) -> None:
        if deadline and time.monotonic() >= deadline:
            run.expire()
        if run.throttle is not None:
            with run.prediction.lock:
                if run.throttle.pending:
                    run._notify(run._last_event)

    def _take(self, run: Run, slot: Slot, message: Tuple[Any, ...]) -> None:
        prediction = run.prediction
        kind = message[0]
        if kind == m.YIELDED:
            items = message[1]
            publish: List[Any] = [item if type(item) is bytes else self._publish(run, item) for item in items]
            with prediction.lock:
                if prediction.items is None:
                    prediction.items = []
                prediction.items += publish
                if run.throttle is not None:
                    run._notify("output")
        elif kind == m.STARTED_ITERATOR:
            with prediction.lock:
                if prediction.items is None:
                    prediction.items = []
        elif kind == m.LOGGED:
            if run.lines is None:
                run.lines = (Lines(), Lines())
            slot.process.take_logged(slot, message[1], message[2], run.lines[message[1] - 1])

    def _watch_client(self, run: Run, connection: Any) -> Callable[[], None]:
        """While we wait for the network on behalf of a client, notice that it has gone. Returns what ends it."""
        if connection is None or not self.options.cancel_on_disconnect or not POLLRDHUP:
            return lambda: None
        read, write = os.pipe()
        client = os.dup(connection.fileno())

        def watch() -> None:
            poll = select.poll()
            poll.register(client, POLLRDHUP)
            poll.register(read, select.POLLIN)
            if all(fd != read for fd, _ in poll.poll()):
                run.cancel()
            os.close(client)
            os.close(read)

        threading.Thread(target=watch, name="client-watch", daemon=True).start()
        return lambda: os.close(write)

    # -- files

    def _publish(self, run: Run, value: List[Any]) -> Any:
        """Uploaded files become URLs at once; the others stay files until the answer is written."""
        prefix = run.request.output_file_prefix
        parts: List[Any] = []
        for part in value:
            if type(part) is bytes:
                parts.append(part)
                continue
            path = part[0]
            run.files.append(path)
            if run.respond_async and self.options.upload_url:
                parts.append(self._upload(self._put_raw, run, part))
            elif prefix and not run.respond_async:
                parts.append(self._upload(self._put_form, run, part))
            else:
                parts.append(part)
        return parts

    def _upload(self, put: Callable[[Run, OutputFile], str], run: Run, file: OutputFile) -> bytes:
        from ..lifecycle.prediction import quoted
        from .uploads import UploadFailed

        try:
            return quoted(put(run, file))
        except UploadFailed as failure:
            raise OutputFailed(str(failure)) from failure

    def _put_raw(self, run: Run, file: OutputFile) -> str:
        from .uploads import put_raw

        assert self.options.upload_url is not None
        return put_raw(self.options.upload_url, file, run.interruptible(), run.prediction.id, run.trace)

    def _put_form(self, run: Run, file: OutputFile) -> str:
        from .uploads import put_form

        return put_form(str(run.request.output_file_prefix), file, run.interruptible())

    # -- the end

    def _settle(self, run: Run) -> None:
        """After a cancel, wait for the worker's answer to it, so that it cannot hit the slot's next prediction."""
        slot = run.slot
        if slot is None or not slot.signalled:
            return
        slot.signalled = False
        try:
            slot.sock.settimeout(self.options.cancel_grace)
            if not run.acknowledged:
                receive_one(slot)
            slot.sock.settimeout(None)
        except OSError:
            slot.process.kill("It did not answer after a cancelation")
            slot.process.buried.wait(5)

    def _bury(self, run: Run, slot: Slot) -> Tuple[str, Optional[str], Any, Optional[Dict[str, Any]]]:
        """The worker died under this prediction: wait for its last words, which are part of the error."""
        process = slot.process
        if not process.exited.wait(2.0):
            process.kill("It closed its connection to the server")
        process.buried.wait(5.0)
        with run.prediction.lock:
            run.executing = False
            slot.signalled = False
            if run.killed:
                return CANCELED, None, None, None
        return FAILED, UNKNOWN_REASON + process.post_mortem(), None, None

    # -- webhooks

    def post(self, run: Run, *, final: bool) -> None:
        """Hand the prediction's state to the sender. Its lock is held, so that states leave in order."""
        if self._sender is None:
            with self._sender_lock:
                if self._sender is None:
                    self._sender = self._make_sender()
        segments = run.prediction.notice()
        body = segments[0] if len(segments) == 1 else self._render(segments)
        self._sender.post(run, str(run.request.webhook), body, final, run.trace)

    def cancel(self, training: bool, id: str) -> bool:
        run = self.roster.find(training, id)
        return run is not None and run.cancel()

    def close(self, grace: float) -> None:
        """Deliver the webhooks that are left, for at most so many seconds."""
        if self._sender is not None:
            self._sender.close(grace)


def receive_one(slot: Slot) -> None:
    """Wait for the one message that is still owed. Raises OSError when it does not come."""
    while True:
        data = slot.sock.recv(PIECE)
        if not data:
            raise OSError("the worker is gone")
        if slot.decoder.feed(data):
            return


def temporary_directory() -> str:
    import tempfile

    return tempfile.gettempdir()


def discard(paths: List[str]) -> None:
    """Delete files of ours. One that is gone already is fine."""
    for path in paths:
        try:
            os.unlink(path)
        except OSError:
            pass
    del paths[:]

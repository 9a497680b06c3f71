"""The server's composition root: arguments, workers, wiring, signals, exit status.

The order is for speed and safety. The flags are read by hand (argparse costs more than everything else here). The
workers are forked before anything large is imported and before there is a second thread; both sides then import in
parallel. The main thread does nothing but wait for signals and reap children, which also makes the server a
proper process 1.

Exit status: 0 when told to stop, 1 when the port is taken or the worker keeps dying, 2 for bad flags, 255 when
the setup failed.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional

    from .service.supervisor import Supervisor

# flag -> (what it is, default, help). "switch?" may stand alone or take true/false.
FLAGS: Dict[str, Any] = {
    "host": ("text", "0.0.0.0", "address to listen on; '::' for IPv6"),
    "threads": ("count", None, "worker processes, each with its own setup (default 1)"),
    "upload-url": ("text", None, "where files of asynchronous predictions are uploaded to"),
    "await-explicit-shutdown": ("switch?", False, "ignore SIGTERM and stay up after fatal errors"),
    "x-mode": ("mode", "predict", "predict or train: which function the workers run"),
    "cancel-grace": ("seconds", 5.0, "seconds a canceled model may take to clean up"),
    "predict-timeout": ("seconds", 0.0, "seconds a prediction may take; 0 for no limit"),
    "drain-timeout": ("seconds", 5.0, "seconds a running prediction may take to end after SIGTERM"),
    "no-cancel-on-disconnect": ("switch?", False, "let a prediction go on when its client is gone"),
    "max-log-bytes": ("size", 16 << 20, "bytes of log kept for a prediction"),
    "print-schema": ("switch?", False, "print the OpenAPI document and exit"),
}
PORT = 5000
STOP_GRACE = 5.0
WAIT_FILE_SECONDS = 60.0


class BadUsage(Exception):
    """A flag that does not exist, or whose value makes no sense."""


def parse(arguments: List[str], limits: Dict[str, float]) -> Dict[str, Any]:
    """The flags as a mapping. `limits`: the names and defaults of the HTTP limits, which are flags too.

    Raises BadUsage.
    """
    flags = dict(FLAGS)
    for name, default in limits.items():
        flags[name.replace("_", "-")] = ("size" if isinstance(default, int) else "seconds", None, "")
    found: Dict[str, Any] = {name: default for name, (_, default, _) in flags.items()}
    at = 0
    while at < len(arguments):
        argument = arguments[at]
        at += 1
        if argument in ("-v", "--version"):
            found["version"] = True
            continue
        if argument in ("-h", "--help"):
            found["help"] = True
            continue
        name, equals, value = argument.partition("=")
        if not name.startswith("--") or name[2:] not in flags:
            raise BadUsage("unrecognized argument: %s" % argument)
        name = name[2:]
        kind = flags[name][0]
        if kind == "switch?":
            if not equals and at < len(arguments) and arguments[at].lower() in TRUTH:
                value, equals = arguments[at], "="
                at += 1
            if equals and value.lower() not in TRUTH:
                raise BadUsage("--%s is true or false, not %r" % (name, value))
            found[name] = TRUTH[value.lower()] if equals else True
            continue
        if not equals:
            if at >= len(arguments):
                raise BadUsage("--%s needs a value" % name)
            value = arguments[at]
            at += 1
        found[name] = _converted(name, kind, value)
    return found


TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _converted(name: str, kind: str, value: str) -> Any:
    try:
        if kind == "count":
            number = int(value)
            if number < 1:
                raise ValueError
            return number
        if kind == "size":
            from .web.limits import size

            return size(value)
        if kind == "seconds":
            amount = float(value)
            if not 0 <= amount < 1e15:
                raise ValueError
            return amount
    except ValueError:
        raise BadUsage("--%s: %r is not a valid %s" % (name, value, "number")) from None
    if kind == "mode" and value not in ("predict", "train"):
        raise BadUsage("--x-mode is predict or train, not %r" % value)
    return value


def usage(limits: Dict[str, float]) -> str:
    lines = ["usage: python -m cog.server.http [flags]", "", "Serve the model of this directory over HTTP.", "", "flags:"]
    lines.append("  -h, --help                     this text")
    lines.append("  -v, --version                  print the version")
    for name, (kind, default, text) in FLAGS.items():
        left = "--%s%s" % (name, "" if kind == "switch?" else " " + kind.upper())
        shown = "" if default in (None, False) else " (default %s)" % default
        lines.append("  %-30s %s%s" % (left, text, shown))
    lines += ["", "limits, see docs/limits.md (each is also an environment variable, as in COG_MAX_BODY_SIZE):"]
    lines += ["  --%s (default %s)" % (name.replace("_", "-"), default) for name, default in limits.items()]
    lines += ["", "The port is taken from the environment variable PORT, %d without it." % PORT]
    return "\n".join(lines) + "\n"


def _settings_from(directory: str, mode: str) -> Any:
    from . import project
    from .wire.settings import Settings

    found = project.read(directory, dict(os.environ))
    return found, Settings(directory, found.predict, found.train, mode, found.concurrency)


def _early_exit(arguments: List[str]) -> Dict[str, Any]:
    from .web.limits import LIMITS

    limits = {row[0]: row[1] for row in LIMITS}
    try:
        options = parse(arguments, limits)
    except BadUsage as error:
        sys.stderr.write("%s\npython -m cog.server.http: error: %s\n" % (usage(limits).split("\n")[0], error))
        sys.exit(2)
    if options.get("help"):
        sys.stdout.write(usage(limits))
        sys.exit(0)
    if options.get("version"):
        from cog import __version__

        sys.stdout.write("cog.server.http %s\n" % __version__)
        sys.exit(0)
    return options


def serve(directory: str) -> NoReturn:
    """Serve the model in that directory until told to stop. The arguments are the process's own."""
    options = _early_exit(sys.argv[1:])
    options["stop-with-stdin"] = os.environ.pop("COG_STOP_WITH_STDIN", "") == "1"  # not for the model's children
    if options["print-schema"]:
        print_schema(directory, strict=False)
    _wait_for_file()
    mode = options["x-mode"]
    found, settings = _settings_from(directory, mode)
    stay = options["await-explicit-shutdown"]
    try:
        port = int(os.environ.get("PORT", "") or PORT)
        if not 0 <= port < 65536:
            raise ValueError
    except ValueError:
        sys.stderr.write("PORT is %r; it must be a number from 0 to 65535\n" % os.environ["PORT"])
        sys.exit(2)
    timeout = _seconds("COG_SETUP_TIMEOUT", 0.0)

    from .service.journal import Output
    from .service.roster import Roster
    from .service.supervisor import Supervisor
    from .worker.entry import COMMAND, forked

    outputs = (Output(1), Output(2))
    roster = Roster()
    supervisor = Supervisor(
        settings,
        options["threads"] or 1,
        roster,
        command=COMMAND,
        outputs=outputs,
        setup_timeout=timeout,
        stay=stay,
        exit_on_crash=os.environ.get("COG_ON_CRASH", "") == "exit",
    )
    if not found.failure:
        supervisor.fork_first(forked)
    _Server(supervisor, options, outputs, found.failure, port).live()


def _wait_for_file() -> None:
    """COG_WAIT_FILE: a platform mounts the model's files late and says when they are there."""
    path = os.environ.get("COG_WAIT_FILE")
    if not path:
        return
    for name in os.environ.get("COG_EAGER_IMPORTS", "").split(","):
        if name.strip():
            try:
                __import__(name.strip())
            except Exception as error:
                sys.stderr.write("COG_EAGER_IMPORTS: %s: %s\n" % (name.strip(), error))
    import time

    end = time.monotonic() + WAIT_FILE_SECONDS
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.01)


def _seconds(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        sys.stderr.write("%s is %r; it must be a number of seconds\n" % (name, text))
        sys.exit(2)


class _Server:
    """The running whole: what the main thread waits for, and how it ends."""

    def __init__(
        self, supervisor: Supervisor, options: Dict[str, Any], outputs: Any, failure: str, port: int
    ) -> None:
        self.supervisor = supervisor
        self.options = options
        self.draining = False
        self._status: Optional[int] = None  # the exit status, once it is decided
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        os.set_blocking(self._read, False)
        self._stop_asked = False
        # From here on a child's end and a signal wake the main thread.
        self._install_signals()

        from cog import __version__

        from .service.journal import from_environment
        from .service.runner import Options, Runner
        from .web.handler import Handler, render
        from .web.limits import LIMITS
        from .web.limits import from_environment as limits_from_environment
        from .web.listener import Listener, PortTaken

        self.journal = from_environment()
        supervisor.journal = self.journal
        supervisor.on_stop = self.stop
        supervisor.on_setup_done = self._setup_done
        try:
            limits = limits_from_environment(os.environ)
        except ValueError as error:
            self._abandon(str(error), 2)
        for name, _, _ in LIMITS:
            if options[name.replace("_", "-")] is not None:
                setattr(limits, name, options[name.replace("_", "-")])
        self.runner = Runner(
            supervisor.roster,
            supervisor,
            Options(
                upload_url=options["upload-url"],
                webhook_interval=_seconds("COG_THROTTLE_RESPONSE_INTERVAL", 0.5),
                cancel_grace=options["cancel-grace"],
                predict_timeout=options["predict-timeout"],
                cancel_on_disconnect=not options["no-cancel-on-disconnect"],
                log_limit=options["max-log-bytes"],
            ),
            self.journal,
            self._make_sender,
            render,
        )
        handler = Handler(
            supervisor,
            self.runner,
            self.journal,
            version=__version__,
            json_depth=limits.max_json_depth,
            echo_whole=os.environ.get("COG_ECHO_INPUT", "") == "full",
            shutdown=lambda: self.stop(0),
            draining=lambda: self.draining,
        )
        try:
            self.listener = Listener(options["host"], port, handler, limits, self._report)
        except PortTaken as taken:
            self._abandon(str(taken), 1)
        except OSError as error:
            self._abandon("Cannot listen on %s port %d: %s" % (options["host"], port, error), 1)
        if failure:
            head = "Error while loading %s:\n\n" % ("trainer" if options["x-mode"] == "train" else "predictor")
            supervisor.fail_setup(head + failure, True)

    def _make_sender(self) -> Any:
        from cog import __version__

        from .service.webhooks import Sender

        return Sender(__version__, token=os.environ.get("WEBHOOK_AUTH_TOKEN") or None, log=self.journal.warning)

    def _report(self, what: str, error: BaseException) -> None:
        self.journal.error("%s: %s" % (what, error), logger="cog.server.http")

    def _abandon(self, text: str, status: int) -> NoReturn:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
        for pid in self.supervisor.pids():
            try:
                os.killpg(pid, signal.SIGKILL)
            except OSError:
                pass
            try:
                os.waitpid(pid, 0)
            except OSError:
                pass
        os._exit(status)

    # -- signals

    def _install_signals(self) -> None:
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, self._on_stop_signal)
        if self.options["await-explicit-shutdown"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else:
            signal.signal(signal.SIGTERM, self._on_stop_signal)

    def _on_stop_signal(self, number: int, frame: Any) -> None:
        # The second one does not wait for a running prediction.
        if self._stop_asked:
            self.options["drain-timeout"] = 0.0
        self._stop_asked = True

    def stop(self, status: int) -> None:
        """Have the main thread end the server with that status. From any thread; the first call counts."""
        if self._status is None:
            self._status = status
        try:
            os.write(self._write, b"\0")
        except OSError:
            pass

    def _reap(self) -> None:
        """Bury ended workers, and orphans that process 1 inherits."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except OSError:
                return
            if pid == 0:
                return
            self.supervisor.child_ended(pid, status)

    def _setup_done(self, ok: bool) -> None:
        if ok and os.environ.get("KUBERNETES_SERVICE_HOST") is not None:
            try:
                os.makedirs("/var/run/cog", exist_ok=True)
                with open("/var/run/cog/ready", "w"):
                    pass
            except OSError as error:
                self.journal.error("the ready file could not be written: %s" % error)

    # -- life

    def live(self) -> NoReturn:
        import select
        from _thread import start_new_thread

        self.journal.info("starting setup")
        self.supervisor.watch()
        start_new_thread(self.listener.serve, ())
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        if self.options["stop-with-stdin"]:
            poll.register(0, select.POLLIN)
        self._reap()
        while self._status is None and not self._stop_asked:
            for fd, _ in poll.poll():
                if fd == 0 and not _more_on_stdin():
                    self._stop_asked = True
            self._drain_wakeups()
            self._reap()
        self._end()

    def _drain_wakeups(self) -> None:
        try:
            while os.read(self._read, 4096):
                pass
        except OSError:
            pass

    def _end(self) -> NoReturn:
        """Finish what runs, within the drain timeout; then end the workers, whatever they do."""
        import threading
        import time

        status = self._status
        if status is None:
            status = 255 if self.supervisor.setup.status == "failed" and not self._stays() else 0
        elif status == 0 and self.supervisor.setup.status == "failed" and not self._stays():
            status = 255
        self.journal.info("stopping server", logger="cog.server.http")
        self.draining = True
        roster = self.supervisor.roster
        roster.close()
        by_signal = self._stop_asked and self._status is None
        end = time.monotonic() + self.options["drain-timeout"]
        while by_signal and roster.running() and time.monotonic() < end and self.options["drain-timeout"]:
            self._wait(0.02)
        # Workers end in a thread of their own: this one must go on reaping them.
        ended = threading.Event()

        def finish() -> None:
            try:
                self.supervisor.stop(STOP_GRACE)
                self.listener.stop(STOP_GRACE)
                self.runner.close(STOP_GRACE)
            finally:
                ended.set()
                self._wake()

        threading.Thread(target=finish, name="stop", daemon=True).start()
        limit = time.monotonic() + 3 * STOP_GRACE
        while not ended.is_set() and time.monotonic() < limit:
            self._wait(0.5)
        for pid in self.supervisor.pids():
            try:
                os.killpg(pid, signal.SIGKILL)
            except OSError:
                pass
        self._reap()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass
        os._exit(status)

    def _stays(self) -> bool:
        return bool(self.options["await-explicit-shutdown"])

    def _wake(self) -> None:
        try:
            os.write(self._write, b"\0")
        except OSError:
            pass

    def _wait(self, seconds: float) -> None:
        import select

        select.select([self._read], [], [], seconds)
        self._drain_wakeups()
        self._reap()


def _more_on_stdin() -> bool:
    try:
        return bool(os.read(0, 4096))
    except OSError:
        return False


def print_schema(directory: str, *, strict: bool) -> NoReturn:
    """Print the OpenAPI document and end: 0, or 1 with the reason on standard error.

    What the model prints while it is imported goes nowhere. `strict`: a train file that is missing is an error.
    """
    import json
    found, settings = _settings_from(directory, "predict")
    settings.mode = "predict" if found.predict or not found.train else "train"
    if found.failure:
        sys.stderr.write(found.failure)
        sys.exit(1)
    if strict and found.train:
        path = os.path.join(directory, found.train.rpartition(":")[0])
        if not os.path.isfile(path):
            sys.stderr.write(
                "Traceback (most recent call last):\nFileNotFoundError: [Errno 2] No such file or directory: '%s'\n" % path
            )
            sys.exit(1)
    from .schema.openapi import document
    from .service.journal import Output
    from .service.process import Process
    from .worker.entry import forked

    class Once:
        """Takes the first thing the worker says about the model."""

        specs: Any = None
        failure = ""

        def described(self, process: Any, predict: Any, train: Any) -> None:
            self.specs = (predict, train)
            process.signal_group(signal.SIGKILL)

        def ready(self, process: Any) -> None:
            pass

        def setup_failed(self, process: Any, early: bool, text: str) -> None:
            self.failure = text

        def died(self, process: Any) -> None:
            pass

    null = os.open(os.devnull, os.O_WRONLY)
    told = Once()
    process = Process(told, settings, Output(null), Output(null), number=1, setup_timeout=0.0)
    process.fork(forked)
    process.watch()
    _, status = os.waitpid(process.pid, 0)
    process.reaped(status)
    process.buried.wait(10)
    if told.specs is None:
        text = told.failure or "".join(process.setup_log) + "The model ended while it was imported: " + process.post_mortem()
        sys.stderr.write(text.rstrip() + "\n")
        sys.stderr.flush()
        os._exit(1)
    from .schema.spec import Spec

    predict, train = [Spec.from_data(data) if data is not None else None for data in told.specs]
    made = document(predict, train)
    _drop_titles_beside_refs(made)
    sys.stdout.write(json.dumps(made, indent=2) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _drop_titles_beside_refs(node: Any) -> None:
    if isinstance(node, dict):
        if "$ref" in node:
            node.pop("title", None)
        for value in node.values():
            _drop_titles_beside_refs(value)
    elif isinstance(node, list):
        for value in node:
            _drop_titles_beside_refs(value)

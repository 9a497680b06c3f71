"""The worker process from its first line to its last: load the model, say what it is, set it up, serve.

Two ways in. The first worker is forked while the server has one thread and has imported next to nothing: forked()
is called in the child. Every later one is a fresh interpreter: main() finds its control socket at descriptor 3.

The order matters. Everything of ours is imported before the model directory joins sys.path, so that a model's
`queue.py` or `types.py` cannot get in our way; the worker says what the model is before setup(), so that clients
have a schema while weights load; it creates its slots itself and passes them over the control channel.
"""

from __future__ import annotations

import _socket
import os
import signal
import sys

from ..wire.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional

    from ..schema.spec import Spec
    from .execute import Callee

CONTROL_FD = 3
FDS_PER_MESSAGE = 64  # the kernel takes 253


# How a fresh interpreter becomes a worker; the settings follow as an argument.
COMMAND = (
    "from cog.runtime_stdlib.isolation import use_packed_bytecode; use_packed_bytecode();"
    " from cog.runtime_stdlib.worker.entry import main; main()"
)


def forked(control: Any, settings: Settings, out: int, err: int) -> NoReturn:
    """A forked child's way in. `out` and `err` are its ends of the log pipes."""
    from .capture import redirect

    redirect(out, err)
    run(control, settings)


def main() -> None:
    """A fresh interpreter's way in: `python -c 'from ...entry import main; main()' SETTINGS`."""
    settings = Settings.load(sys.argv[1])
    sys.argv = [""]
    from .capture import prepare

    prepare()
    control = _socket.socket(fileno=CONTROL_FD)
    os.set_inheritable(CONTROL_FD, False)
    run(control, settings)


def run(control: Any, settings: Settings) -> NoReturn:
    """Live as a worker. Never returns: the process ends with the model's status."""
    status = 0
    try:
        _follow(control)
        status = Worker(control, settings).live()
    except KeyboardInterrupt:
        status = 1
    except BaseException as failure:
        if type(failure).__name__ == "LeavesWorker":
            status = failure.status  # type: ignore[attr-defined]
        else:
            import traceback

            traceback.print_exc()
            status = 1
    end(status)


def end(status: int) -> NoReturn:
    """Leave as a program does (atexit functions, flushed files), but not waiting for the model's threads."""
    from .capture import flush

    try:
        import atexit

        atexit._run_exitfuncs()
    except BaseException:
        pass
    flush()
    os._exit(status)


def _follow(control: Any) -> None:
    """Be ended by the kernel when the server is gone, whatever the model is doing at that moment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        import fcntl

        # SIGIO, whose default is to end the process, comes when the other end of the control socket closes. The
        # server never writes to it, so nothing else can cause it.
        fcntl.fcntl(control.fileno(), fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(
            control.fileno(), fcntl.F_SETFL, fcntl.fcntl(control.fileno(), fcntl.F_GETFL) | getattr(os, "O_ASYNC", 0o20000)
        )
    except (ImportError, OSError, AttributeError):
        pass  # then the worker ends when it next reads its slot
    import select

    poll = select.poll()
    poll.register(control.fileno(), 0)
    if poll.poll(0):  # it was gone before we asked to be told
        os._exit(0)


def _keep_standard_library(directory: str) -> None:
    """Where the model's directory has a `queue.py` or `types.py`, the standard library's is what an import gets.

    Half of the standard library, of pip's packages and of this runtime would break otherwise, each at the moment it
    is first needed. `test` is let through: nothing but Python's own tests imports that one.
    """
    library = os.path.dirname(os.__file__)
    hidden = set()
    for entry in os.listdir(directory):
        name, dot, suffix = entry.partition(".")
        if suffix not in ("", "py") or name in ("test", "cog", "__pycache__"):
            continue
        if name in sys.builtin_module_names or os.path.exists(os.path.join(library, name + ".py")):
            hidden.add(name)
        elif os.path.exists(os.path.join(library, name, "__init__.py")):
            hidden.add(name)
    if not hidden:
        return
    from importlib.machinery import PathFinder

    paths = [entry for entry in sys.path if entry.startswith(library) and "packages" not in entry]

    class StandardLibrary:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
            return PathFinder.find_spec(name, paths) if path is None and name in hidden else None

    sys.meta_path.insert(0, StandardLibrary)
    print(
        "These files of the model are named like modules of the standard library and cannot be imported: %s"
        % ", ".join(sorted(hidden)),
        file=sys.stderr,
    )


def _add_mounted_packages() -> None:
    """COG_PYENV_PATH and R8_PYTHON_VERSION: packages that a platform mounts, for the model and its child processes."""
    prefix, version = os.environ.get("COG_PYENV_PATH"), os.environ.get("R8_PYTHON_VERSION")
    if prefix and version:
        sys.path.append(os.path.join(prefix, "lib", "python" + version, "site-packages"))
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)


class Worker:
    """One model, loaded."""

    def __init__(self, control: Any, settings: Settings) -> None:
        self._control = control
        self._settings = settings
        self._modules: Dict[str, Any] = {}
        self._specs: Dict[str, Spec] = {}
        self._callees: Dict[str, Callee] = {}
        self._instances: Dict[str, Any] = {}

    def live(self) -> int:
        # All of ours that predictions will need, before the model directory is on the path.
        from .. import schema, sdk  # noqa: F401
        from . import bind, encode, execute  # noqa: F401

        os.chdir(self._settings.directory)
        _keep_standard_library(self._settings.directory)
        if self._settings.directory not in sys.path[:1]:
            sys.path.insert(0, self._settings.directory)
        del sys.argv[1:]
        _add_mounted_packages()
        if not self._describe():
            return 255
        if self._settings.outline_only:
            return 0
        return self._set_up_and_serve()

    # -- what it is

    def _send(self, message: Any, fds: Optional[List[int]] = None) -> None:
        from ..wire.codec import encode

        data = encode(message)
        if not fds:
            self._control.sendall(data)
            return
        packed = b"".join(fd.to_bytes(4, sys.byteorder) for fd in fds)
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
        sent = self._control.sendmsg([data], ancillary)
        if sent < len(data):
            self._control.sendall(data[sent:])

    def _describe(self) -> bool:
        """Send what the predictor and the trainer look like; False when the setup is over before it began."""
        from ..wire import messages as m

        s = self._settings
        active = s.mode
        failure: Optional[BaseException] = None
        for mode, ref in (("predict", s.predict), ("train", s.train)):
            if not ref or (mode != active and not self._file_exists(ref)):
                continue
            try:
                self._specs[mode] = self._spec(mode, ref, whole=mode == active and not s.outline_only)
            except BaseException as error:
                if mode == active and not s.outline_only:
                    early = error
                    try:
                        self._specs[mode] = self._outline_spec(mode, ref)
                        failure = error  # late: it has a schema, and setup is what failed
                        continue
                    except BaseException:
                        pass
                    self._fail_early(mode, early)
                    return False
                self._fail_early(mode, error)
                return False
        if active not in self._specs:
            self._fail_early(
                active,
                ValueError(
                    "Can't run %s: '%s' option not found in cog.yaml"
                    % ("predictions" if active == "predict" else "training", active)
                ),
            )
            return False
        data = [self._specs[mode].to_data() if mode in self._specs else None for mode in ("predict", "train")]
        self._send((m.DESCRIBED, data[0], data[1]))
        if failure is not None:
            self._fail_late(failure)
            return False
        return True

    def _file_exists(self, ref: str) -> bool:
        from .loader import split

        return os.path.isfile(os.path.join(self._settings.directory, split(ref)[0]))

    def _spec(self, mode: str, ref: str, *, whole: bool) -> Spec:
        """The types of an entry; by running its file only when it is to be run, or when an outline will not do."""
        from .loader import split

        if not whole and split(ref)[0] not in self._modules:
            try:
                return self._outline_spec(mode, ref)
            except Exception:
                if self._settings.outline_only:
                    raise
        return self._describe_entry(self._entry(mode, ref))

    def _entry(self, mode: str, ref: str) -> Any:
        from .loader import find, load_module, split

        path, name = split(ref)
        if not name and ":" in ref or not path:
            raise ValueError("'%s' is not of the form 'predict.py:Predictor'" % ref)
        if path not in self._modules:
            self._modules[path] = load_module(path, self._settings.directory)
        return find(self._modules[path], name, mode)

    def _describe_entry(self, entry: Any) -> Spec:
        from ..schema.introspect import describe

        return describe(entry.function(), mode=entry.mode, skip_self=entry.takes_self())

    def _outline_spec(self, mode: str, ref: str) -> Spec:
        from .loader import find, split
        from .outline import outline

        path, name = split(ref)
        full = os.path.join(self._settings.directory, path)
        with open(full, encoding="utf-8-sig") as file:
            return self._describe_entry(find(outline(file.read(), full), name, mode))

    # -- failures

    def _fail_early(self, mode: str, error: BaseException) -> None:
        from ..wire import messages as m

        if mode == "train":
            head = "Error while loading trainer:\n\n"
        else:
            head = "Error while loading predictor:\n\n"
        self._send((m.SETUP_FAILED, True, head + _traceback(error)))

    def _fail_late(self, error: BaseException) -> None:
        from ..wire import messages as m
        from .execute import describe

        text = _traceback(error)
        text += "\nThe above exception was the direct cause of the following exception:\n\n"
        text += "Traceback (most recent call last):\n"
        text += "cog.server.exceptions.FatalWorkerException: Predictor errored during setup: %s\n" % describe(error)
        from .capture import flush

        flush()
        self._send((m.SETUP_FAILED, False, text))

    # -- setup and service

    def _set_up_and_serve(self) -> int:
        from ..wire import messages as m
        from .loader import is_async

        mode = self._settings.mode
        executor: Any = None
        try:
            entry = self._entry(mode, self._settings.predict if mode == "predict" else self._settings.train)
            instance = entry.instantiate()
            self._instances[mode] = instance
            call = entry.bound(instance)
            asynchronous = is_async(call)
            count = self._concurrency(mode, asynchronous)
            setup = own_setup(instance)
            coroutine = None
            if asynchronous:
                from .async_execute import AsyncExecutor

                executor = AsyncExecutor(self._callees, self._callee)
            if setup is not None:
                from .weights import arguments

                if is_async(setup) and not asynchronous:
                    raise ValueError(
                        "Cannot use async setup() with a synchronous %s(): make both async, or setup() synchronous"
                        % (mode,)
                    )
                coroutine = setup(**arguments(setup))
                if hasattr(coroutine, "__await__"):
                    if executor is None:
                        raise ValueError("setup() returned a coroutine, but %s() is not async" % mode)
                    executor.run_setup(coroutine)
            self._callees[mode] = self._make_callee(mode, call)
        except BaseException as error:
            self._fail_late(error)
            return 255
        from .capture import flush

        flush()
        pairs = [_socket.socketpair() for _ in range(count)]
        if executor is None:
            from .execute import SyncExecutor

            sync = SyncExecutor(pairs[0][1], self._callees, self._callee)
            sync.listen_for_cancel()
        theirs = [pair[0] for pair in pairs]
        for start in range(0, count, FDS_PER_MESSAGE):
            part = theirs[start : start + FDS_PER_MESSAGE]
            self._send((m.READY, count, bool(executor)), [sock.fileno() for sock in part])
        for sock in theirs:
            sock.close()
        if executor is None:
            sync.serve()
        else:
            executor.serve([pair[1] for pair in pairs])
        return 0

    def _concurrency(self, mode: str, asynchronous: bool) -> int:
        wanted = self._settings.concurrency or self._specs[mode].max_concurrency or 1
        if wanted > 1 and not asynchronous:
            raise ValueError(
                "concurrency.max is %d, but %s() is not async. Make it 'async def', or remove concurrency from cog.yaml"
                % (wanted, mode)
            )
        return wanted if asynchronous else 1

    def _make_callee(self, mode: str, call: Any) -> Callee:
        from .bind import Binder
        from .encode import Encoder
        from .execute import Callee
        from .loader import is_async

        spec = self._specs[mode]
        return Callee(call, Binder(call, spec), Encoder(spec), is_async(call))

    def _callee(self, mode: str) -> Callee:
        """The other function, trained or predicted with for the first time beside the main one."""
        entry = self._entry(mode, self._settings.predict if mode == "predict" else self._settings.train)
        instance = self._instances.get(mode)
        if instance is None:
            instance = entry.instantiate()
            setup = own_setup(instance) if entry.is_class else None
            if setup is not None:
                from .weights import arguments

                setup(**arguments(setup))
            self._instances[mode] = instance
        self._callees[mode] = self._make_callee(mode, entry.bound(instance))
        return self._callees[mode]


def own_setup(instance: Any) -> Any:
    """The model's setup(), or None when it has only the SDK's, which does nothing."""
    setup = getattr(instance, "setup", None)
    return setup if callable(setup) and not getattr(setup, "__cog_stub__", False) else None


def _traceback(error: BaseException) -> str:
    import traceback

    from .execute import is_ours

    at = error.__traceback__
    while at is not None and at.tb_next is not None and is_ours(at):
        at = at.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, at))
    except Exception:
        return "Traceback (most recent call last):\n%s\n" % type(error).__name__

"""No containers at all: the model runs in a Python environment of its own on this machine.

Strategy: a project without packages runs in the Python that runs us. One with packages gets a
virtual environment, `.cog/env-<hash>`, the hash standing for the Python and the requirement lines,
so equal requirements find the same environment and others a new one. An environment counts only
once its mark is written; one that was interrupted is made anew. The runtime is found through
PYTHONPATH in a folder that holds nothing else: our own packages stay out of the model's sight.

Not carried out here: `system_packages`, `run` and `pre_install`. One warning names them.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cog.engine import storage
from cog.engine.interface import TRAIN, Reporter, RunOptions, ServeOptions, Target
from cog.engine.process import (
    CAPTURE,
    DIRECT,
    INHERIT,
    NOTHING,
    STDERR,
    Child,
    ProcessFailed,
    ProgramMissing,
    run,
)
from cog.engine.signals import Shield, owe, settled
from cog.errors import CogError
from cog.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

MARK = "cog-ready"
# What would make pip install somewhere else than into the environment, or find packages elsewhere.
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "VIRTUAL_ENV")


class PackagesNotInstalled(CogError):
    code = "packages-not-installed"

    def __init__(self, failure: ProcessFailed, installer: str) -> None:
        super().__init__(
            "the model's packages could not be installed", why=failure.why, fix=remedy(failure.tail, installer)
        )


class EnvironmentNotMade(CogError):
    code = "environment-not-made"


class PythonMissing(CogError):
    code = "python-missing"


@dataclass(frozen=True)
class Needs:
    """What a project asks of its environment."""

    directory: Path
    python_version: str = ""
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # keys of cog.yaml that cannot be carried out here
    environment: Mapping[str, str] = field(default_factory=dict)
    predict: str = ""
    train: str = ""
    max_concurrency: int = 1


@dataclass(frozen=True)
class Interpreter:
    program: str
    version: str  # 3.11.7


class LocalServer:
    """The prediction server as a child process."""

    def __init__(self, child: Child, url: str, folders: Sequence[Folder]) -> None:
        self._child = child
        self._folders = folders
        self.url = url

    def alive(self) -> bool:
        return self._child.alive()

    def tail(self) -> str:
        return self._child.tail()

    def stop(self) -> None:
        with Shield():
            self._child.stop()
            for folder in self._folders:
                folder.close()


class Folder:
    """A folder that a run needs; one that serves this run alone is removed after it."""

    def __init__(self, path: Path, *, passing: bool) -> None:
        self.path = path
        self._passing = passing
        if passing:
            owe(self, self.close)

    def close(self) -> None:
        if self._passing:
            storage.remove(self.path)
            settled(self)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *error: object) -> None:
        self.close()


class LocalEngine:
    name = "local"

    def __init__(self, reporter: Reporter, payload: Callable[[], Iterable[tuple[str, bytes]]]) -> None:
        self._reporter = reporter
        self._payload = payload

    def prepare(self, needs: Needs) -> Target:
        """The target for a project: its environment, made now unless it is there already."""
        if needs.left_out:
            names = " and ".join(f"`{name}`" for name in needs.left_out)
            self._reporter.warning(
                f"{names} of cog.yaml {'is' if len(needs.left_out) == 1 else 'are'} not carried out without Docker; "
                "what the model needs of it must be on this machine"
            )
        interpreter = self._interpreter(needs.python_version)
        python = interpreter.program
        if any(installs(line) for line in needs.requirements):
            python = str(self._environment(needs, interpreter))
        return Target(
            directory=needs.directory,
            python=python,
            environment=needs.environment,
            predict=needs.predict,
            train=needs.train,
            max_concurrency=needs.max_concurrency,
        )

    def run(self, target: Target, argv: Sequence[str], options: RunOptions) -> int:
        with self._runtime(target) as runtime:
            environment = self._variables(target, runtime, options.environment)
            words = list(argv)
            if words[0] in ("python", "python3"):
                words[0] = target.python  # in a container `python` is the model's; so it is here
            else:
                # Looked for on the PATH of the command, not on ours.
                words[0] = shutil.which(words[0], path=environment.get("PATH")) or words[0]
            try:
                status = run(
                    words,
                    cwd=target.directory,
                    env=environment,
                    stdin=INHERIT,
                    stdout=INHERIT,
                    check=False,
                    foreground=True,
                ).status
            except ProgramMissing as missing:
                missing.fix = f"install {argv[0]}, or add it to the packages in cog.yaml"
                raise
        return status if status >= 0 else 128 - status

    def serve(self, target: Target, options: ServeOptions) -> int:
        with self._runtime(target) as runtime:
            finished = run(
                self._server_words(target, options),
                cwd=runtime,
                env=self._server_variables(target, options, runtime, options.port),
                stdin=NOTHING,
                stdout=STDERR,
                check=False,
                foreground=True,
            )
        return finished.status if finished.status >= 0 else 128 - finished.status

    def start(self, target: Target, options: ServeOptions) -> LocalServer:
        port = options.port or _free_port(options.host)
        folders = [self._runtime(target)]
        runtime = folders[0].path
        environment = self._server_variables(target, options, runtime, port)
        if not any(item.startswith("TMPDIR=") for item in options.environment):
            # What a model leaves in the temporary folder goes with its container; here, with this.
            folders.append(_passing("cog-model-"))
            environment["TMPDIR"] = str(folders[-1].path)
        words = self._server_words(target, options)
        environment["COG_STOP_WITH_STDIN"] = "1"  # a server must not outlive us, not even when we are killed
        child = Child(words, cwd=runtime, env=environment, line=self._reporter.detail, tied=True)
        return LocalServer(child, f"http://{options.host}:{port}", folders)

    # --- the runtime's files -------------------------------------------------------------------

    def _runtime(self, target: Target) -> Folder:
        """The folder of the runtime for PYTHONPATH, named after its content."""
        files = list(self._payload())
        digest = hashlib.sha256()
        for path, content in files:
            digest.update(f"{path}\0{len(content)}\0".encode())
            digest.update(content)
        name = f"runtime-{digest.hexdigest()[:16]}"
        for home in self._homes(target):
            place = storage.placed(home, name, files)
            if place is not None:
                if sys.dont_write_bytecode or os.environ.get("PYTHONDONTWRITEBYTECODE"):
                    _compile(place)
                return Folder(place, passing=False)
        passing = _passing("cog-runtime-")
        try:
            storage.write(passing.path, files)
        except OSError as error:
            raise _no_place(error) from error
        return passing

    def _homes(self, target: Target) -> Iterator[Path]:
        cache = storage.cache_home(os.environ)
        if cache is not None:
            yield cache
        if target.directory is not None:
            try:
                yield storage.project_home(target.directory)
            except OSError:
                pass  # read-only: the next place

    # --- words and variables --------------------------------------------------------------------

    def _server_words(self, target: Target, options: ServeOptions) -> list[str]:
        words = [target.python, "-m", "cog.server.http", "--host", options.host]
        if options.mode == TRAIN:
            words += ["--x-mode", "train"]
        if options.upload_url:
            words += ["--upload-url", options.upload_url]
        return words

    def _server_variables(self, target: Target, options: ServeOptions, runtime: Path, port: int) -> dict[str, str]:
        level = "debug" if options.debug else "warning" if not options.port else ""
        environment = {"COG_LOG_LEVEL": level} if level and "COG_LOG_LEVEL" not in os.environ else {}
        environment["LOG_FORMAT"] = os.environ.get("LOG_FORMAT", "development")
        environment.update(self._variables(target, runtime, options.environment))
        for name, value in (
            ("COG_PREDICT_TYPE_STUB", target.predict),
            ("COG_TRAIN_TYPE_STUB", target.train),
            ("COG_MAX_CONCURRENCY", str(target.max_concurrency) if target.max_concurrency > 1 else ""),
            ("COG_MODEL_DIR", str(target.directory)),
            ("PORT", str(port)),
        ):
            if value:
                environment[name] = value
            else:
                environment.pop(name, None)
        return environment

    def _variables(self, target: Target, runtime: Path, given: Sequence[str]) -> dict[str, str]:
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(runtime), os.environ.get("PYTHONPATH", "")]))
        environment["PYTHONUNBUFFERED"] = "1"  # as in images: what a model prints shows at once
        folder = os.path.dirname(target.python)
        if folder:
            environment["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
            if (Path(folder).parent / MARK).exists():
                environment["VIRTUAL_ENV"] = str(Path(folder).parent)
        environment.update(target.environment)
        for item in given:
            name, equals, value = item.partition("=")
            if equals:
                environment[name] = value  # NAME alone: the value that it has here, which is there
        return environment

    # --- Python and packages --------------------------------------------------------------------

    def _interpreter(self, declared: str) -> Interpreter:
        running = Interpreter(sys.executable or "python3", platform.python_version())
        minor = ".".join(declared.split(".")[:2])
        if not declared or minor == ".".join(running.version.split(".")[:2]):
            return running
        for name in (f"python{minor}", "python3", "python"):
            program = shutil.which(name)
            found = _asked(program) if program else None
            if found is not None and ".".join(found.version.split(".")[:2]) == minor:
                return found
        self._reporter.warning(
            f"cog.yaml asks for Python {declared}, which is not on the PATH: going on with {running.version}"
        )
        return running

    def _environment(self, needs: Needs, interpreter: Interpreter) -> Path:
        lines = [*needs.requirements, *(f"-c {line}" for line in needs.constraints)]
        key = json.dumps([1, interpreter.version, platform.machine(), sys.platform, lines])
        name = f"env-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        try:
            home = storage.project_home(needs.directory)
        except OSError as error:
            raise EnvironmentNotMade(
                f"{needs.directory / '.cog'} cannot be made",
                why=error.strerror or str(error),
                fix="the model's packages are installed there: make the folder writable",
            ) from error
        folder = home / name
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if (folder / MARK).exists() and python.exists():
            self._reporter.debug(f"using the environment {folder}")
            return python
        with _alone(home / f"{name}.lock", self._reporter):
            if not (folder / MARK).exists():
                try:
                    self._install(folder, python, needs, interpreter)
                except BaseException:
                    storage.remove(folder)
                    raise
        return python

    def _install(self, folder: Path, python: Path, needs: Needs, interpreter: Interpreter) -> None:
        began = time.monotonic()
        storage.remove(folder)  # what an earlier run left unfinished
        uv = shutil.which("uv")
        installer = "uv" if uv else "pip"
        count = sum(installs(line) for line in needs.requirements)
        what = "1 package" if count == 1 else f"{count} packages"
        shown = os.path.relpath(folder, needs.directory)
        self._reporter.info(f"Installing {what} with {installer} into {shown} (Python {interpreter.version}) ...")
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        environment.update(PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
        if uv:
            make = [uv, "venv", "--quiet", "--python", interpreter.program, str(folder)]
            install = [uv, "pip", "install", "--python", str(python), "-r"]
        else:
            make = [interpreter.program, "-m", "venv", str(folder)]
            install = [str(python), "-m", "pip", "install", "-r"]
        try:
            run(make, env=environment, stdout=STDERR, line=lambda line: None)
        except ProcessFailed as failure:
            raise EnvironmentNotMade(
                f"{interpreter.program} cannot make a virtual environment",
                why=failure.why,
                fix="install its venv module (Debian: apt-get install python3-venv), or put uv on the PATH",
            ) from failure
        with Shield():
            listing = Path(folder / "requirements.txt")
            listing.write_text("\n".join(absolute(needs.requirements, needs.directory)) + "\n")
            limits = Path(folder / "constraints.txt")
            limits.write_text("\n".join(needs.constraints) + "\n")
        try:
            run(
                [*install, str(listing), *(["-c", str(limits)] if needs.constraints else [])],
                cwd=needs.directory,
                env=environment,
                stdout=DIRECT if _terminal() else STDERR,  # a terminal gets the installer's own progress bars
                line=self._reporter.detail,
            )
        except ProcessFailed as failure:
            raise PackagesNotInstalled(failure, installer) from failure
        (folder / MARK).write_text(json.dumps({"python": interpreter.version, "requirements": list(needs.requirements)}))
        self._reporter.info(f"Installed {what} in {time.monotonic() - began:.0f} s")


def _compile(runtime: Path) -> None:
    """Compile the runtime beside the start of the server, for the starts that come after this one.

    Usually Python keeps what it compiled by itself. Where PYTHONDONTWRITEBYTECODE is set it keeps
    nothing, which is meant for the user's folders; this one is ours.
    """
    if (runtime / "cog" / "__pycache__").exists():
        return
    import compileall  # once in the life of a runtime folder
    import threading

    options = {"quiet": 2, "workers": 1}
    thread = threading.Thread(
        target=compileall.compile_dir, args=(str(runtime),), kwargs=options, name="compile the runtime", daemon=True
    )
    thread.start()


def _passing(prefix: str) -> Folder:
    try:
        with Shield():
            return Folder(Path(tempfile.mkdtemp(prefix=prefix)), passing=True)
    except OSError as error:
        raise _no_place(error) from error


def _no_place(error: OSError) -> EnvironmentNotMade:
    return EnvironmentNotMade(
        "there is no place for temporary files",
        why=error.strerror or str(error),
        fix="make room, or set TMPDIR to a folder that can be written",
    )


def absolute(lines: Iterable[str], directory: Path) -> list[str]:
    """Requirement lines whose `--find-links` folders are absolute: pip reads them from the file's place."""
    done = []
    for line in lines:
        words = line.split()
        for flag in ("--find-links", "-f"):
            folder = words[1] if len(words) == 2 and words[0] == flag else ""
            if len(words) == 1 and words[0].startswith(flag + "="):
                folder = words[0][len(flag) + 1 :]
            if folder and "://" not in folder:
                line = f"--find-links {directory / folder}"
        done.append(line)
    return done


def installs(line: str) -> bool:
    """Whether a requirement line asks for a package, and not only says where from."""
    text = line.strip()
    return bool(text) and not text.startswith("#") and (not text.startswith("-") or text.startswith(("-e", "--editable")))


def remedy(tail: str, installer: str) -> str:
    lower = tail.lower()
    if "no space left" in lower:
        return "make room on the disk"
    if "temporary failure in name resolution" in lower or "connection" in lower or "dns error" in lower:
        return "check the network, or name your package index (PIP_INDEX_URL)"
    if "no matching distribution" in lower or "no solution found" in lower or "not find a version" in lower:
        return "check the name and the version in cog.yaml; it may have no build for this Python: try another python_version"
    if "gcc" in lower or "compiler" in lower or "failed building wheel" in lower:
        return "it has to be compiled here: install a compiler and the headers it names, or take a version with a wheel"
    return f"correct what {installer} says; the packages are those of cog.yaml"


def _asked(program: str) -> Optional[Interpreter]:
    """What a program says about itself; a stand-in of pyenv may refuse to be a Python at all."""
    question = "import platform, sys; print(platform.python_version()); print(sys.executable)"
    try:
        finished = run([program, "-c", question], stdout=CAPTURE, stderr=CAPTURE, timeout=10)
    except CogError:
        return None
    version, _, executable = finished.text().strip().partition("\n")
    return Interpreter(executable or program, version)


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _terminal() -> bool:
    try:
        return os.isatty(2)
    except OSError:
        return False


@contextmanager
def _alone(path: Path, reporter: Reporter) -> Iterator[None]:
    """One at a time, over processes; where there are no file locks, without."""
    try:
        import fcntl  # not on Windows
    except ImportError:
        yield
        return
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            reporter.info("Waiting for another cog that installs the same packages ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

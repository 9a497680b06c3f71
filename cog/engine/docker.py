"""Docker: the command lines it is given, and what is made of its answers.

Strategy: every command line is built by a pure function from a small record; the class only calls
them through process.run and explains failures (diagnosis). Each container gets a name of its own
before it starts, so whatever interrupts us, it can be removed by that name. Images under
construction have a name of their own as well and lose it at the end: a half-finished image never
has the name that the user gave.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cog.engine import diagnosis, process
from cog.engine.interface import PREDICT, TRAIN, Port, Reporter, RunOptions, ServeOptions, Target
from cog.engine.retime import retime
from cog.engine.screen import screen
from cog.engine.signals import Shield
from cog.errors import CogError
from cog.records import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

SHM_SIZE = "6G"
SERVER_PORT = 5000
STOP_GRACE = 3
# An engine that was asked for a container by a client that is no more may bring it into being a moment later: within
# so many seconds of the call, wait so many for it.
YOUNG, LATE = 10.0, 1.0
SERVER = ("python", "-m", "cog.server.http")
SERVE = (
    *("python", "--check-hash-based-pycs", "never", "-m", "cog.server.http"),
    *("--await-explicit-shutdown", "true"),
)
PROXIES = tuple(
    name for lower in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy") for name in (lower, lower.upper())
)
KEPT_LINES = 400
ARGUMENT_LIMIT = 128 * 1024 - 1  # bytes; the kernel starts no program with a longer argument


# --- command lines ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Build:
    """One `docker buildx build`."""

    dockerfile: Path
    context: Path
    contexts: tuple[tuple[str, str], ...] = ()  # named contexts
    tag: str = ""
    labels: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    build_args: tuple[str, ...] = ()
    no_cache: bool = False
    progress: str = ""
    platform: str = ""
    network: str = ""
    builder: str = ""
    timestamp: Optional[int] = None
    base: str = ""  # for messages: what it starts from


def argv_for_build(build: Build) -> list[str]:
    argv = ["buildx", "build"]
    if build.builder:
        argv += ["--builder", build.builder]
    if build.platform:
        argv += ["--platform", build.platform]
    if build.timestamp is None:
        argv.append("--load")  # nothing to do with the engine's own builder, needed with any other
    else:
        argv += ["--build-arg", f"SOURCE_DATE_EPOCH={build.timestamp}"]
        argv += ["--output", "type=docker,rewrite-timestamp=true"]
    for secret in build.secrets:
        argv += ["--secret", secret]
    if build.no_cache:
        argv.append("--no-cache")
    if build.network:
        argv += ["--network", build.network]
    for argument in build.build_args:
        argv += ["--build-arg", argument]
    for label in build.labels:
        argv += ["--label", label]
    for name, value in build.contexts:
        argv += ["--build-context", f"{name}={value}"]
    argv += ["--file", str(build.dockerfile)]
    if build.tag:
        argv += ["--tag", build.tag]
    if build.progress:
        argv += ["--progress", build.progress]
    return [*argv, str(build.context)]


def too_long(labels: Sequence[str]) -> bool:
    return any(len(label.encode("utf-8", "surrogateescape")) > ARGUMENT_LIMIT for label in labels)


def argv_for_bake(build: Build, file: str) -> list[str]:
    """The same build from a file, where a label may have any length."""
    argv = ["buildx", "bake", "--file", file]
    if build.builder:
        argv += ["--builder", build.builder]
    if build.timestamp is None:
        argv.append("--load")
    if build.progress:
        argv += ["--progress", build.progress]
    return argv


def bake_file(build: Build, folder: Path) -> str:
    """A build with labels as a bake file in `folder`; paths are relative to it, as newer versions want."""
    target: dict[str, object] = {
        "context": os.path.relpath(build.context, folder),
        "dockerfile": os.path.relpath(build.dockerfile, build.context),
        "tags": [build.tag],
        "labels": dict(map(bake_label, build.labels)),
    }
    if build.platform:
        target["platforms"] = [build.platform]
    if build.timestamp is not None:
        target["args"] = {"SOURCE_DATE_EPOCH": str(build.timestamp)}
        target["output"] = ["type=docker,rewrite-timestamp=true"]
    return json.dumps({"target": {"default": target}})


def bake_label(label: str) -> tuple[str, str]:
    name, _, value = label.partition("=")
    return name, value.replace("${", "$${").replace("%{", "%%{")  # bake expands both


@dataclass(frozen=True)
class Container:
    """One `docker run`."""

    image: str
    argv: tuple[str, ...] = ()
    name: str = ""
    detach: bool = False
    interactive: bool = False
    tty: bool = False
    environment: tuple[str, ...] = ()
    gpus: str = ""
    publish: tuple[str, ...] = ()
    directory: Optional[Path] = None  # mounted on /src
    workdir: str = ""
    platform: str = ""
    hosts: tuple[str, ...] = ()  # --add-host
    stop_signal: str = ""
    network: str = ""


def argv_for_run(container: Container) -> list[str]:
    argv = ["run", "--rm", "--init", "--shm-size", SHM_SIZE]
    if container.name:
        argv += ["--name", container.name]
    if container.detach:
        argv.append("--detach")
    for variable in container.environment:
        argv += ["--env", variable]
    if container.gpus:
        argv += ["--gpus", container.gpus]
    if container.interactive:
        argv.append("--interactive")
    for port in container.publish:
        argv += ["--publish", port]
    if container.tty:
        argv.append("--tty")
    for host in container.hosts:
        argv += ["--add-host", host]
    if container.network:
        argv += ["--network", container.network]
    if container.stop_signal:
        argv += ["--stop-signal", container.stop_signal]
    if container.directory is not None:
        argv += ["--mount", mount_of(container.directory)]
    if container.workdir:
        argv += ["--workdir", container.workdir]
    if container.platform:
        argv += ["--platform", container.platform]
    return [*argv, container.image, *container.argv]


def mount_of(directory: Path) -> str:
    """The project on /src. The field is comma-separated, so a comma or quote in the path is quoted."""
    source = f"source={directory}"
    if "," in source or '"' in source:
        source = '"' + source.replace('"', '""') + '"'
    return f"type=bind,{source},destination=/src"


def published(port: Port) -> str:
    host = f"[{port.host}]" if ":" in port.host else port.host
    return f"{host}:{port.outside or ''}:{port.inside}"


def development_environment(options: Sequence[str], debug: bool, *, server: bool) -> tuple[str, ...]:
    """Variables of a container with the project mounted; the user's come last and win.

    No bytecode: it would lie in the project, owned by root.
    """
    ours = ["PYTHONDONTWRITEBYTECODE=1"]
    if server:
        ours.append("COG_LOG_LEVEL=" + ("debug" if debug else "warning"))
    return (*ours, *options)


def port_of(text: str) -> Optional[tuple[str, int]]:
    """`docker port`'s answer -> (address to connect to, port); IPv4 before IPv6."""
    found = []
    for line in text.splitlines():
        host, colon, port = line.strip().rpartition(":")
        host = host.rpartition("-> ")[2].strip("[]")
        if colon and port.isdigit():
            found.append((":" in host, host, int(port)))
    if not found:
        return None
    _, host, number = min(found)
    loopback = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}
    return loopback.get(host, host), number


def remote_host(docker_host: str) -> str:
    """The name of the machine of a remote engine, or nothing."""
    scheme, separator, rest = docker_host.partition("://")
    if not separator or scheme not in ("tcp", "ssh", "http", "https"):
        return ""
    authority = rest.partition("/")[0].rpartition("@")[2]
    host = authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]
    return "" if host in ("127.0.0.1", "localhost", "[::1]") else host


def proxy_arguments(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Proxies as build arguments. Names only: buildx takes the values from its environment, which `ps` does not show.

    These are predefined: they are in no layer, no history and no cache key.
    """
    return tuple(name for name in PROXIES if environment.get(name))


def engine_builder(environment: Mapping[str, str]) -> str:
    """The builder that is the engine itself: it is called like the docker context."""
    if environment.get("DOCKER_HOST"):
        return "default"
    if environment.get("DOCKER_CONTEXT"):
        return environment["DOCKER_CONTEXT"]
    folder = environment.get("DOCKER_CONFIG") or os.path.join(environment.get("HOME", os.path.expanduser("~")), ".docker")
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            context = json.load(file).get("currentContext")
    except (OSError, ValueError, AttributeError):
        context = None
    return context or "default"


# --- the engine ---------------------------------------------------------------------------------


class RemoteMount(CogError):
    code = "remote-engine"
    category = "docker"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"your files cannot be mounted on {host}",
            why="DOCKER_HOST names another machine, and this command mounts the project folder",
            fix="unset DOCKER_HOST, or build there and predict with the image: `cog build -t NAME && cog predict NAME`",
        )


@dataclass
class DockerEngine:
    """The engine of interface.py on the `docker` program."""

    reporter: Reporter
    program: str = field(default_factory=lambda: os.environ.get("COG_DOCKER") or os.environ.get("R8_DOCKER_COMMAND") or "docker")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    name: str = "docker"

    # - asking -

    def probe(self) -> Optional[CogError]:
        try:
            finished = process.run(
                [self.program, "version", "--format", "{{.Server.Version}}"],
                stdout=process.CAPTURE,
                stderr=process.CAPTURE,
                check=False,
                timeout=10,
            )
        except process.ProgramMissing:
            return diagnosis.DockerMissing(self.program)
        except process.ProcessFailed as failed:
            return diagnosis.DaemonDown(failed.why)
        if finished.status == 0:
            return None
        return diagnosis.explain_docker(finished.stderr) or diagnosis.DaemonDown(diagnosis.meaningful(finished.stderr))

    def inspect(self, *images: str) -> list[dict[str, object]]:
        """What is known of local images, None left out; in the order asked only when all exist."""
        finished = self.ask(["image", "inspect", *images], check=False)
        try:
            found = json.loads(finished.text() or "[]")
        except ValueError:
            found = []
        if finished.status != 0 and not found:
            error = diagnosis.explain_docker(finished.stderr)
            if error is not None:
                raise error
        return found if isinstance(found, list) else []

    def labels(self, image: str) -> Optional[Mapping[str, str]]:
        found = self.inspect(image)
        if not found:
            return None
        return labels_of(found[0])

    def ask(self, argv: Sequence[str], *, check: bool = True) -> process.Finished:
        """A short call whose answer is wanted."""
        finished = self.call(argv, stdout=process.CAPTURE, stderr=process.CAPTURE)
        if check and finished.status != 0:
            raise diagnosis.explain_docker(finished.stderr) or diagnosis.DockerFailed(
                f"`docker {' '.join(argv[:2])}` failed", why=diagnosis.meaningful(finished.stderr)
            )
        return finished

    def call(self, argv: Sequence[str], **how: object) -> process.Finished:
        self.reporter.debug("$ " + " ".join([self.program, *argv]))
        try:
            return process.run([self.program, *argv], check=False, **how)  # type: ignore[arg-type]
        except process.ProgramMissing:
            raise diagnosis.DockerMissing(self.program) from None

    # - images -

    def begin(self, build: Build) -> process.Child:
        """The build in the background; whoever begins it waits for it, or stops it."""
        argv, cwd = self.prepared(build)
        self.reporter.debug("$ " + " ".join([self.program, *argv]) + " &")
        return process.Child([self.program, *argv], cwd=cwd)

    def prepared(self, build: Build) -> tuple[list[str], Optional[Path]]:
        """The command line of a build, and where it runs; a file goes with it when labels are long."""
        if too_long(build.labels):
            cwd = build.dockerfile.parent
            (cwd / "bake.json").write_text(bake_file(build, cwd), encoding="utf-8")
            return argv_for_bake(build, "bake.json"), cwd
        return argv_for_build(replace(build, build_args=build.build_args + proxy_arguments(self.environment))), None

    def build(self, build: Build, *, shown: bool = True) -> None:
        """Build, or raise what went wrong. `shown` False: only a failure says anything."""
        if build.progress in ("", "auto") and self.environment.get("TERM") == "dumb":
            build = replace(build, progress="plain")
        argv, cwd = self.prepared(build)
        lines: deque[str] = deque(maxlen=KEPT_LINES)

        def take(line: str) -> None:
            lines.append(line)
            if shown:
                self.reporter.detail(line)

        drawn = screen(lines.append) if shown and build.progress in ("", "auto", "tty") and terminal(2) else None
        if drawn is not None:
            with drawn:
                finished = self.call(argv, cwd=cwd, stdout=process.STDERR, stderr=drawn.descriptor)
        else:
            finished = self.call(argv, cwd=cwd, stdout=process.STDERR, stderr=process.INHERIT, line=take)
        if finished.status == 0:
            return
        text = "\n".join(lines)
        if diagnosis.needs_staging(list(lines)):
            raise NamedContextsMissing(text)
        raise diagnosis.explain_docker(text) or diagnosis.explain_build(list(lines), base=build.base)

    def pull(self, image: str, platform: str = "") -> None:
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        argv = ["pull", *(["--platform", platform] if platform else []), image]
        finished = self.call(argv, stdout=process.STDERR, stderr=process.INHERIT, line=self.teller(lines))
        if finished.status != 0:
            text = "\n".join(lines)
            raise diagnosis.explain_docker(text) or diagnosis.ImageMissing(image, diagnosis.meaningful(text))

    def push(self, image: str) -> None:
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        finished = self.call(["push", image], stdout=process.STDERR, stderr=process.INHERIT, line=self.teller(lines))
        if finished.status != 0:
            text = "\n".join(lines)
            raise diagnosis.explain_docker(text) or diagnosis.explain_push(image, text)

    def unknown_to_registry(self, image: str) -> bool:
        """Whether the registry says that it has no repository of this name. Anything else counts as known."""
        finished = self.ask(["manifest", "inspect", image], check=False)
        return finished.status != 0 and "name_unknown" in f"{finished.stderr}\n{finished.text()}".lower().replace(" ", "_")

    def teller(self, lines: deque[str]) -> object:
        def take(line: str) -> None:
            lines.append(line)
            self.reporter.detail(line)

        return take

    def untag(self, image: str) -> None:
        """Take a name away; the image goes too when nothing else needs it."""
        self.quietly("image", "rm", "--force", "--no-prune", image)

    def tag(self, image: str, name: str) -> None:
        self.ask(["tag", image, name])

    def retime(self, image: str, name: str, epoch: int, base: Sequence[str], folder: Path) -> None:
        """Give `image` the name `name`, with no file in it later than `epoch`. `base`: layers left alone."""
        folder.mkdir(parents=True, exist_ok=True)
        saved, changed = folder / "saved.tar", folder / "changed.tar"
        self.ask(["save", "--output", str(saved), image])
        if saved.exists() and retime(saved, changed, epoch, name, base):
            self.ask(["load", "--quiet", "--input", str(changed)])
        else:
            self.tag(image, name)

    def driver(self, builder: str) -> str:
        """The driver of a builder: "docker" for the engine's own."""
        finished = self.ask(["buildx", "inspect", *([builder] if builder else [])], check=False)
        for line in finished.text().splitlines():
            if line.startswith("Driver:"):
                return line.partition(":")[2].strip()
        return "docker"

    # - containers -

    def output(
        self, image: str, argv: Sequence[str], *, gpus: str = "", platform: str = "", network: str = ""
    ) -> tuple[int, str, str]:
        """A command in an image, without input: its status, output and messages."""
        told: list[str] = []
        container = Container(image=image, argv=tuple(argv), gpus=gpus, platform=platform, network=network)
        finished = self.started(container, stdout=process.CAPTURE, line=told.append)
        return finished.status, finished.text(), "\n".join(told)

    def run(self, target: Target, argv: Sequence[str], options: RunOptions) -> int:
        """The command in the foreground, with our stdin and stdout; its exit status."""
        container = Container(
            image=target.image,
            argv=tuple(argv),
            environment=development_environment(options.environment, False, server=False),
            gpus=options.gpus or target.gpus,
            interactive=True,
            tty=terminal(0) and terminal(1),
            publish=tuple(map(published, options.publish)),
            directory=self.mountable(target),
            workdir="/src",
        )
        finished = self.started(container, stdin=process.INHERIT, stdout=process.INHERIT, foreground=True)
        self.check_started(finished, container)
        return finished.status if finished.status >= 0 else 128 - finished.status

    def serve(self, target: Target, options: ServeOptions) -> int:
        """The server in the foreground until it is interrupted; its exit status."""
        mounted = target.directory is not None
        command = [*(SERVE if mounted else SERVER)]
        if options.upload_url:
            command += ["--upload-url", options.upload_url]
        container = Container(
            image=target.image,
            argv=tuple(command),
            environment=development_environment(options.environment, options.debug, server=options.debug),
            gpus=options.gpus or target.gpus,
            publish=(published(Port(SERVER_PORT, options.port, options.host)),),
            directory=self.mountable(target),
            workdir="/src" if mounted else "",
            hosts=("host.docker.internal:host-gateway",) if options.upload_url else (),
            stop_signal="SIGINT",  # what this server takes for "stop now" when it waits for an explicit shutdown
        )
        try:
            finished = self.started(container, stdout=process.STDERR)
        except KeyboardInterrupt:
            return 0
        self.check_started(finished, container)
        return finished.status if finished.status >= 0 else 128 - finished.status

    def start(self, target: Target, options: ServeOptions) -> DockerServer:
        """The server in the background, its output followed to Reporter.detail; not yet ready."""
        command: tuple[str, ...] = ()
        if options.mode == TRAIN:
            command = (*SERVER, "--x-mode", TRAIN)
        elif options.upload_url:
            command = (*SERVER, "--upload-url", options.upload_url)
        container = Container(
            image=target.image,
            argv=command,
            name=new_name(options.mode or PREDICT),
            detach=True,
            environment=development_environment(options.environment, options.debug, server=True),
            gpus=options.gpus or target.gpus,
            publish=(published(Port(SERVER_PORT, options.port, options.host)),),
            directory=self.mountable(target),
            workdir="/src" if target.directory is not None else "",
            hosts=("host.docker.internal:host-gateway",) if options.upload_url else (),
        )
        finished = self.started(container, stdout=process.CAPTURE, stderr=process.CAPTURE)
        self.check_started(finished, container)
        try:
            answer = port_of(self.ask(["port", container.name, str(SERVER_PORT)], check=False).text())
            if answer is None:
                logs = self.ask(["logs", "--tail", "20", container.name], check=False)
                raise diagnosis.DockerFailed(
                    "the container ended before its server listened", why=f"{logs.text()}{logs.stderr}".strip()
                )
            follower = process.Child([self.program, "logs", "--follow", container.name], line=self.reporter.detail)
        except BaseException:
            self.remove(container.name)
            raise
        host = remote_host(self.environment.get("DOCKER_HOST", "")) or answer[0]
        url_host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return DockerServer(self, container.name, f"http://{url_host}:{answer[1]}", follower)

    def mountable(self, target: Target) -> Optional[Path]:
        if target.directory is None:
            return None
        host = remote_host(self.environment.get("DOCKER_HOST", ""))
        if host:
            raise RemoteMount(host)
        return target.directory

    def started(self, container: Container, **how: object) -> process.Finished:
        """`docker run`; without the GPU when `all` was asked for and there is no driver. Leaves nothing behind."""
        if not container.name:
            container = replace(container, name=new_name("run"))
        if container.gpus != "all":
            return self.contained(container, **how)
        if "stderr" not in how and "line" not in how:
            how["line"] = self.reporter.detail  # what docker says about the driver must reach us too
        finished = self.contained(container, **how)
        if finished.status == 0 or not diagnosis.no_gpu_driver(finished.stderr):
            return finished
        self.quietly("container", "rm", "--force", container.name)  # what was created but never started
        self.reporter.warning("this machine has no driver for GPUs in containers; going on without GPU")
        return self.contained(replace(container, gpus=""), **how)

    def contained(self, container: Container, **how: object) -> process.Finished:
        began = time.monotonic()
        try:
            finished = self.call(argv_for_run(container), **how)
        except BaseException:
            self.remove(container.name, young=time.monotonic() - began < YOUNG)
            raise
        if finished.status < 0 or finished.status > 128:
            # a signal: docker may have gone before its container
            self.remove(container.name, young=time.monotonic() - began < YOUNG)
        return finished

    def remove(self, name: str, grace: int = STOP_GRACE, *, young: bool = False) -> None:
        """Stop a container and see that it is gone. Says nothing when there is none.

        `young`: the engine may still be creating it for a client that has been stopped.
        """
        with Shield():
            known = self.quietly("container", "stop", "-t", str(grace), name)
            self.quietly("container", "rm", "--force", name)
            end = time.monotonic() + (LATE if young and not known else 0)
            while time.monotonic() < end:
                time.sleep(0.1)
                if self.quietly("container", "inspect", name):
                    self.quietly("container", "rm", "--force", name)
                    return

    def quietly(self, *argv: str) -> bool:
        """A call that may have nothing to do; whether it had."""
        return self.call(argv, stdout=process.NOTHING, stderr=process.CAPTURE).status == 0

    def check_started(self, finished: process.Finished, container: Container) -> None:
        """125 is docker's own: the container never ran."""
        if finished.status != 125:
            return
        text = finished.stderr
        error = diagnosis.explain_docker(text)
        if error is not None:
            raise error
        port = next(
            (port for port in container.publish if "port is already allocated" in text or "address already in use" in text), ""
        )
        if port:
            raise diagnosis.DockerFailed(
                f"port {port.rpartition(':')[0]} is taken", why=diagnosis.meaningful(text), fix="choose another one with -p"
            )
        if text:
            raise diagnosis.DockerFailed("docker did not start the container", why=diagnosis.meaningful(text))


class DockerServer:
    """A detached container with a prediction server, its log followed by a child of ours."""

    def __init__(self, engine: DockerEngine, name: str, url: str, follower: process.Child) -> None:
        self.url = url
        self._engine, self._name, self._follower = engine, name, follower
        self._stopped = False

    def alive(self) -> bool:
        return not self._stopped and self._follower.alive()

    def tail(self) -> str:
        return self._follower.tail()

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._engine.remove(self._name)
        self._follower.stop()


class NamedContextsMissing(CogError):
    """An old builder: the caller stages one folder and builds again."""

    code = "buildkit-too-old"
    category = "docker"

    def __init__(self, text: str) -> None:
        super().__init__(
            "this builder has no named build contexts",
            why=diagnosis.meaningful(text),
            fix="use Docker 23 or newer, or set COG_BUILD_STAGED=1",
        )


def labels_of(inspected: Mapping[str, object]) -> dict[str, str]:
    config = inspected.get("Config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    return {str(name): str(value) for name, value in labels.items()} if isinstance(labels, dict) else {}


def layers_of(inspected: Mapping[str, object]) -> list[str]:
    root = inspected.get("RootFS")
    layers = root.get("Layers") if isinstance(root, dict) else None
    return [str(layer) for layer in layers] if isinstance(layers, list) else []


def new_name(purpose: str) -> str:
    return f"cog-{purpose}-{uuid.uuid4().hex[:12]}"


def new_tag() -> str:
    """A name for an image that is not finished."""
    return f"cog-build:{uuid.uuid4().hex[:12]}"


def terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


class EarlyBuild:
    """A build that is begun before it is known whether it will be wanted: its image gets a name only then."""

    def __init__(self, engine: DockerEngine, build: Build) -> None:
        self._engine, self._build = engine, build
        self._child: Optional[process.Child] = None

    def __enter__(self) -> EarlyBuild:
        self._child = self._engine.begin(self._build)
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.stop()
            with Shield():
                self._engine.untag(self._build.tag)

    def accepted(self, name: str) -> bool:
        """Wait for it and give it the name; False when it failed, and somebody must build it again to see why."""
        assert self._child is not None
        if self._child.wait() != 0:
            return False
        self._engine.tag(self._build.tag, name)
        return True


@contextmanager
def under_construction(engine: DockerEngine) -> Iterator[str]:
    """A name for an image that is not finished; it is taken away at the end."""
    name = new_tag()
    try:
        yield name
    finally:
        with Shield():
            engine.untag(name)

"""What an engine can do, as types: the seam between the actions and docker, podman or no engine at all.

Strategy: an action never asks which engine it holds. It prepares a Target (an image, or a
directory with an interpreter), and hands it back to the engine that made it. Everything that a
command line says about running is in two frozen records, RunOptions and ServeOptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cog.errors import CogError
from cog.records import Protocol, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

PREDICT = "predict"
TRAIN = "train"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Target:
    """Where a command runs. `image` for image engines, `python` for the local one."""

    image: str = ""
    directory: Optional[Path] = None  # the project: mounted on /src, or worked in. None: an image as it is
    python: str = "python"
    gpus: str = ""  # what `gpu: true` asks for ("all"); a --gpus option wins over it
    environment: Mapping[str, str] = field(default_factory=dict)  # from cog.yaml; options win over it
    predict: str = ""  # "predict.py:Predictor"
    train: str = ""
    max_concurrency: int = 1


@dataclass(frozen=True)
class Port:
    """One `-p`: HOST:PORT on this machine -> PORT of the model."""

    inside: int
    outside: int
    host: str = LOOPBACK


@dataclass(frozen=True)
class RunOptions:
    """A command in the foreground (cog run)."""

    environment: tuple[str, ...] = ()  # as given: NAME=value, or NAME for the caller's value
    publish: tuple[Port, ...] = ()
    gpus: str = ""


@dataclass(frozen=True)
class ServeOptions:
    """The prediction server, in the foreground (cog serve) or behind cog predict and cog train."""

    mode: str = PREDICT
    host: str = LOOPBACK
    port: int = 0  # 0: any free one
    environment: tuple[str, ...] = ()
    gpus: str = ""
    upload_url: str = ""
    debug: bool = False


@dataclass(frozen=True)
class BuildOptions:
    """What the flags say about building; every command that may build has them.

    For predict, train, run and serve the image room's `actions.build.base_image(project, engine,
    options, reporter) -> Target` makes the image without the code, the project mounted on /src.
    """

    tag: str = ""
    progress: str = "auto"
    secrets: tuple[str, ...] = ()
    no_cache: bool = False
    separate_weights: bool = False
    use_cuda_base_image: str = "auto"
    use_cog_base_image: Optional[bool] = None  # None: not given, which allows falling back
    dockerfile: str = ""
    timestamp: Optional[int] = None
    openapi_schema: str = ""
    config_file: str = "cog.yaml"


class Reporter(Protocol):
    """Where engines and actions say what they do; all of it goes to standard error."""

    debugging: bool

    def info(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def debug(self, text: str) -> None: ...
    def detail(self, line: str) -> None:
        """One line of someone else's output: a build, an installation, a model's log."""


class Server(Protocol):
    """A prediction server that was started in the background."""

    url: str  # http://127.0.0.1:PORT, without a trailing slash

    def alive(self) -> bool: ...
    def tail(self) -> str:
        """The last lines that it printed."""

    def stop(self) -> None:
        """End it, politely and then by force. May be called twice."""


class Engine(Protocol):
    """Runs commands and servers in a target that it prepared."""

    name: str  # "docker", "local"

    def run(self, target: Target, argv: Sequence[str], options: RunOptions) -> int:
        """The command in the foreground, with our stdin and stdout; its exit status."""

    def serve(self, target: Target, options: ServeOptions) -> int:
        """The server in the foreground until it is interrupted; its exit status."""

    def start(self, target: Target, options: ServeOptions) -> Server:
        """The server in the background, its output followed to Reporter.detail; not yet ready."""


class ImageEngine(Engine, Protocol):
    """An engine that has images. Building is the build action's talk with it (actions/build).

    Made as `cog.engine.docker.DockerEngine(reporter)`.
    """

    def probe(self) -> Optional[CogError]:
        """None when the engine answers; otherwise why not, and what to do."""

    def labels(self, image: str) -> Optional[Mapping[str, str]]:
        """The labels of a local image; None when there is no such image."""

    def pull(self, image: str) -> None: ...
    def push(self, image: str) -> None: ...

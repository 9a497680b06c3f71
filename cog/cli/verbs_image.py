"""The commands that make images: from a parsed command line to the action, and what it prints."""

from __future__ import annotations

import sys
from pathlib import Path

from cog.cli.console import write
from cog.cli.registry import Arguments
from cog.errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cog.actions.recipe import ImageOptions
    from cog.engine.docker import DockerEngine


class FastUnsupported(CogError):
    code = "x-fast"

    def __init__(self) -> None:
        super().__init__(
            "--x-fast is not supported",
            why="it is an experiment of one hosting service, with a base image that only it has",
            fix="leave it out: only what changed is built anew anyway",
        )


def build(arguments: Arguments) -> int:
    from cog.actions import build as action
    from cog.actions.recipe import read_project

    options = build_options(arguments)
    project = read_project(Path.cwd(), arguments.text("file"), arguments.console)
    built = action.build(project, options, image_engine(arguments, "cog build"), arguments.console)
    arguments.console.info(
        f"\nTry it:\n    cog predict {built.image} -i NAME=VALUE\n    docker run --rm -p 5000:5000 {built.image}"
    )
    return 0


def push(arguments: Arguments) -> int:
    from cog.actions import push as action
    from cog.actions.recipe import read_project

    options = build_options(arguments)
    project = read_project(Path.cwd(), arguments.text("file"), arguments.console)
    image = arguments.positionals[0] if arguments.positionals else ""
    if not image and not project.config.image:
        raise action.NoImageName(project.file)
    action.push(project, image, options, image_engine(arguments, "cog push"), arguments.console)
    return 0


def debug(arguments: Arguments) -> int:
    from cog.actions import debug as action
    from cog.actions.recipe import read_project

    options = build_options(arguments)
    project = read_project(Path.cwd(), arguments.text("file"), arguments.console)
    name = arguments.text("image-name")
    if arguments.switch("json"):
        text = action.resolved(project, options, arguments.console, name=name) + "\n"
    else:
        text = action.debug(project, options, arguments.console, name=name, explain=arguments.switch("explain"))
    write(sys.stdout, text)
    return 0


def eject(arguments: Arguments) -> int:
    from cog.actions import eject as action
    from cog.actions.recipe import read_project

    options = build_options(arguments)
    project = read_project(Path.cwd(), arguments.text("file"), arguments.console)
    folder = Path(arguments.text("output"))
    action.eject(project, options, folder, arguments.console, force=arguments.switch("force"))
    return 0


def login(arguments: Arguments) -> int:
    from cog.actions import login as action

    return action.login(arguments.text("registry"), arguments.console, token_from_stdin=arguments.switch("token-stdin"))


def install(arguments: Arguments) -> int:
    from cog.actions import install as action

    write(sys.stdout, action.install(arguments.text("directory")))
    return 0


def build_options(arguments: Arguments) -> ImageOptions:
    """The flags about building; a command that lacks one has its default."""
    from cog.actions.recipe import ImageOptions

    values = arguments.values
    if values.get("x-fast") is True:
        raise FastUnsupported()

    def text(name: str, default: str = "") -> str:
        value = values.get(name)
        return default if value is None else str(value)

    def many(name: str) -> tuple[str, ...]:
        value = values.get(name)
        return value if isinstance(value, tuple) else ()

    timestamp = values.get("timestamp")
    progress = text("progress", "auto")
    return ImageOptions(
        tag=text("tag"),
        progress=progress,
        secrets=many("secret"),
        no_cache=values.get("no-cache") is True,
        separate_weights=values.get("separate-weights") is True,
        openapi_schema=text("openapi-schema"),
        use_cuda_base_image=text("use-cuda-base-image", "auto"),
        use_cog_base_image=values.get("use-cog-base-image") is True if "use-cog-base-image" in arguments.given else None,
        dockerfile=text("dockerfile"),
        timestamp=timestamp if isinstance(timestamp, int) else None,
        strip=values.get("strip") is True,
        precompile=values.get("precompile") is True,
        platform=text("platform"),
        builder=text("builder"),
        network=text("network"),
        build_contexts=many("build-context"),
        mirror=text("registry-mirror"),
    )


def image_engine(arguments: Arguments, purpose: str) -> DockerEngine:
    """Docker, without asking first whether it answers: a build that fails says why."""
    from cog.engine.docker import DockerEngine
    from cog.engine.selection import ImageEngineNeeded, image_engine

    wanted = arguments.text("engine")
    if wanted in ("local", "podman"):
        image_engine(wanted, purpose, arguments.console)
        raise ImageEngineNeeded(purpose)
    return DockerEngine(arguments.console)

"""Which engine carries a command out (decision 17).

`auto` is docker when its daemon answers, and otherwise, after one line that says so, the local
engine, for everything that needs no image.
"""

from __future__ import annotations

from collections.abc import Callable

from cog.engine.interface import ImageEngine, Reporter
from cog.errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    from cog.engine.local import LocalEngine


class EngineUnknown(CogError):
    code = "engine-unknown"


class ImageEngineNeeded(CogError):
    """An image is asked for and nothing here has images."""

    code = "image-engine-needed"

    def __init__(self, purpose: str, reason: CogError | None = None) -> None:
        super().__init__(
            f"{purpose} needs an engine for containers, such as Docker",
            why=f"{reason.what}: {reason.why}" if reason is not None else "--engine local has no images",
            fix=reason.fix if reason is not None and reason.fix else "take --engine docker, or leave --engine out",
        )


def image_engine(wanted: str, purpose: str, reporter: Reporter) -> ImageEngine:
    """An engine that has images. `purpose` begins the message if there is none: "cog build"."""
    _refuse_podman(wanted)
    if wanted == "local":
        raise ImageEngineNeeded(purpose)
    from cog.engine.docker import DockerEngine  # only when one is wanted

    docker = DockerEngine(reporter)
    reason = docker.probe()
    if reason is None:
        return docker
    if wanted == "docker":
        raise reason
    raise ImageEngineNeeded(purpose, reason)


def any_engine(
    wanted: str, reporter: Reporter, local: Callable[[], LocalEngine]
) -> Union[ImageEngine, LocalEngine]:
    """An engine for the project of the current folder."""
    _refuse_podman(wanted)
    if wanted == "local":
        return local()
    from cog.engine.docker import DockerEngine  # only when one is wanted

    docker = DockerEngine(reporter)
    reason = docker.probe()
    if reason is None:
        return docker
    if wanted == "docker":
        raise reason
    reporter.info(f"Going on without Docker, with the local engine ({reason.what})")
    return local()


def _refuse_podman(wanted: str) -> None:
    if wanted == "podman":
        raise EngineUnknown(
            "podman is not supported yet",
            why="cog can work with docker, or with no containers at all",
            fix="take --engine docker or --engine local",
        )

"""`cog push`: build with a label that names this push, then push."""

from __future__ import annotations

import os
import time
import uuid

from cog.actions.build import build
from cog.actions.recipe import ImageOptions
from cog.engine.docker import DockerEngine
from cog.engine.interface import Reporter
from cog.errors import CogError
from cog.records import replace
from cog.workspace.project import Project

REPLICATE = "r8.im/"


class NoImageName(CogError):
    code = "no-image-name"
    category = "cli-usage"

    def __init__(self, file: str) -> None:
        super().__init__(
            "push needs the name of an image",
            why=f"{file} has no `image`, and none was given",
            fix=f"run `cog push registry.example.com/you/your-model`, or set `image` in {file} (cog.yaml)",
        )


class ModelUnknown(CogError):
    code = "model-unknown"
    category = "docker"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} does not exist there",
            why="the registry knows no model of this name",
            fix="create it at https://replicate.com/create, then push again",
        )


def push(project: Project, image: str, options: ImageOptions, engine: DockerEngine, reporter: Reporter) -> str:
    """Build and push; the name that was pushed."""
    name = image or project.config.image or ""
    if not name:
        raise NoImageName(project.file)
    if name.startswith(REPLICATE) and engine.unknown_to_registry(name):
        raise ModelUnknown(name)
    build(project, replace(options, tag=name), engine, reporter, push_id=uuid7())
    reporter.info(f"\nPushing image {name}")
    engine.push(name)
    reporter.info(f"Image {name} pushed")
    if name.startswith(REPLICATE):
        path = name[len(REPLICATE) :].partition("@")[0].partition(":")[0]
        reporter.info(f"\nRun your model on Replicate:\n    https://replicate.com/{path}")
    return name


def uuid7() -> str:
    """A UUID whose first 48 bits are the time in milliseconds (RFC 9562, 5.7)."""
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))

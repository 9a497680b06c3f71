"""Run a command in the model's environment, with our terminal, and return its status."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cog.actions.target import engine_for_project, prepared
from cog.engine.interface import LOOPBACK, BuildOptions, Port, Reporter, RunOptions
from cog.errors import CogError
from cog.records import dataclass, field


class PortInvalid(CogError):
    code = "port-invalid"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"-p {text} is not a port",
            why="the forms are PORT, HOSTPORT:PORT and ADDRESS:HOSTPORT:PORT, with numbers from 1 to 65535",
            fix="for example -p 8888 or -p 0.0.0.0:8888:8888",
        )


class PredictMeant(CogError):
    code = "predict-meant"

    def __init__(self) -> None:
        super().__init__(
            "cog run has no inputs",
            why="it runs a command in the model's environment, such as `cog run python`",
            fix="did you mean `cog predict`? It takes -i and --json",
        )


@dataclass(frozen=True)
class Request:
    command: tuple[str, ...]
    publish: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    gpus: str = ""
    engine: str = "auto"
    build: BuildOptions = field(default_factory=BuildOptions)


def run(request: Request, reporter: Reporter, *, start: Path) -> int:
    ports = tuple(port(text) for text in request.publish)
    project, engine = engine_for_project(request.engine, request.build.config_file, start, reporter)
    target = prepared(project, engine, request.build, reporter)
    reporter.info(f"Running '{shown(request.command)}' with the {engine.name} engine ...")
    return engine.run(target, request.command, RunOptions(request.environment, ports, request.gpus))


def shown(words: Sequence[str]) -> str:
    import shlex  # only for this line

    return " ".join(map(shlex.quote, words))


def port(text: str) -> Port:
    """A -p: 8888, 9999:8888, 0.0.0.0:8888, 0.0.0.0:9999:8888 or [::1]:9999:8888."""
    host, rest = LOOPBACK, text
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]:")
        if not closed:
            raise PortInvalid(text)
    parts = rest.split(":")
    if len(parts) == 3 or (len(parts) == 2 and not parts[0].isdigit()):
        host = parts.pop(0) if host == LOOPBACK else ""
    if not host or len(parts) > 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise PortInvalid(text)
    numbers = [int(part) for part in parts]
    if not all(1 <= number <= 65535 for number in numbers):
        raise PortInvalid(text)
    return Port(inside=numbers[-1], outside=numbers[0], host=host)

"""Serve the project over HTTP, in the foreground, until somebody stops it."""

from __future__ import annotations

import socket
from pathlib import Path

from cog.actions.target import engine_for_project, prepared, reference_to
from cog.engine.interface import PREDICT, BuildOptions, Reporter, ServeOptions
from cog.errors import CogError
from cog.records import dataclass, field


class PortInUse(CogError):
    code = "port-in-use"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"port {port} is already in use",
            why=f"{host}:{port} cannot be listened on: {why}",
            fix=f"stop what is there, or take another port: cog serve -p {port + 1}",
        )


class PortInvalid(CogError):
    code = "port-invalid"


@dataclass(frozen=True)
class Request:
    host: str
    port: int
    environment: tuple[str, ...] = ()
    gpus: str = ""
    upload_url: str = ""
    engine: str = "auto"
    build: BuildOptions = field(default_factory=BuildOptions)


def serve(request: Request, reporter: Reporter, *, start: Path) -> int:
    check_port(request.port)
    project, engine = engine_for_project(request.engine, request.build.config_file, start, reporter)
    reference_to(project, PREDICT)
    check_free(request.host, request.port)
    target = prepared(project, engine, request.build, reporter)
    shown = f"[{request.host}]" if ":" in request.host else request.host
    reporter.info(f"Serving at http://{'127.0.0.1' if request.host in ('0.0.0.0', '::') else shown}:{request.port}")
    return engine.serve(
        target,
        ServeOptions(
            host=request.host,
            port=request.port,
            environment=request.environment,
            gpus=request.gpus,
            upload_url=request.upload_url,
            debug=reporter.debugging,
        ),
    )


def check_port(port: int) -> None:
    if not 1 <= port <= 65535:
        raise PortInvalid(f"there is no port {port}", fix="take one from 1 to 65535, as in -p 8393")


def check_free(host: str, port: int) -> None:
    """Find out now and not after a build."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except socket.gaierror as error:
        raise PortInvalid(f"{host} is no address to listen on", why=str(error), fix="take 127.0.0.1 or 0.0.0.0") from error
    except OSError as error:
        raise PortInUse(host, port, error.strerror or str(error)) from error

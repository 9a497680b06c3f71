"""The commands of this room: from parsed flags to the request of an action."""

from __future__ import annotations

import sys
from pathlib import Path

from cog.cli.console import write
from cog.cli.parser import UsageError
from cog.cli.registry import Arguments
from cog.engine.interface import PREDICT, TRAIN, BuildOptions
from cog.errors import CogError


class NotSupported(CogError):
    code = "not-supported"


def init(arguments: Arguments) -> int:
    from cog.actions.init import init as action

    action(Path.cwd(), arguments.console)
    return 0


def predict(arguments: Arguments) -> int:
    return _predict(arguments, PREDICT)


def train(arguments: Arguments) -> int:
    return _predict(arguments, TRAIN)


def _predict(arguments: Arguments, mode: str) -> int:
    from cog.actions import predict as action

    timeout = arguments.number("setup-timeout")
    action.predict(
        action.Request(
            mode=mode,
            image=arguments.positionals[0] if arguments.positionals else "",
            inputs=arguments.many("input"),
            json=arguments.text("json"),
            json_given="json" in arguments.given,
            # A training's file is called `weights`; with --json the whole answer is asked for.
            output="" if "json" in arguments.given and "output" not in arguments.given else arguments.text("output"),
            environment=arguments.many("env"),
            gpus=arguments.text("gpus"),
            setup_timeout=timeout if timeout is not None and timeout > 0 else 0,
            engine=arguments.text("engine"),
            build=build_options(arguments),
        ),
        arguments.console,
        result=lambda text: write(sys.stdout, text + "\n"),
        start=Path.cwd(),
    )
    return 0


def serve(arguments: Arguments) -> int:
    from cog.actions import serve as action

    return action.serve(
        action.Request(
            host=arguments.text("host"),
            port=arguments.number("port") or 0,
            environment=arguments.many("env"),
            gpus=arguments.text("gpus"),
            upload_url=arguments.text("upload-url"),
            engine=arguments.text("engine"),
            build=build_options(arguments),
        ),
        arguments.console,
        start=Path.cwd(),
    )


def run(arguments: Arguments) -> int:
    from cog.actions import run as action

    if arguments.given & {"input", "json"}:
        raise action.PredictMeant()
    if not arguments.positionals:
        raise UsageError("cog run needs COMMAND [ARG...]", fix="the form is: cog run COMMAND [ARG...]")
    return action.run(
        action.Request(
            command=arguments.positionals,
            publish=arguments.many("publish"),
            environment=arguments.many("env"),
            gpus=arguments.text("gpus"),
            engine=arguments.text("engine"),
            build=build_options(arguments),
        ),
        arguments.console,
        start=Path.cwd(),
    )


def build_options(arguments: Arguments) -> BuildOptions:
    if arguments.switch("x-fast"):
        raise NotSupported(
            "--x-fast is not supported",
            why="it needs base images and a service that belong to somebody else",
            fix="leave it out; building is fast without it",
        )
    cog_base = arguments.switch("use-cog-base-image") if "use-cog-base-image" in arguments.given else None
    return BuildOptions(
        progress=arguments.text("progress"),
        secrets=arguments.many("secret"),
        no_cache=arguments.switch("no-cache"),
        use_cuda_base_image=arguments.text("use-cuda-base-image"),
        use_cog_base_image=cog_base,
        dockerfile=arguments.text("dockerfile"),
        config_file=arguments.text("file"),
    )

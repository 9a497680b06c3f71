"""The commands of this room: those that need no image, and all their words."""

from __future__ import annotations

from cog.cli.registry import (
    BASE_FLAGS,
    CONFIG_FILE,
    ENGINE,
    ENVIRONMENT,
    EXCLUSIVE_BASE,
    FAST,
    GPUS,
    MANY,
    NO_CACHE,
    NUMBER,
    PROGRESS,
    SECRETS,
    Command,
    Flag,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cog.cli.registry import Add

INPUT = Flag(
    "input",
    "An input: NAME=VALUE, or NAME=@FILE for the content of a file; the same name again makes a list",
    short="i",
    kind=MANY,
    metavar="NAME=VALUE",
)
JSON = Flag(
    "json",
    "All inputs as one JSON object: '{...}', @FILE, or - for standard input; prints the whole answer as JSON",
    metavar="JSON",
)
OUTPUT = Flag("output", "Write the output to this file", short="o", metavar="FILE")
WEIGHTS_OUTPUT = Flag("output", "Write the output to this file", short="o", metavar="FILE", default="weights")
SETUP_TIMEOUT = Flag(
    "setup-timeout",
    "Seconds that the model may take to get ready; 0 is no limit",
    kind=NUMBER,
    default="300",
    metavar="SECONDS",
)
PORT = Flag("port", "Port to listen on", short="p", kind=NUMBER, default="8393", metavar="PORT")
HOST = Flag(
    "host", "Address to listen on; 0.0.0.0 lets other machines in", default="127.0.0.1", metavar="ADDRESS"
)
UPLOAD_URL = Flag("upload-url", "Where files of asynchronous predictions are sent", metavar="URL")
PUBLISH = Flag(
    "publish",
    "Let this machine reach a port of the command: PORT, HOSTPORT:PORT or ADDRESS:HOSTPORT:PORT; may be repeated",
    short="p",
    kind=MANY,
    metavar="PORT",
)
# Not options of `run`; they are here to say what was meant. (Decision 24.)
RUN_INPUT = Flag("input", "", short="i", kind=MANY, hidden=True)
RUN_JSON = Flag("json", "", hidden=True)

SHARED = (ENGINE, CONFIG_FILE, PROGRESS, SECRETS, NO_CACHE, *BASE_FLAGS, FAST)


def register(add: Add) -> None:
    add(
        Command(
            "init",
            "Start a project: cog.yaml and predict.py in this folder",
            "cog.cli.verbs:init",
            examples=(("start a project in a new folder", "mkdir my-model && cd my-model && cog init"),),
            synonyms=("new", "start", "create"),
        )
    )
    add(
        Command(
            "predict",
            "Make one prediction with the model of this folder, or of an image",
            "cog.cli.verbs:predict",
            description=(
                "The output goes to standard output, or to a file when it is one. With no Docker on this\n"
                "machine the model of this folder runs in a Python environment of its own."
            ),
            flags=(INPUT, JSON, OUTPUT, ENVIRONMENT, GPUS, SETUP_TIMEOUT, *SHARED),
            positionals="[IMAGE]",
            maximum=1,
            examples=(
                ("one text input", "cog predict -i prompt='a cat in the sun'"),
                ("a file in, a file out", "cog predict -i image=@input.jpg -o output.png"),
                ("a list", "cog predict -i paths=@1.txt -i paths=@2.txt"),
                ("all inputs as JSON, the whole answer back", "cog predict --json '{\"n\": 3}'"),
                ("a model that was built before", "cog predict my-model -i prompt=hello"),
                ("without Docker", "cog predict --engine local -i prompt=hello"),
            ),
            synonyms=("infer", "prediction"),
            exclusive=EXCLUSIVE_BASE,
        )
    )
    add(
        Command(
            "train",
            "Run the training function of this folder, or of an image",
            "cog.cli.verbs:train",
            flags=(INPUT, JSON, WEIGHTS_OUTPUT, ENVIRONMENT, GPUS, SETUP_TIMEOUT, *SHARED),
            positionals="[IMAGE]",
            maximum=1,
            examples=(
                ("train; the result is in the file `weights`", "cog train -i data=@data.zip"),
                ("predict with it", "cog predict -e COG_WEIGHTS=weights -i prompt=hello"),
            ),
            exclusive=EXCLUSIVE_BASE,
        )
    )
    add(
        Command(
            "serve",
            "Serve the model of this folder over HTTP",
            "cog.cli.verbs:serve",
            flags=(PORT, HOST, UPLOAD_URL, ENVIRONMENT, GPUS, *SHARED),
            examples=(
                ("on http://127.0.0.1:8393", "cog serve"),
                ("for other machines too", "cog serve --host 0.0.0.0 -p 8080"),
                (
                    "then, from another terminal",
                    "curl http://127.0.0.1:8393/predictions -H 'Content-Type: application/json' "
                    '-d \'{"input": {"prompt": "hello"}}\'',
                ),
            ),
            synonyms=("http", "server"),
            exclusive=EXCLUSIVE_BASE,
        )
    )
    add(
        Command(
            "run",
            "Run a command in the model's environment",
            "cog.cli.verbs:run",
            description="Flags for cog stand before the command; what follows it belongs to the command.",
            flags=(PUBLISH, ENVIRONMENT, GPUS, *SHARED, RUN_INPUT, RUN_JSON),
            positionals="COMMAND [ARG...]",
            maximum=-1,
            interspersed=False,
            examples=(
                ("a Python shell", "cog run python"),
                ("a notebook", "cog run -p 8888 jupyter lab --allow-root --ip=0.0.0.0"),
                ("a script with a variable", "cog run -e EPOCHS=3 python train.py"),
            ),
            aliases=("exec",),
            exclusive=EXCLUSIVE_BASE,
        )
    )
    add(
        Command(
            "completion",
            "Print the completion script of a shell: bash, zsh, fish or powershell",
            "cog.cli.completion:main",
            positionals="SHELL",
            minimum=1,
            maximum=1,
            examples=(
                ("bash, in ~/.bashrc", "source <(cog completion bash)"),
                ("zsh, in ~/.zshrc", "source <(cog completion zsh)"),
                ("fish", "cog completion fish > ~/.config/fish/completions/cog.fish"),
            ),
        )
    )
    add(
        Command(
            "help",
            "Print help about a command, or about exit-status or environment",
            "cog.cli.help:main",
            positionals="[TOPIC]",
            maximum=1,
            examples=(("about predict", "cog help predict"),),
        )
    )


__all__ = ["register"]

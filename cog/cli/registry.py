"""Commands and flags as data: what the parser accepts, help prints and completion offers.

Strategy: a command module has one function, `register(add)`, which adds Commands. Nothing is
imported for a command until it runs: `run` names the function as "package.module:function", so
`cog --help` reads these tables and no more. Named tuples, not dataclasses: importing dataclasses
costs as much as all the rest of `cog --help`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Optional

    from cog.engine.interface import Reporter

# Kinds of flags. SWITCH takes a value only behind "=", MANY may be repeated.
SWITCH, TEXT, NUMBER, MANY = "switch", "text", "number", "many"


class Flag:
    """One flag: `--name`, perhaps `-short`."""

    __slots__ = ("choices", "default", "env", "group", "help", "hidden", "kind", "metavar", "name", "short")

    def __init__(
        self,
        name: str,
        help: str,
        *,
        short: str = "",
        kind: str = TEXT,
        default: str = "",
        metavar: str = "",
        hidden: bool = False,
        choices: tuple[str, ...] = (),
        env: str = "",
        group: str = "",
    ) -> None:
        self.name, self.help, self.short, self.kind = name, help, short, kind
        self.default = default  # for a SWITCH "" or "true"; shown in the help
        self.metavar = metavar or (name.upper().replace("-", "_") if kind != SWITCH else "")
        self.hidden, self.choices = hidden, choices
        self.env = env  # the environment variable that sets it, when the flag is not given
        self.group = group  # heading in the help


class Command:
    """One command, with all that its help says."""

    __slots__ = (
        "aliases",
        "description",
        "examples",
        "exclusive",
        "flags",
        "hidden",
        "interspersed",
        "maximum",
        "minimum",
        "name",
        "positionals",
        "run",
        "summary",
        "synonyms",
    )

    def __init__(
        self,
        name: str,
        summary: str,
        run: str,
        *,
        description: str = "",
        flags: tuple[Flag, ...] = (),
        positionals: str = "",
        minimum: int = 0,
        maximum: int = 0,
        examples: tuple[tuple[str, str], ...] = (),
        aliases: tuple[str, ...] = (),
        synonyms: tuple[str, ...] = (),
        hidden: bool = False,
        interspersed: bool = True,
        exclusive: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        self.name, self.summary, self.description = name, summary, description
        self.run = run  # "cog.cli.run_build:main"; called with Arguments, returns the exit status
        self.flags = flags
        self.positionals = positionals  # as the usage line shows them: "[IMAGE]"
        self.minimum, self.maximum = minimum, maximum  # number of positionals; maximum -1: any
        self.examples = examples  # (what it does, what to type)
        self.aliases = aliases
        self.synonyms = synonyms  # words for "did you mean", not accepted
        self.hidden = hidden
        self.interspersed = interspersed  # False: flags end at the first positional
        self.exclusive = exclusive  # groups of flag names of which only one may be given


class Arguments:
    """A parsed command line, as a command's `run` function gets it."""

    __slots__ = ("command", "console", "given", "positionals", "values")

    def __init__(
        self,
        command: Command,
        values: Mapping[str, object],
        given: frozenset[str],
        positionals: tuple[str, ...],
        console: Reporter,
    ) -> None:
        self.command = command
        self.values = values
        self.given = given  # names of the flags that stood on the command line (or in their variable)
        self.positionals = positionals
        self.console = console

    def text(self, name: str) -> str:
        return str(self.values[name])

    def switch(self, name: str) -> bool:
        return self.values[name] is True

    def number(self, name: str) -> Optional[int]:
        value = self.values[name]
        return value if isinstance(value, int) else None

    def many(self, name: str) -> tuple[str, ...]:
        value = self.values[name]
        return value if isinstance(value, tuple) else ()


if TYPE_CHECKING:
    Add = Callable[[Command], None]


# --- flags that several commands share -------------------------------------------------------

CONFIG_FILE = Flag("file", "Read this file instead of cog.yaml", short="f", metavar="FILE", default="cog.yaml")
ENGINE = Flag(
    "engine",
    "What runs the model: auto, docker, or local (no container at all)",
    choices=("auto", "docker", "podman", "local"),
    default="auto",
    env="COG_ENGINE",
)
PROGRESS = Flag(
    "progress",
    "How building is shown: auto, tty, plain or quiet",
    default="auto",
    metavar="STYLE",
    env="BUILDKIT_PROGRESS",
    group="Building",
)
SECRETS = Flag(
    "secret",
    "Secret for commands of the build, as id=NAME,src=FILE; may be repeated",
    kind=MANY,
    metavar="SECRET",
    group="Building",
)
NO_CACHE = Flag("no-cache", "Build everything anew", kind=SWITCH, group="Building")
SEPARATE_WEIGHTS = Flag("separate-weights", "Put big files in layers of their own", kind=SWITCH, group="Building")
USE_CUDA_BASE_IMAGE = Flag(
    "use-cuda-base-image",
    "Start from nvidia/cuda when `gpu: true`: auto or false",
    default="auto",
    metavar="WHEN",
    group="Building",
)
USE_COG_BASE_IMAGE = Flag(
    "use-cog-base-image", "Start from a Cog base image", kind=SWITCH, group="Building"
)
DOCKERFILE = Flag(
    "dockerfile", "Build with this Dockerfile instead of a generated one", metavar="FILE", hidden=True, group="Building"
)
TIMESTAMP = Flag(
    "timestamp",
    "Seconds since 1970 for all files of the image: the same input gives the same image",
    kind=NUMBER,
    metavar="SECONDS",
    hidden=True,
    group="Building",
)
FAST = Flag("x-fast", "Not supported here", kind=SWITCH, hidden=True)

BASE_FLAGS = (USE_CUDA_BASE_IMAGE, USE_COG_BASE_IMAGE, DOCKERFILE)
EXCLUSIVE_BASE = (("use-cog-base-image", "use-cuda-base-image", "dockerfile"),)

ENVIRONMENT = Flag(
    "env",
    "Set a variable for the model: NAME=value, or NAME for the value it has here; may be repeated",
    short="e",
    kind=MANY,
    metavar="NAME=VALUE",
)
GPUS = Flag("gpus", "GPUs for the container, as `docker run --gpus` takes them", metavar="GPUS")

"""From the words of the command line to an exit status. Nothing below this prints errors or exits.

Statuses: 0; 1 failure; 2 usage; 130 interrupted (128 + the number of any other signal).
"""

from __future__ import annotations

import os
import sys

from cog import __version__
from cog.cli import baked, commands
from cog.cli.console import Console, stream_is_terminal, wants_color, write
from cog.cli.parser import Parsed, parse
from cog.errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Optional

    from cog.cli.registry import Arguments, Command


def main(words: Optional[Sequence[str]] = None) -> int:
    words = sys.argv[1:] if words is None else words
    console = Console(color=wants_color(sys.stderr, os.environ))
    try:
        return _carry_out(words, console)
    except CogError as error:
        console.error(error)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        _quietly(console, "interrupted")
        return 128 + getattr(interrupt, "number", 2)
    except BrokenPipeError:
        _abandon_output()
        return 1


def version() -> str:
    return f"cog version {__version__} (built {baked.BUILT})"


def all_commands() -> tuple[Command, ...]:
    from cog.cli import commands_image  # imported late: `cog --version` needs none of them

    found: list[Command] = []
    commands.register(found.append)
    commands_image.register(found.append)
    return tuple(found)


def _carry_out(words: Sequence[str], console: Console) -> int:
    if "--no-color" in words:  # also when the words turn out to be wrong
        console.color = False
    parsed = parse(words, all_commands(), os.environ)
    console.color = console.color and not parsed.switch("no-color")
    console.debugging = parsed.switch("debug")
    if parsed.switch("version"):
        write(sys.stdout, version() + "\n")
        return 0
    if parsed.command is None or parsed.switch("help"):
        return _help(parsed)
    from cog.engine import signals  # the enumeration of signals is not free: not for help and version

    signals.take()
    from cog.actions import update

    news = update.watch(console, __version__, baked.RELEASE_URL, terminal=stream_is_terminal(sys.stderr))
    try:
        return _function(parsed.command)(parsed.arguments(console))
    finally:
        signals.settle()
        news()


def _help(parsed: Parsed) -> int:
    from cog.cli import help  # needs all_commands() of this module

    text = help.about(parsed.command, parsed.word) if parsed.command is not None else help.overview()
    write(sys.stdout, text)
    return 0


def _function(command: Command) -> Callable[[Arguments], int]:
    from importlib import import_module

    module, _, name = command.run.partition(":")
    function: Callable[[Arguments], int] = getattr(import_module(module), name)
    return function


def _quietly(console: Console, text: str) -> None:
    try:
        console.info(text)
    except OSError:
        pass  # the terminal has gone: nobody to tell


def _abandon_output() -> None:
    """Whoever read our output has left; keep the interpreter from complaining at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass

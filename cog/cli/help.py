"""Help: the usage line, what it is for, examples, then the flags. Text from the tables alone."""

from __future__ import annotations

import sys

from cog.cli.console import write
from cog.cli.main import all_commands
from cog.cli.parser import GLOBAL_FLAGS, UsageError, nearest
from cog.cli.registry import SWITCH, Arguments, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ORDER = ("init", "predict", "serve", "run", "train", "build", "push", "login")

TOPICS = {
    "exit-status": """\
Exit statuses
  0    it worked
  1    it failed; the message on standard error says why
  2    the command line could not be understood
  130  interrupted with Ctrl-C (143: ended by SIGTERM)

`cog run` returns the status of the command that it ran.
""",
    "environment": """\
Environment variables
  COG_ENGINE           auto, docker or local: what --engine does
  COG_CACHE_DIR        where unpacked files are kept; empty: nowhere (default: ~/.cache/cog)
  COG_NO_UPDATE_CHECK  any text: never look for a newer release
  NO_COLOR             any text: no colour (COG_NO_COLOR: for cog alone)
  BUILDKIT_PROGRESS    how building is shown: what --progress does
  COG_WEIGHTS          a file or URL that setup() of the model gets; pass it with -e

docs/environment.md has the whole list.
""",
}


def main(arguments: Arguments) -> int:
    write(sys.stdout, topic(arguments.positionals[0]) if arguments.positionals else overview())
    return 0


def topic(word: str) -> str:
    if word in TOPICS:
        return TOPICS[word]
    commands = all_commands()
    for command in commands:
        if word == command.name or word in command.aliases:
            return about(command, word)
    known = [command.name for command in commands if not command.hidden] + list(TOPICS)
    match = nearest(word, known)
    raise UsageError(
        f"no help about {word}",
        fix=f"did you mean `cog help {match}`?" if match else "`cog help` lists the commands",
    )


def overview() -> str:
    commands = sorted(
        (command for command in all_commands() if not command.hidden),
        key=lambda command: (ORDER.index(command.name) if command.name in ORDER else len(ORDER), command.name),
    )
    rows = [(command.name, command.summary) for command in commands]
    return "\n".join(
        [
            "cog runs and serves machine-learning models, and packs them in container images.",
            "",
            "Examples",
            "  # start a project, and make a prediction with it",
            "  cog init",
            "  cog predict -i image=@input.jpg",
            "",
            "  # serve it on http://127.0.0.1:8393",
            "  cog serve",
            "",
            "  # put it in an image",
            "  cog build -t my-model",
            "",
            "Usage",
            "  cog COMMAND [FLAGS]",
            "",
            "Commands",
            *_columns(rows),
            "",
            "Flags of every command",
            *_columns(_rows(GLOBAL_FLAGS)),
            "",
            "`cog help COMMAND` says more; so do `cog help exit-status` and `cog help environment`.",
            "",
        ]
    )


def about(command: Command, word: str) -> str:
    lines = [command.summary + ".", ""]
    if command.description:
        lines += [command.description, ""]
    if command.examples:
        lines.append("Examples")
        for purpose, typed in command.examples:
            lines += [f"  # {purpose}", f"  {typed}", ""]
    usage = f"cog {word} [FLAGS]" + (f" {command.positionals}" if command.positionals else "")
    lines += ["Usage", f"  {usage}", ""]
    if command.aliases:
        others = [name for name in (command.name, *command.aliases) if name != word]
        lines += [f"Also called: {', '.join(others)}", ""]
    groups: dict[str, list[Flag]] = {}
    for flag in command.flags:
        groups.setdefault(flag.group, []).append(flag)
    for group, flags in groups.items():
        rows = _rows(flags)
        if rows:
            lines += [group or "Flags", *_columns(rows), ""]
    lines += ["Flags of every command", *_columns(_rows(GLOBAL_FLAGS)), ""]
    return "\n".join(lines)


def _rows(flags: Iterable[Flag]) -> list[tuple[str, str]]:
    return [(_left(flag), _right(flag)) for flag in flags if not flag.hidden]


def _left(flag: Flag) -> str:
    short = f"-{flag.short}, " if flag.short else "    "
    return f"{short}--{flag.name}" + (f" {flag.metavar}" if flag.kind != SWITCH else "")


def _right(flag: Flag) -> str:
    notes = []
    if flag.default:
        notes.append(f"default {flag.default}")
    if flag.env:
        notes.append(f"or {flag.env}")
    return flag.help + (f" ({'; '.join(notes)})" if notes else "")


def _columns(rows: Sequence[tuple[str, str]], width: int = 96) -> list[str]:
    left = min(max((len(row[0]) for row in rows), default=0), 26)
    lines = []
    for name, text in rows:
        pieces = _wrapped(text, width - left - 4)
        if len(name) > left:
            lines.append(f"  {name}")
        else:
            lines.append(f"  {name:<{left}}  {pieces.pop(0)}")
        lines += [" " * (left + 4) + piece for piece in pieces]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines

"""Words of a command line -> the command, its flags and positionals.

Strategy: GNU syntax as users of 0.14.1 know it (`--name=value`, `--name value`, `-nvalue`, flags
behind positionals, `--`), decided from the tables in registry.py. Not argparse: it accepts
abbreviations, takes `--switch false` apart differently, cannot stop at the first positional of
one command only, and its import alone costs more than all of this.
"""

from __future__ import annotations

from cog.cli.registry import MANY, NUMBER, SWITCH, TEXT, Arguments, Command, Flag
from cog.errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Optional

    from cog.engine.interface import Reporter

TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")

GLOBAL_FLAGS = (
    Flag("debug", "Say more about what is being done", kind=SWITCH),
    Flag("no-color", "No colour, also on a terminal", kind=SWITCH, env="COG_NO_COLOR"),
    Flag("profile", "Accepted and ignored", kind=SWITCH, hidden=True),
    Flag("version", "Print the version", kind=SWITCH),
    Flag("help", "Print help, for a command when one is named", short="h", kind=SWITCH),
)


class UsageError(CogError):
    """The command line cannot be understood."""

    code = "usage"
    exit_status = 2


class ExclusiveFlags(CogError):
    """Each flag is fine, together they are not: 0.14.1 gave 1 here and scripts know it."""

    code = "flags-exclusive"

    def __init__(self, names: Sequence[str]) -> None:
        flags = " and ".join(f"--{name}" for name in names)
        super().__init__(
            f"{flags} are mutually exclusive",
            why="each of them decides what the image starts from",
            fix="give one of them",
        )


class Parsed:
    """The outcome of parse(): which command, with what."""

    __slots__ = ("command", "given", "positionals", "values", "word")

    def __init__(
        self,
        command: Optional[Command],
        word: str,
        values: Mapping[str, object],
        given: frozenset[str],
        positionals: tuple[str, ...],
    ) -> None:
        self.command, self.word = command, word
        self.values, self.given, self.positionals = values, given, positionals

    def switch(self, name: str) -> bool:
        return self.values.get(name) is True

    def arguments(self, console: Reporter) -> Arguments:
        assert self.command is not None
        return Arguments(self.command, self.values, self.given, self.positionals, console)


def parse(words: Sequence[str], commands: Iterable[Command], environment: Mapping[str, str]) -> Parsed:
    """Raises UsageError; `--help` and `--version` win over what is missing beside them."""
    commands = tuple(commands)
    seen: dict[str, list[str]] = {}
    positionals: list[str] = []
    command: Optional[Command] = None
    word = ""
    flags = _table(GLOBAL_FLAGS)
    queue = list(words)
    while queue:
        item = queue.pop(0)
        if item == "--":
            if command is None and queue:
                word = queue.pop(0)
                command = find(word, commands)
            positionals += queue
            break
        if item.startswith("-") and len(item) > 1:
            _flag(item, queue, flags, seen, command)
            continue
        if command is None:
            word = item
            command = find(item, commands)
            flags = _table(GLOBAL_FLAGS + command.flags)
            continue
        positionals.append(item)
        if not command.interspersed:
            positionals += queue
            break
    known = GLOBAL_FLAGS + (command.flags if command is not None else ())
    values, given = _values(known, seen, environment)
    if command is not None and values["help"] is not True and values["version"] is not True:
        _check_positionals(command, word, positionals)
        for group in command.exclusive:
            both = [name for name in group if name in given]
            if len(both) > 1:
                raise ExclusiveFlags(both)
    return Parsed(command, word, values, frozenset(given), tuple(positionals))


def find(word: str, commands: Sequence[Command]) -> Command:
    for command in commands:
        if word == command.name or word in command.aliases:
            return command
    raise UsageError(f"unknown command {word} for cog", fix=_command_hint(word, commands))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` was probably meant to be, or ""."""
    import difflib  # only when something was mistyped

    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def _command_hint(word: str, commands: Sequence[Command]) -> str:
    for command in commands:
        if word in command.synonyms:
            return f"did you mean `cog {command.name}`?"
    match = nearest(word, [command.name for command in commands if not command.hidden])
    return f"did you mean `cog {match}`?" if match else "`cog --help` lists the commands"


def _table(flags: Iterable[Flag]) -> dict[str, Flag]:
    table: dict[str, Flag] = {}
    for flag in flags:
        table["--" + flag.name] = flag
        if flag.short:
            table["-" + flag.short] = flag
    return table


def _flag(
    item: str, queue: list[str], flags: Mapping[str, Flag], seen: dict[str, list[str]], command: Optional[Command]
) -> None:
    if item.startswith("--"):
        name, equals, value = item.partition("=")
        flag = flags.get(name)
        if flag is None:
            raise _unknown(name, flags, command)
        if flag.kind == SWITCH:
            value = value if equals else "true"
        elif not equals:
            value = _next(name, flag, queue, command)
        seen.setdefault(flag.name, []).append(value)
        return
    letters = item[1:]
    while letters:  # -abc: a and b are switches, c may be one or take the rest
        name, letters = "-" + letters[0], letters[1:]
        flag = flags.get(name)
        if flag is None:
            raise _unknown(name, flags, command)
        if flag.kind == SWITCH:
            if letters.startswith("="):
                value, letters = letters[1:], ""
            else:
                value = "true"
        elif letters:
            value, letters = letters[1:] if letters.startswith("=") else letters, ""
        else:
            value = _next(name, flag, queue, command)
        seen.setdefault(flag.name, []).append(value)


def _next(name: str, flag: Flag, queue: list[str], command: Optional[Command]) -> str:
    if not queue:
        raise UsageError(f"{name} needs a value", fix=f"write {name} {flag.metavar}{_see(command)}")
    return queue.pop(0)


def _unknown(name: str, flags: Mapping[str, Flag], command: Optional[Command]) -> UsageError:
    where = f" for cog {command.name}" if command is not None else ""
    match = nearest(name, [key for key, flag in flags.items() if key.startswith("--") and not flag.hidden])
    hint = f"did you mean {match}?" if match and name.startswith("--") else f"see `cog{_name(command)} --help`"
    return UsageError(f"unknown flag {name}{where}", fix=hint)


def _name(command: Optional[Command]) -> str:
    return f" {command.name}" if command is not None else ""


def _see(command: Optional[Command]) -> str:
    return f"; see `cog{_name(command)} --help`"


def _values(
    flags: Iterable[Flag], seen: Mapping[str, list[str]], environment: Mapping[str, str]
) -> tuple[dict[str, object], set[str]]:
    values: dict[str, object] = {}
    given: set[str] = set()
    for flag in flags:
        texts = seen.get(flag.name)
        label = f"--{flag.name}"
        if texts is not None:
            given.add(flag.name)
        elif flag.env and environment.get(flag.env):
            # Any text switches a switch on; the colour variables are defined that way.
            texts, label = ["true" if flag.kind == SWITCH else environment[flag.env]], flag.env
            given.add(flag.name)
        values[flag.name] = _READERS[flag.kind](label, flag, texts)
    return values, given


def _text(label: str, flag: Flag, texts: Optional[list[str]]) -> object:
    if texts is None:
        return flag.default
    if flag.choices and texts[-1] not in flag.choices:
        raise UsageError(
            f"{label} does not know {texts[-1]!r}",
            fix=f"it is one of {', '.join(flag.choices)}",
        )
    return texts[-1]


def _number(label: str, flag: Flag, texts: Optional[list[str]]) -> object:
    text = flag.default if texts is None else texts[-1]
    if text == "":
        if texts is None:
            return None
    elif text.lstrip("-").isdigit() and text.isascii() and text.count("-") <= 1:
        return int(text)
    raise UsageError(f"{label} needs a whole number, not {text!r}", fix=f"for example {label} {flag.default or 1}")


def _switch(label: str, flag: Flag, texts: Optional[list[str]]) -> object:
    text = (flag.default or "false") if texts is None else texts[-1]
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise UsageError(f"{label} is true or false, not {text!r}", fix=f"write {label} or {label}=false")


def _many(label: str, flag: Flag, texts: Optional[list[str]]) -> object:
    return tuple(texts or ())


_READERS: Mapping[str, Callable[[str, Flag, Optional[list[str]]], object]] = {
    TEXT: _text,
    NUMBER: _number,
    SWITCH: _switch,
    MANY: _many,
}


def _check_positionals(command: Command, word: str, positionals: Sequence[str]) -> None:
    count = len(positionals)
    usage = f"the form is: cog {word} {command.positionals}".rstrip() if command.positionals else ""
    if count < command.minimum:
        raise UsageError(f"cog {word} needs {command.positionals or 'more words'}", fix=usage)
    if 0 <= command.maximum < count:
        extra = positionals[command.maximum]
        if extra in TRUE + FALSE:
            hint = f"a switch takes its value behind an equals sign: --flag={extra}"
        else:
            hint = usage or f"`cog {word}` takes flags only; see `cog {word} --help`"
        raise UsageError(f"cog {word} does not know what to do with {extra!r}", fix=hint)

"""Completion scripts for shells, written from the tables of commands and flags."""

from __future__ import annotations

import sys

from cog.cli.console import write
from cog.cli.main import all_commands
from cog.cli.parser import GLOBAL_FLAGS, UsageError
from cog.cli.registry import SWITCH, Arguments, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHELLS = ("bash", "zsh", "fish", "powershell")


def main(arguments: Arguments) -> int:
    shell = arguments.positionals[0]
    if shell not in SHELLS:
        raise UsageError(f"no completion for {shell}", fix=f"the shells are {', '.join(SHELLS)}")
    commands = [command for command in all_commands() if not command.hidden]
    write(sys.stdout, {"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}[shell](commands))
    return 0


def bash(commands: Sequence[Command]) -> str:
    return f"""\
# bash completion for cog
_cog() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" command="" i flags="" files=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            {"|".join(_words(commands))}) command="${{COMP_WORDS[i]}}"; break ;;
        esac
    done
    COMPREPLY=()
    case "$command" in
        "") COMPREPLY=($(compgen -W "{" ".join(_words(commands) + _long(GLOBAL_FLAGS))}" -- "$word")); return ;;
{_bash_cases(commands)}
    esac
    if [[ "$word" == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$word"))
    else
        compopt -o default 2>/dev/null
    fi
}}
complete -F _cog cog
"""


def _bash_cases(commands: Iterable[Command]) -> str:
    lines = []
    for command in commands:
        names = "|".join((command.name, *command.aliases))
        flags = " ".join(_long(command.flags) + _long(GLOBAL_FLAGS))
        lines.append(f'        {names}) flags="{flags}" ;;')
    return "\n".join(lines)


def zsh(commands: Sequence[Command]) -> str:
    described = "\n".join(
        f"        {_quoted(f'{name}:{_plain(command.summary)}')}"
        for command in commands
        for name in (command.name, *command.aliases)
    )
    cases = "\n".join(
        f"        {'|'.join((command.name, *command.aliases))}) _arguments -s "
        + " ".join(_quoted(spec) for spec in _zsh_specs((*command.flags, *GLOBAL_FLAGS)))
        + " '*:file:_files' ;;"
        for command in commands
    )
    return f"""\
#compdef cog
# zsh completion for cog
_cog() {{
    local -a commands
    commands=(
{described}
    )
    if (( CURRENT == 2 )); then
        _describe 'command' commands
        return
    fi
    local command="${{words[2]}}"
    shift words
    (( CURRENT-- ))
    case "$command" in
{cases}
    esac
}}
if [ "$funcstack[1]" = "_cog" ]; then
    _cog "$@"
else
    compdef _cog cog
fi
"""


def _zsh_specs(flags: Iterable[Flag]) -> list[str]:
    specs = []
    for flag in flags:
        if flag.hidden:
            continue
        help = _plain(flag.help).replace("[", "(").replace("]", ")").replace(":", " ")
        value = "" if flag.kind == SWITCH else f":{flag.metavar.lower().replace(':', ' ')}:_files"
        specs.append(f"*--{flag.name}[{help}]{value}")
    return specs


def fish(commands: Sequence[Command]) -> str:
    lines = ["# fish completion for cog", "complete -c cog -n __fish_use_subcommand -f"]
    for command in commands:
        for name in (command.name, *command.aliases):
            lines.append(
                f"complete -c cog -n __fish_use_subcommand -a {name} -d {_quoted(_plain(command.summary), fish=True)}"
            )
        names = " ".join((command.name, *command.aliases))
        for flag in command.flags:
            if not flag.hidden:
                lines.append(f"complete -c cog -n '__fish_seen_subcommand_from {names}' {_fish_flag(flag)}")
    lines += [f"complete -c cog {_fish_flag(flag)}" for flag in GLOBAL_FLAGS if not flag.hidden]
    return "\n".join(lines) + "\n"


def _fish_flag(flag: Flag) -> str:
    short = f" -s {flag.short}" if flag.short else ""
    value = "" if flag.kind == SWITCH else " -r"
    choices = f" -f -a {_quoted(' '.join(flag.choices), fish=True)}" if flag.choices else ""
    return f"-l {flag.name}{short}{value}{choices} -d {_quoted(_plain(flag.help), fish=True)}"


def powershell(commands: Sequence[Command]) -> str:
    table = "\n".join(
        f"    '{name}' = @({', '.join(repr(word) for word in _long(command.flags) + _long(GLOBAL_FLAGS))})"
        for command in commands
        for name in (command.name, *command.aliases)
    )
    words = ", ".join(repr(word) for word in _words(commands) + _long(GLOBAL_FLAGS))
    return f"""\
# PowerShell completion for cog
$CogFlags = @{{
{table}
}}
Register-ArgumentCompleter -Native -CommandName cog -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    $command = $commandAst.CommandElements | ForEach-Object {{ $_.ToString() }} |
        Where-Object {{ $CogFlags.ContainsKey($_) }} | Select-Object -First 1
    $known = if ($command) {{ $CogFlags[$command] }} else {{ @({words}) }}
    $known | Where-Object {{ $_ -like "$wordToComplete*" }} |
        ForEach-Object {{ [System.Management.Automation.CompletionResult]::new($_) }}
}}
"""


def _words(commands: Iterable[Command]) -> list[str]:
    return [name for command in commands for name in (command.name, *command.aliases)]


def _long(flags: Iterable[Flag]) -> list[str]:
    return [f"--{flag.name}" for flag in flags if not flag.hidden]


def _plain(text: str) -> str:
    return text.replace("`", "")


def _quoted(text: str, *, fish: bool = False) -> str:
    return "'" + text.replace("'", "\\'" if fish else "'\\''") + "'"

"""The syntax of the command line: GNU style, as users of 0.14.1 know it."""

from __future__ import annotations

import pytest

from cog.cli.commands import register
from cog.cli.parser import ExclusiveFlags, Parsed, UsageError, parse
from cog.cli.registry import MANY, NUMBER, SWITCH, Command, Flag

COMMANDS = (
    Command(
        "build",
        "Build",
        "x:y",
        flags=(
            Flag("tag", "", short="t"),
            Flag("no-cache", "", kind=SWITCH),
            Flag("quiet", "", short="q", kind=SWITCH),
            Flag("secret", "", kind=MANY),
            Flag("timestamp", "", kind=NUMBER),
            Flag("engine", "", choices=("auto", "docker"), default="auto", env="COG_ENGINE"),
            Flag("one", ""),
            Flag("two", ""),
        ),
        exclusive=(("one", "two"),),
    ),
    Command("predict", "Predict", "x:y", positionals="[IMAGE]", maximum=1, flags=(Flag("input", "", short="i", kind=MANY),)),
    Command(
        "run",
        "Run",
        "x:y",
        positionals="COMMAND [ARG...]",
        minimum=1,
        maximum=-1,
        interspersed=False,
        flags=(Flag("publish", "", short="p", kind=MANY),),
        aliases=("exec",),
    ),
    Command("init", "Start", "x:y", synonyms=("new",)),
)


def given(*words: str, **environment: str) -> Parsed:
    return parse(words, COMMANDS, environment)


def values(*words: str, **environment: str) -> dict[str, object]:
    parsed = given(*words, **environment)
    return {name: parsed.values[name] for name in parsed.given}


def refusal(*words: str, **environment: str) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        given(*words, **environment)
    assert caught.value.exit_status == 2
    return caught.value.what, caught.value.fix


@pytest.mark.parametrize(
    "words", [["--tag=m:1"], ["--tag", "m:1"], ["-t", "m:1"], ["-tm:1"], ["-t=m:1"]], ids=" ".join
)
def test_a_flag_takes_its_value_in_five_spellings(words: list[str]) -> None:
    assert values("build", *words) == {"tag": "m:1"}


def test_a_value_may_look_like_a_flag() -> None:
    assert values("build", "--tag", "--no-cache") == {"tag": "--no-cache"}


@pytest.mark.parametrize("word", ["1", "t", "T", "TRUE", "true", "True"])
def test_a_switch_is_on_with_these_words(word: str) -> None:
    assert values("build", f"--no-cache={word}") == {"no-cache": True}


@pytest.mark.parametrize("word", ["0", "f", "F", "FALSE", "false", "False"])
def test_a_switch_is_off_with_these_words(word: str) -> None:
    assert values("build", f"--no-cache={word}") == {"no-cache": False}


def test_a_switch_knows_no_other_words() -> None:
    assert refusal("build", "--no-cache=maybe") == (
        "--no-cache is true or false, not 'maybe'",
        "write --no-cache or --no-cache=false",
    )


def test_a_switch_takes_its_value_only_behind_an_equals_sign() -> None:
    assert refusal("build", "--no-cache", "false") == (
        "cog build does not know what to do with 'false'",
        "a switch takes its value behind an equals sign: --flag=false",
    )


def test_short_switches_may_be_joined_and_the_last_may_take_a_value() -> None:
    assert values("build", "-qqtname") == {"quiet": True, "tag": "name"}


def test_flags_may_follow_positionals() -> None:
    parsed = given("predict", "image", "-i", "a=1", "-i", "b=2")
    assert (parsed.positionals, parsed.values["input"]) == (("image",), ("a=1", "b=2"))


def test_flags_of_run_end_at_its_command() -> None:
    parsed = given("run", "-p", "8888", "python", "-c", "print(1)", "--version")
    assert parsed.positionals == ("python", "-c", "print(1)", "--version")
    assert parsed.values["publish"] == ("8888",)
    assert parsed.values["version"] is False


def test_two_dashes_end_the_flags() -> None:
    assert given("predict", "--", "-i").positionals == ("-i",)
    assert given("run", "--", "ls", "--", "-l").positionals == ("ls", "--", "-l")


def test_a_single_dash_is_a_positional() -> None:
    assert given("predict", "-").positionals == ("-",)


def test_long_flags_may_not_be_abbreviated() -> None:
    assert refusal("build", "--no-cach") == ("unknown flag --no-cach for cog build", "did you mean --no-cache?")


def test_an_unknown_flag_of_no_likeness_is_sent_to_the_help() -> None:
    assert refusal("build", "--zzz") == ("unknown flag --zzz for cog build", "see `cog build --help`")
    assert refusal("build", "-z") == ("unknown flag -z for cog build", "see `cog build --help`")


@pytest.mark.parametrize(
    ("word", "fix"),
    [("biuld", "did you mean `cog build`?"), ("new", "did you mean `cog init`?"), ("zzz", "`cog --help` lists the commands")],
)
def test_an_unknown_command_gets_a_suggestion(word: str, fix: str) -> None:
    assert refusal(word) == (f"unknown command {word} for cog", fix)


def test_an_alias_is_the_same_command() -> None:
    parsed = given("exec", "ls")
    assert parsed.command is COMMANDS[2]
    assert parsed.word == "exec"


def test_global_flags_stand_before_or_behind_the_command() -> None:
    assert given("--debug", "build").switch("debug")
    assert given("build", "--debug").switch("debug")


def test_help_and_version_win_over_what_is_missing() -> None:
    assert given("run", "--help").switch("help")
    assert given("run", "--version").switch("version")


def test_a_missing_value_is_named() -> None:
    assert refusal("build", "-t") == ("-t needs a value", "write -t TAG; see `cog build --help`")


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-1", -1), ("86400", 86400)])
def test_a_number_is_whole(text: str, number: int) -> None:
    assert values("build", "--timestamp", text) == {"timestamp": number}


@pytest.mark.parametrize("text", ["1.5", "x", "", "--1", "1_000", "²"])
def test_anything_else_is_no_number(text: str) -> None:
    assert refusal("build", f"--timestamp={text}")[0] == f"--timestamp needs a whole number, not {text!r}"


def test_a_choice_must_be_one_of_them() -> None:
    assert refusal("build", "--engine", "podmann") == ("--engine does not know 'podmann'", "it is one of auto, docker")


def test_a_variable_sets_a_flag_that_is_not_given() -> None:
    assert values("build", COG_ENGINE="docker") == {"engine": "docker"}
    assert values("build", "--engine", "auto", COG_ENGINE="docker") == {"engine": "auto"}
    assert refusal("build", COG_ENGINE="x") == ("COG_ENGINE does not know 'x'", "it is one of auto, docker")


def test_flags_that_exclude_each_other_are_a_failure_and_not_a_usage_error() -> None:
    with pytest.raises(ExclusiveFlags, match="--one and --two are mutually exclusive") as caught:
        given("build", "--one", "a", "--two", "b")
    assert caught.value.exit_status == 1


def test_too_few_and_too_many_words_are_refused() -> None:
    assert refusal("run") == ("cog run needs COMMAND [ARG...]", "the form is: cog run COMMAND [ARG...]")
    assert refusal("predict", "a", "b") == (
        "cog predict does not know what to do with 'b'",
        "the form is: cog predict [IMAGE]",
    )
    assert refusal("init", "x") == (
        "cog init does not know what to do with 'x'",
        "`cog init` takes flags only; see `cog init --help`",
    )


def test_no_flag_of_a_command_is_spelled_like_another() -> None:
    commands: list[Command] = []
    register(commands.append)
    for command in commands:
        names = [flag.name for flag in command.flags] + [flag.short for flag in command.flags if flag.short]
        assert len(names) == len(set(names)), command.name

"""Our records behave as the standard library's."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable
from typing import Any

import pytest

from cog import records


def family(module: Any, *, frozen: bool) -> tuple[type, type, type]:
    """The same three classes, made by either module."""

    @module.dataclass(frozen=frozen)
    class Base:
        first: int
        second: str = "two"
        KIND: typing.ClassVar[str] = "base"

        def __str__(self) -> str:
            return f"<{self.first}>"

    @module.dataclass(frozen=frozen)
    class Derived(Base):
        third: list[int] = module.field(default_factory=list)
        quiet: str = module.field(default="", compare=False, repr=False)
        second: str = "zwei"

        def __post_init__(self) -> None:
            object.__setattr__(self, "seen", (self.first, self.second, self.third))

    @module.dataclass(frozen=frozen)
    class Own:
        one: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    return Base, Derived, Own


def outcome(action: Callable[[], object]) -> object:
    """What an action gives, or the class of what it raises."""
    try:
        return action()
    except Exception as error:
        return type(error).__name__


ACTIONS: list[Callable[[type, type, type, Any], object]] = [
    lambda base, derived, own, module: repr(base(1)),
    lambda base, derived, own, module: repr(base(1, "x")),
    lambda base, derived, own, module: repr(base(second="x", first=1)),
    lambda base, derived, own, module: str(base(1)),
    lambda base, derived, own, module: repr(derived(1)),
    lambda base, derived, own, module: derived(1, quiet="x").quiet,
    lambda base, derived, own, module: derived(1).seen,
    lambda base, derived, own, module: derived(1).third is derived(1).third,
    lambda base, derived, own, module: base(1) == base(1),
    lambda base, derived, own, module: base(1) == base(2),
    lambda base, derived, own, module: base(1) == 1,
    lambda base, derived, own, module: base(1) == derived(1),
    lambda base, derived, own, module: derived(1, quiet="x") == derived(1, quiet="y"),
    lambda base, derived, own, module: hash(base(1)) == hash(base(1)),
    lambda base, derived, own, module: hash(derived(1)),
    lambda base, derived, own, module: len({base(1), base(1), base(2)}),
    lambda base, derived, own, module: (repr(own(1)), own(1) == own(2), hash(own(1))),
    lambda base, derived, own, module: base(),
    lambda base, derived, own, module: base(1, 2, 3),
    lambda base, derived, own, module: base(1, third=3),
    lambda base, derived, own, module: base(1, first=1),
    lambda base, derived, own, module: setattr(base(1), "first", 2),
    lambda base, derived, own, module: setattr(base(1), "other", 2),
    lambda base, derived, own, module: delattr(base(1), "first"),
    lambda base, derived, own, module: repr(module.replace(base(1), second="x")),
    lambda base, derived, own, module: repr(module.replace(derived(1, third=[3]), first=2)),
    lambda base, derived, own, module: module.replace(base(1), other=1),
    lambda base, derived, own, module: [one.name for one in module.fields(derived)],
    lambda base, derived, own, module: [one.name for one in module.fields(base(1))],
    lambda base, derived, own, module: (base.KIND, base.second, derived.second),
]


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("number", range(len(ACTIONS)))
def test_a_record_does_what_a_dataclass_does(number: int, frozen: bool) -> None:
    action = ACTIONS[number]
    theirs = outcome(lambda: action(*family(dataclasses, frozen=frozen), dataclasses))
    ours = outcome(lambda: action(*family(records, frozen=frozen), records))
    assert ours == theirs


@pytest.mark.parametrize("module", [dataclasses, records])
def test_a_mutable_default_is_a_mistake(module: Any) -> None:
    with pytest.raises(ValueError, match="use default_factory"):

        @module.dataclass(frozen=True)
        class Wrong:
            items: list[int] = []


def test_the_tool_starts_without_the_standard_library_s() -> None:
    import subprocess
    import sys
    from pathlib import Path

    code = (
        "import sys, cog.actions.debug, cog.actions.predict, cog.actions.target, cog.cli.main\n"
        "print(sorted({'dataclasses', 'inspect'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_pattern_does_what_a_compiled_one_does() -> None:
    ours, theirs = records.pattern(r"(?P<n>\d)x", re.IGNORECASE), re.compile(r"(?P<n>\d)x", re.IGNORECASE)
    assert ours.sub("-", "1X2x3") == theirs.sub("-", "1X2x3")
    assert [found["n"] for found in ours.finditer("1x2X")] == [found["n"] for found in theirs.finditer("1x2X")]
    assert (ours.pattern, ours.flags, ours.groupindex) == (theirs.pattern, theirs.flags, theirs.groupindex)
    assert ours.fullmatch("1xx") is None

"""What is wrong with a request, in the words and codes that clients of Cog already parse.

One function per kind of problem, so the sentences are written once; `InputInvalid` carries them
all and writes the 422 body.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

    Loc = Tuple[Union[str, int], ...]
    Problem = Dict[str, Any]

MOST = 1000  # a list of a million wrong items gets a list of the first thousand problems


class InputInvalid(Exception):
    """The request does not fit the model; `problems` says where and why."""

    def __init__(self, problems: List[Problem]) -> None:
        super().__init__("%d problem(s) in the request" % len(problems))
        self.problems = problems[:MOST]

    def body(self) -> bytes:
        from cog.runtime_stdlib.validation.echo import json_bytes  # not needed while all goes well

        return json_bytes({"detail": self.problems})


def problem(loc: Loc, msg: str, code: str, ctx: Optional[Dict[str, Any]] = None) -> Problem:
    found: Problem = {"loc": list(loc), "msg": msg, "type": code}
    if ctx is not None:
        found["ctx"] = ctx
    return found


def missing(loc: Loc) -> Problem:
    return problem(loc, "field required", "value_error.missing")


def null(loc: Loc) -> Problem:
    return problem(loc, "none is not an allowed value", "type_error.none.not_allowed")


def not_a_string(loc: Loc) -> Problem:
    return problem(loc, "str type expected", "type_error.str")


def not_an_integer(loc: Loc) -> Problem:
    return problem(loc, "value is not a valid integer", "type_error.integer")


def not_a_number(loc: Loc) -> Problem:
    return problem(loc, "value is not a valid float", "type_error.float")


def not_finite(loc: Loc) -> Problem:
    return problem(loc, "ensure this value is a finite number", "value_error.number.not_finite_number")


def not_a_bool(loc: Loc) -> Problem:
    return problem(loc, "value could not be parsed to a boolean", "type_error.bool")


def not_a_list(loc: Loc) -> Problem:
    return problem(loc, "value is not a valid list", "type_error.list")


def not_an_object(loc: Loc) -> Problem:
    return problem(loc, "value is not a valid dict", "type_error.dict")


def below(loc: Loc, limit: Any) -> Problem:
    return problem(
        loc,
        "ensure this value is greater than or equal to %s" % (limit,),
        "value_error.number.not_ge",
        {"limit_value": limit},
    )


def above(loc: Loc, limit: Any) -> Problem:
    return problem(
        loc,
        "ensure this value is less than or equal to %s" % (limit,),
        "value_error.number.not_le",
        {"limit_value": limit},
    )


def too_short(loc: Loc, limit: int) -> Problem:
    return problem(
        loc,
        "ensure this value has at least %d characters" % limit,
        "value_error.any_str.min_length",
        {"limit_value": limit},
    )


def too_long(loc: Loc, limit: int) -> Problem:
    return problem(
        loc,
        "ensure this value has at most %d characters" % limit,
        "value_error.any_str.max_length",
        {"limit_value": limit},
    )


def no_match(loc: Loc, pattern: str) -> Problem:
    return problem(loc, 'string does not match regex "%s"' % pattern, "value_error.str.regex", {"pattern": pattern})


def not_a_choice(loc: Loc, choices: Sequence[Any]) -> Problem:
    return problem(
        loc,
        "value is not a valid enumeration member; permitted: %s" % ", ".join(map(repr, choices)),
        "type_error.enum",
        {"enum_values": list(choices)},
    )


def not_an_option(loc: Loc, given: Any, permitted: Sequence[Any]) -> Problem:
    return problem(
        loc,
        "unexpected value; permitted: %s" % ", ".join(map(repr, permitted)),
        "value_error.const",
        {"given": given, "permitted": list(permitted)},
    )


def bad_file(loc: Loc, why: str) -> Problem:
    return problem(loc, why, "value_error")

"""What pydantic found, in the words of cog.yaml: which key, what belongs there, what to type.

pydantic says where and what kind; the wording comes from the shape table and from here.
"""

from __future__ import annotations

from pydantic import ValidationError

from . import shape
from .document import Number, nearest
from .models import CogYaml
from .problems import Problem, Source
from .rules import problem_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple

    from .problems import Where

__all__ = ["findings"]

# Keys of other releases that we do not have: why, and what to do instead.
REMOVED: Dict[Where, Tuple[str, str]] = {
    ("build", "fast"): (
        "it was an experiment that needed a proprietary base image",
        "remove it",
    ),
    ("build", "python_overrides"): (
        "it was an experiment and is gone again",
        "remove it; pin the versions in python_packages or python_requirements",
    ),
    ("weights",): (
        "managed weights are not supported",
        "remove it; `cog build --separate-weights` puts weights into a layer of their own",
    ),
    ("model",): (
        "managed weights are not supported",
        "remove it; use `image` to name the image",
    ),
}

_TOP = ("image", "predict", "train", "concurrency", "environment")


def findings(tree: object, source: Source) -> List[Problem]:
    """The problems of a tree that shape.accepts() refused; never empty."""
    try:
        CogYaml.validate(tree)
    except ValidationError as error:
        raw = [(tuple(entry["loc"]), entry["type"]) for entry in error.errors()]
    except TypeError:
        raw = [((), "type_error")]
    else:
        raise AssertionError("shape table and models disagree")
    # A wrong item of `run` is reported once per alternative (a mapping, a text). What is wrong
    # inside a mapping says enough; and one finding per place is enough.
    unique = dict(raw)
    return [
        _problem(where, kind, tree, source)
        for where, kind in unique.items()
        if not (kind.startswith("type_error") and isinstance(_value(tree, where), dict))
        or not any(len(other) > len(where) and other[: len(where)] == where for other in unique)
    ]


def _problem(where: Where, kind: str, tree: object, source: Source) -> Problem:
    if kind == "value_error.extra":
        return _unknown(where, source)
    if kind == "value_error.missing":
        return _missing(where, source)
    return _mistyped(where, _value(tree, where), source)


def _unknown(where: Where, source: Source) -> Problem:
    name, around = str(where[-1]), where[:-1]
    inside = f"in `{dotted(around)}`" if around else "at the top level"
    if where in REMOVED:
        why, fix = REMOVED[where]
        return problem_at(
            source,
            where,
            "removed-key",
            f"key `{name}` is not allowed {inside}: {why}",
            key=True,
            category="schema",
            fix=fix,
        )
    known = shape.known_keys(around)
    close = nearest(name, known)
    label, fix = "", f"allowed {inside}: {', '.join(sorted(known))}"
    if close is not None:
        label = f"did you mean `{close}`?"
    elif not around and name in shape.known_keys(("build",)):
        label = "this belongs inside `build`"
    elif around == ("build",) and name in _TOP:
        label = "this belongs at the top level, not inside `build`"
    if not label and not around:
        inner = nearest(name, shape.known_keys(("build",)))
        label = f"did you mean `{inner}` inside `build`?" if inner else ""
    return problem_at(
        source,
        where,
        "unknown-key",
        f"key `{name}` is not allowed {inside}",
        key=True,
        category="schema",
        label=label,
        fix=fix,
    )


def _missing(where: Where, source: Source) -> Problem:
    name = str(where[-1])
    words = shape.expected(where)
    example = {"max": "max: 2", "command": "command: make install", "type": "type: secret"}
    return problem_at(
        source,
        where[:-1],
        "missing-key",
        f"{dotted(where)} is required",
        key=True,
        category="schema",
        field=dotted(where),
        label=f"`{name}` is missing",
        fix=f"add `{example.get(name, f'{name}: ...')}` ({words})",
    )


def _mistyped(where: Where, value: object, source: Source) -> Problem:
    words = shape.expected(where)
    name = dotted(where) or source.path
    article = "" if words.startswith("`") else "an " if words[:1] in "aeiou" else "a "
    message = f"{name} must be {article}{words}, not {_described(value)}"
    return problem_at(
        source,
        where,
        "wrong-type",
        message,
        key=value is None and bool(where) and isinstance(where[-1], str),
        category="schema",
        fix=_remedy(where, value, words, source),
    )


def _remedy(where: Where, value: object, words: str, source: Source) -> str:
    written = source.mark(where)
    literal = ""
    if written is not None and not isinstance(value, (list, dict)):
        literal = source.line(written.line)[written.column - 1 :][: written.length].strip()
    name = str(where[-1]) if where and isinstance(where[-1], str) else ""
    if words.startswith("`"):
        return f"write {name}: {words.strip('`')}" if name else f"write {words}"
    if value is None:
        return "give a value or remove the line"
    if "string" in words and (isinstance(value, Number) or isinstance(value, bool)):
        return f'quote it: {name}: "{literal}"' if name else f'quote it: "{literal}"'
    if words == "boolean" and isinstance(value, str):
        plain = "true" if value.lower() in ("yes", "true", "on", "1", "y") else "false"
        return f"write {name}: {plain} (without quotes)"
    if words == "integer" and isinstance(value, str):
        return f"write a whole number without quotes, {name}: 2"
    if words == "list" and isinstance(value, str):
        return f"make it a list, one item per line, each beginning with `- `: - {literal}"
    if where == ("run",) and isinstance(value, list):
        return "commands go into `run` inside `build`; at the top level `run` is `predict`"
    if where == ("concurrency",):
        return "write `concurrency:` and below it, indented, `max: 2`"
    if not where:
        return "a cog.yaml is `key: value` lines; put a space after each colon"
    if isinstance(value, dict) and where[:2] == ("build", "python_packages") and len(value) == 1:
        ((package, version),) = value.items()
        return f"write - {package}=={version}" if isinstance(version, str) else ""
    if isinstance(value, dict) and "string" in words:
        return "a `: ` inside makes it a mapping; put quotes around the whole text"
    return ""


def _described(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Number):
        return f"the number {str(value)}"
    if isinstance(value, str):
        return f"the text {str(value)[:40]!r}"
    return "a list" if isinstance(value, list) else "a mapping"


def _value(tree: object, where: Where) -> object:
    for step in where:
        try:
            tree = tree[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def dotted(where: Where) -> str:
    return ".".join(str(step) for step in where)

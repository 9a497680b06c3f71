"""Inputs of the command line -> the `input` object of a request, typed by the model's schema.

Strategy: pure but for reading files, which goes through the `read` argument. First the shape of
the flags alone (`split`, before anything is built or started), then types and rules as soon as
the schema is known (`typed`), where every problem is collected before one error is raised.

When `@` means a file: for a file input always; for plain text when such a file exists, as 0.14.1
does; `@@` is a literal `@` at the beginning of a text.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from cog.actions.mediatypes import type_of
from cog.client import FileContent
from cog.errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

Json = object
Read = Callable[[str], bytes]

TRUE = ("true", "1", "yes", "on", "y", "t")
FALSE = ("false", "0", "no", "off", "n", "f")
DATA, WEB = "data:", ("http://", "https://")
IN_MEMORY = 1 << 20  # bytes of a file that are put into the request at once; a bigger one is read while it is sent
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class InputSyntax(CogError):
    """A -i that is not NAME=VALUE, or a --json that is not a JSON object."""

    code = "input-syntax"


class InputFile(CogError):
    code = "input-file"


class InputInvalid(CogError):
    """Inputs that the model does not take; all of them."""

    code = "input-invalid"

    def __init__(self, problems: Sequence[tuple[str, str]], *, command: str = "predict", fix: str = "") -> None:
        super().__init__(
            "the model does not take these inputs:\n" + "\n".join(f"- {name}: {text}" for name, text in problems),
            fix=fix or f"for example\ncog {command} -i blur=3.5\ncog {command} -i path=@image.jpg",
        )
        self.problems = tuple(problems)


class Problem(Exception):
    """Why one value does not fit; never leaves this module."""


def from_flags(
    flags: Sequence[str],
    properties: Mapping[str, Json],
    *,
    required: Iterable[str] = (),
    definitions: Optional[Mapping[str, Json]] = None,
    read: Optional[Read] = None,
    command: str = "predict",
) -> dict[str, Json]:
    """The `input` object for `-i` flags, given the properties of the model's Input component."""
    return typed(split(flags), Schema(properties, required, definitions or {}), read or read_file, command)


class Schema:
    """The inputs of a model: the Input (or TrainingInput) component and what it refers to."""

    def __init__(
        self, properties: Mapping[str, Json], required: Iterable[str], definitions: Mapping[str, Json]
    ) -> None:
        self.properties = properties
        self.required = tuple(required)
        self.definitions = definitions

    @classmethod
    def of(cls, document: Mapping[str, Json], component: str) -> Schema:
        """From an OpenAPI document."""
        definitions = _at(document, "components", "schemas")
        inputs = _at(definitions, component)
        required = inputs.get("required")
        return cls(_at(inputs, "properties"), required if isinstance(required, list) else (), definitions)

    def resolved(self, schema: Json) -> Mapping[str, Json]:
        """A schema without references and without wrappers that hold a single one."""
        for _ in range(20):  # a reference may lead to itself
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            wrapped = schema.get("allOf")
            if isinstance(reference, str):
                schema = self.definitions.get(reference.rpartition("/")[2], {})
            elif isinstance(wrapped, list) and len(wrapped) == 1:
                schema = wrapped[0]
            else:
                return schema
        return {}


def split(flags: Iterable[str]) -> dict[str, list[str]]:
    """NAME=VALUE texts -> the values of each name, in order."""
    pairs: dict[str, list[str]] = {}
    for flag in flags:
        name, equals, value = flag.partition("=")
        if not equals:
            raise InputSyntax(
                f"failed to parse input {flag!r}, expected name=value", fix=f"write -i name=value, as in -i prompt={flag}"
            )
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        pairs.setdefault(name, []).append(value)
    return pairs


def check_files(pairs: Mapping[str, Sequence[str]]) -> None:
    """Refuse files that are there and cannot be read, before anything is built."""
    for texts in pairs.values():
        for text in texts:
            path = _file_named(text)
            if path and os.path.exists(path):
                try:
                    with open(path, "rb"):
                        pass
                except OSError as error:
                    raise unreadable(path, error) from error


def typed(pairs: Mapping[str, Sequence[str]], schema: Schema, read: Read, command: str = "predict") -> dict[str, Json]:
    """Every value with the type that the model declares. Raises InputInvalid with all problems."""
    problems: list[tuple[str, str]] = []
    values: dict[str, Json] = {}
    for name, texts in pairs.items():
        if name not in schema.properties:
            problems.append((name, _unknown(name, schema.properties)))
            continue
        try:
            values[name] = _value(texts, schema.properties[name], schema, read)
        except Problem as problem:
            problems.append((name, f"{problem}"))
    problems += [(name, _MISSING) for name in schema.required if name not in pairs]
    if problems:
        raise InputInvalid(problems, command=command)
    return values


_MISSING = "missing required input"
_OBJECT = "write an object, as in --json '{\"prompt\": \"hello\"}'"


def from_json(text: str, *, read: Read, standard_input: Callable[[], str]) -> dict[str, Json]:
    """The object of --json: inline, @FILE, or - (also @-) for standard input."""
    where = "--json"
    if text in ("-", "@-"):
        text, where = standard_input(), "standard input"
    elif text.startswith("@"):
        where = text[1:]
        text = read(os.path.expanduser(where)).decode("utf-8-sig", "replace")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputSyntax(f"{where} is not JSON: {error}", fix=_OBJECT) from error
    if not isinstance(value, dict):
        raise InputSyntax(f"{where} is not a JSON object", fix=_OBJECT)
    return value


def with_files(values: Mapping[str, Json], schema: Schema, read: Read, command: str = "predict") -> dict[str, Json]:
    """The values of --json, files named in them put in their place."""
    problems = [(name, _unknown(name, schema.properties)) for name in values if name not in schema.properties]
    problems += [(name, _MISSING) for name in schema.required if name not in values]
    done: dict[str, Json] = {}
    for name, value in values.items():
        declared = schema.resolved(schema.properties.get(name, {}))
        try:
            done[name] = _filled(value, declared, schema, read)
        except Problem as problem:
            problems.append((name, f"{problem}"))
    if problems:
        raise InputInvalid(problems, command=command)
    return done


def read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: str, error: OSError) -> InputFile:
    return InputFile(
        f"the input file {path} cannot be read",
        why=error.strerror or str(error),
        fix="correct its name after the @; it is looked for from the current folder",
    )


def attached(path: str, read: Read) -> Json:
    """The content of a file as a data URL, or what becomes one while it is sent."""
    try:
        size = os.path.getsize(path) if os.path.isfile(path) else 0
        if size > IN_MEMORY:
            with open(path, "rb"):
                return FileContent(path, type_of(path), size)
    except OSError as error:
        raise unreadable(path, error) from error
    return f"data:{type_of(path)};base64,{base64.b64encode(read(path)).decode('ascii')}"


def bytes_of_files(texts: Iterable[str]) -> int:
    """How much the files named with @ among these texts have to say."""
    paths = [_file_named(text) for text in texts]
    return sum(os.path.getsize(path) for path in paths if path and os.path.isfile(path))


# --- one value -------------------------------------------------------------------------------


def _value(texts: Sequence[str], declared: Json, schema: Schema, read: Read) -> Json:
    resolved = schema.resolved(declared)
    if resolved.get("type") == "array":
        items = schema.resolved(resolved.get("items"))
        if len(texts) == 1:
            whole = _json_list(texts[0])
            if whole is not None:
                return [_filled(item, items, schema, read) for item in whole]
        return [_one(text, items, schema, read) for text in texts]
    members = _members(resolved)
    if len(texts) > 1:
        lists = [member for member in members if schema.resolved(member).get("type") == "array"]
        if lists:
            return _value(texts, lists[0], schema, read)
        if resolved and not (members == [] and "type" not in resolved):
            raise Problem(f"given {len(texts)} times, but it is not a list")
        return [_one(text, {}, schema, read) for text in texts]
    return _one(texts[0], resolved, schema, read)


def _one(text: str, declared: Mapping[str, Json], schema: Schema, read: Read) -> Json:
    members = _members(declared)
    if members:
        return _of_union(text, members, schema, read)
    if "enum" in declared:
        return _choice(text, declared)
    kind = declared.get("type")
    if kind == "boolean":
        return _boolean(text)
    if kind == "integer":
        if not _INTEGER.fullmatch(text.strip()):
            raise Problem(f"{text!r} is not a whole number")
        return _in_range(int(text), declared)
    if kind == "number":
        return _in_range(_number(text), declared)
    if kind == "object":
        return _object(text, read)
    if kind == "array":
        return _value([text], declared, schema, read)
    if kind == "string" and declared.get("format") == "uri":
        return _file(text, read)
    return _text(text, declared, read, unknown=kind is None)


def _of_union(text: str, members: Sequence[Mapping[str, Json]], schema: Schema, read: Read) -> Json:
    """The first member that takes the text; plain text last, since it takes everything."""
    resolved = [schema.resolved(member) for member in members]
    plain = [member for member in resolved if member.get("type") == "string" and member.get("format") != "uri"]
    reasons = []
    for member in [member for member in resolved if member not in plain] + plain:
        try:
            return _one(text, member, schema, read)
        except Problem as problem:
            reasons.append(str(problem))
    raise Problem("; ".join(reasons) or f"{text!r} fits nothing that is declared")


def _choice(text: str, declared: Mapping[str, Json]) -> Json:
    options = declared["enum"]
    assert isinstance(options, list)
    for option in options:
        if option == text or (not isinstance(option, str) and json.dumps(option) == text):
            return option
    names = [str(option) for option in options]
    hint = f"; did you mean {match}?" if (match := _nearest(text, names)) else ""
    raise Problem(f"{text!r} is not one of {', '.join(map(repr, options))}{hint}")


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise Problem(f"{text!r} is neither true nor false")


def _number(text: str) -> Json:
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        value = float(text)
        if value not in (float("inf"), float("-inf")):
            return value
    raise Problem(f"{text!r} is not a number")


def _in_range(value: Json, declared: Mapping[str, Json]) -> Json:
    assert isinstance(value, (int, float))
    low, high = declared.get("minimum"), declared.get("maximum")
    if isinstance(low, (int, float)) and value < low:
        raise Problem(f"{value} is too small: it must be at least {low:g}")
    if isinstance(high, (int, float)) and value > high:
        raise Problem(f"{value} is too large: it must be at most {high:g}")
    return value


def _object(text: str, read: Read) -> Json:
    path = _file_named(text)
    if path:
        text = read(path).decode("utf-8-sig", "replace")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Problem(f"a JSON object is expected, and this is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Problem("a JSON object is expected")
    return value


def _file(text: str, read: Read) -> Json:
    path = _file_named(text)
    if path:
        return attached(path, read)
    if text.lower().startswith((DATA, *WEB)):
        return text
    raise Problem(f"{text!r} is not a URL; for a file of this machine write @ before its name: @{text}")


def _text(text: str, declared: Mapping[str, Json], read: Read, *, unknown: bool) -> Json:
    path = _file_named(text)
    if path and (unknown or os.path.isfile(path)):
        return attached(path, read)
    if text.startswith("@@"):
        text = text[1:]
    shortest, longest, pattern = declared.get("minLength"), declared.get("maxLength"), declared.get("pattern")
    if isinstance(shortest, int) and len(text) < shortest:
        raise Problem(f"too short: it must have at least {shortest} characters")
    if isinstance(longest, int) and len(text) > longest:
        raise Problem(f"too long: it must have at most {longest} characters")
    if isinstance(pattern, str) and not _matches(pattern, text):
        raise Problem(f"it does not match the pattern {pattern}")
    return text


def _filled(value: Json, declared: Mapping[str, Json], schema: Schema, read: Read) -> Json:
    """A JSON value with the files that it names as @FILE in their place."""
    if isinstance(value, str):
        path = _file_named(value)
        takes_files = declared.get("format") == "uri" or "type" not in declared
        if path and (takes_files or os.path.isfile(path)):
            return attached(path, read)
        return value[1:] if value.startswith("@@") else value
    if isinstance(value, list):
        items = schema.resolved(declared.get("items"))
        return [_filled(item, items, schema, read) for item in value]
    return value


def _members(declared: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    for key in ("anyOf", "oneOf"):
        members = declared.get(key)
        if isinstance(members, list):
            return [member for member in members if isinstance(member, dict) and member.get("type") != "null"]
    return []


def _json_list(text: str) -> Optional[list[Json]]:
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def _file_named(text: str) -> str:
    """The path that a text names with `@`, or ""."""
    if not text.startswith("@") or text.startswith("@@") or text == "@":
        return ""
    return os.path.expanduser(text[1:])


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.match(pattern, text) is not None
    except re.error:
        return True  # the server will say


def _unknown(name: str, properties: Mapping[str, Json]) -> str:
    if not properties:
        return "unknown input: the model takes none"
    names = ", ".join(properties)
    match = _nearest(name, list(properties))
    return f"unknown input; did you mean {match}? The inputs are: {names}" if match else (
        f"unknown input; the inputs are: {names}"
    )


def _nearest(word: str, known: Sequence[str]) -> str:
    import difflib  # only when something is wrong

    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else ""


def _at(document: Mapping[str, Json], *keys: str) -> Mapping[str, Json]:
    for key in keys:
        value = document.get(key)
        document = value if isinstance(value, dict) else {}
    return document

"""Input values: from what JSON says to what the annotation promises.

Strategy: `compile_input` turns one InputSpec into one function, once per model; a request then
only runs it. A checker gets the value, its place, and two lists to append to: problems found and
leaves (files to fetch, secrets to wrap). It returns the coerced value; when it has appended a
problem the returned value does not matter. The coercions are those users of the reference rely on:
numbers become text, text becomes numbers, 2.9 becomes 2.

Long uniform lists are looked at as a whole first (one pass in C over the types), because a loop
of calls costs thirty times as much.
"""

from __future__ import annotations

from cog.runtime_stdlib.validation import problems as p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Tuple

    from cog.runtime_stdlib.schema.spec import InputSpec, Shape
    from cog.runtime_stdlib.validation.problems import Loc, Problem

    Check = Callable[[Any, Loc, List[Problem], List["Leaf"]], Any]

TRUE = frozenset(["1", "on", "t", "true", "y", "yes"])
FALSE = frozenset(["0", "off", "f", "false", "n", "no"])
LONGEST_NUMBER = 4300  # digits; int() of more takes time that grows with the square
FILE_SCHEMES = ("data", "http", "https")
BAD_SCHEME = "%r is not a valid URL scheme. 'data', 'http', or 'https' is supported."
LEAFY = frozenset(["path", "file", "secret"])


class Leaf:
    """A place in the values that something must be built for: a file to fetch or a secret."""

    __slots__ = ("kind", "source", "where")

    def __init__(self, where: Loc, kind: str, source: Any) -> None:
        self.where = where  # ("image",) or ("images", 3)
        self.kind = kind  # "path", "file" or "secret"
        self.source = source  # a URL, or a Blob; None for secrets

    def __repr__(self) -> str:
        return "Leaf(%r, %r)" % (self.where, self.kind)


def as_text(value: Any) -> Any:
    """A long data URL that was left on disk, as text; anything else as it is."""
    read = getattr(value, "text", None)
    return value if read is None else read()


def check_str(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        if value - value != 0:
            problems.append(p.not_finite(loc))
        return str(value)
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError:  # more digits than Python will write
            problems.append(p.not_a_string(loc))
            return ""
    if value is None:
        problems.append(p.null(loc))
    elif hasattr(value, "text"):
        return value.text()
    else:
        problems.append(p.not_a_string(loc))
    return ""


def check_int(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    if type(value) is int:
        return value
    if value is None:
        problems.append(p.null(loc))
        return 0
    if isinstance(value, (int, float)) or (isinstance(value, str) and len(value) <= LONGEST_NUMBER):
        try:
            return int(value)
        except (ValueError, OverflowError):
            pass
    problems.append(p.not_an_integer(loc))
    return 0


def check_float(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    if isinstance(value, (float, int)) or isinstance(value, str):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    problems.append(p.null(loc) if value is None else p.not_a_number(loc))
    return 0.0


def check_finite(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    """A number; NaN and infinity only when they are spelt out as text, since JSON has neither."""
    number = check_float(value, loc, problems, leaves)
    if number - number != 0 and isinstance(value, float):
        problems.append(p.not_finite(loc))
    return number


def check_bool(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    if value is True or value is False:
        return value
    if value is None:
        problems.append(p.null(loc))
        return False
    if isinstance(value, str):
        if len(value) <= 5:
            word = value.lower()
            if word in TRUE:
                return True
            if word in FALSE:
                return False
    elif isinstance(value, (int, float)):
        if value == 1:
            return True
        if value == 0:
            return False
    problems.append(p.not_a_bool(loc))
    return False


def check_any(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    """Anything that JSON can say."""
    if isinstance(value, (str, int)) or value is None:
        return value
    if isinstance(value, float):
        if value - value != 0:
            problems.append(p.not_finite(loc))
        return value
    if isinstance(value, list):
        return [check_any(item, loc + (i,), problems, leaves) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: check_any(item, loc + (key,), problems, leaves) for key, item in value.items()}
    return as_text(value)


def check_none(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    if value is not None:
        problems.append(p.problem(loc, "value is not none", "type_error.not_none"))
    return None


def scheme_of(url: str) -> str:
    """The scheme, in lower case, by the grammar of RFC 3986; empty when there is none."""
    head, colon, _ = url[:64].lstrip().partition(":")
    if not colon or not head[:1].isalpha() or not head.isascii():
        return ""
    return head.lower() if head.replace("+", "a").replace("-", "a").replace(".", "a").isalnum() else ""


def file_check(kind: str) -> Check:
    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        if isinstance(value, str):
            scheme = scheme_of(value)
            if scheme not in FILE_SCHEMES:
                problems.append(p.bad_file(loc, BAD_SCHEME % scheme))
            elif scheme == "data" and "," not in value:
                problems.append(p.bad_file(loc, "a data URL needs a comma between its type and its data"))
            else:
                leaves.append(Leaf(loc[2:], kind, value.strip()))
        elif value is None:
            problems.append(p.null(loc))
        elif hasattr(value, "head"):  # a data URL too long to be in memory
            leaves.append(Leaf(loc[2:], kind, value))
        else:
            problems.append(p.not_a_string(loc))
        return None

    return check


def check_secret(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
    found = len(problems)
    text = check_str(value, loc, problems, leaves)
    if len(problems) == found:
        leaves.append(Leaf(loc[2:], "secret", None))
    return text


def literal_check(options: Tuple[Any, ...]) -> Check:
    permitted = {}
    for option in options:
        permitted[option] = option

    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        try:
            return permitted[value]
        except (KeyError, TypeError):
            if value is None:
                problems.append(p.null(loc))
            else:
                problems.append(p.not_an_option(loc, as_text(value), options))
            return None

    return check


def choice_check(first: Check, choices: Tuple[Any, ...], *, exact: bool) -> Check:
    permitted = {}
    for choice in choices:
        permitted[choice] = choice

    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        if value is None:
            problems.append(p.null(loc))
            return None
        if not exact:  # numbers are coerced before they are looked up, text is not
            found = len(problems)
            value = first(value, loc, problems, leaves)
            if len(problems) > found:
                return None
        elif not isinstance(value, str):
            problems.append(p.not_a_choice(loc, choices))
            return None
        try:
            return permitted[value]
        except KeyError:
            problems.append(p.not_a_choice(loc, choices))
            return None

    return check


def limited_number(first: Check, ge: Any, le: Any) -> Check:
    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        found = len(problems)
        number = first(value, loc, problems, leaves)
        if len(problems) > found:
            return number
        if ge is not None and not number >= ge:  # this way round, NaN fails
            problems.append(p.below(loc, ge))
        elif le is not None and not number <= le:
            problems.append(p.above(loc, le))
        elif number - number != 0 and isinstance(value, float):
            problems.append(p.not_finite(loc))
        return number

    return check


def limited_text(first: Check, least: Optional[int], most: Optional[int], pattern: Optional[str]) -> Check:
    match: List[Callable[[str], Any]] = []

    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        found = len(problems)
        text = first(value, loc, problems, leaves)
        if len(problems) > found:
            return text
        if least is not None and len(text) < least:
            problems.append(p.too_short(loc, least))
        elif most is not None and len(text) > most:
            problems.append(p.too_long(loc, most))
        elif pattern is not None:
            if not match:
                import re  # only models with a pattern pay for it

                match.append(re.compile(pattern).match)
            if match[0](text) is None:
                problems.append(p.no_match(loc, pattern))
        return text

    return check


def list_check(item: Check, kind: str, *, limited: bool, ge: Any, le: Any) -> Check:
    """A list; `kind` names what the items are when a whole list of them can be judged at once."""
    wanted = {"str": str, "int": int, "float": float, "bool": bool}.get(kind)
    ranged = ge is not None or le is not None

    def whole(value: List[Any]) -> bool:
        if set(map(type, value)) != {wanted}:
            return False
        if wanted is float:
            total = sum(value)
            if total - total != 0:  # perhaps a NaN among them; perhaps only a large sum
                return False
        if ranged:
            return (ge is None or min(value) >= ge) and (le is None or max(value) <= le)
        return True

    judge = whole if wanted is not None and (not limited or kind in ("int", "float")) else None

    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        if not isinstance(value, list):
            problems.append(p.null(loc) if value is None else p.not_a_list(loc))
            return []
        if judge is not None and judge(value):
            return value
        return [item(one, loc + (i,), problems, leaves) for i, one in enumerate(value)]

    return check


def dict_check(item: Check) -> Check:
    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        if not isinstance(value, dict):
            problems.append(p.null(loc) if value is None else p.not_an_object(loc))
            return {}
        return {key: item(one, loc + (key,), problems, leaves) for key, one in value.items()}

    return check


def object_check(fields: Tuple[Tuple[str, bool, Check], ...]) -> Check:
    """A TypedDict: its keys are checked, others are handed on."""

    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        if not isinstance(value, dict):
            problems.append(p.null(loc) if value is None else p.not_an_object(loc))
            return {}
        result = {key: check_any(one, loc + (key,), [], leaves) for key, one in value.items()}
        for name, required, one in fields:
            if name in value:
                result[name] = one(value[name], loc + (name,), problems, leaves)
            elif required:
                problems.append(p.missing(loc + (name,)))
        return result

    return check


def opaque_check(is_list: bool) -> Check:
    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        if is_list:
            if not isinstance(value, list):
                problems.append(p.null(loc) if value is None else p.not_a_list(loc))
                return []
        elif not isinstance(value, dict):
            problems.append(p.null(loc) if value is None else p.not_an_object(loc))
            return {}
        return check_any(value, loc, problems, leaves)

    return check


def union_check(members: Tuple[Check, ...]) -> Check:
    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        if value is None:
            problems.append(p.null(loc))
            return None
        found, held = len(problems), len(leaves)
        for member in members:
            before = len(problems)
            result = member(value, loc, problems, leaves)
            if len(problems) == before:
                del problems[found:]  # what the members before it disliked
                return result
            del leaves[held:]
        return None

    return check


def json_union_check(members: Tuple[Tuple[str, Check], ...]) -> Check:
    """A union of JSON types with objects among them: the member of the value's own kind wins."""
    ranks = {bool: ("bool",), int: ("int", "float"), float: ("float",), str: ("str",), list: ("list",)}
    plain = union_check(tuple([check for _, check in members]))

    def check(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        for wanted in ranks.get(type(value), ("dict", "object", "opaque")):
            fitting = [check for kind, check in members if kind == wanted]
            if fitting:
                return union_check(tuple(fitting))(value, loc, problems, leaves)
        return plain(value, loc, problems, leaves)

    return check


def optional(check: Check) -> Check:
    def checked(value: Any, loc: Loc, problems: List[Problem], leaves: List[Leaf]) -> Any:
        return None if value is None else check(value, loc, problems, leaves)

    return checked


def compile_shape(shape: Shape, limits: InputSpec) -> Check:
    check = _compile(shape, limits)
    return optional(check) if shape.nullable else check


def _compile(shape: Shape, limits: InputSpec) -> Check:
    kind = shape.kind
    if kind == "str":
        return _texts(check_str, limits)
    if kind == "int":
        return limited_number(check_int, limits.ge, limits.le) if _ranged(limits) else check_int
    if kind == "float":
        return limited_number(check_float, limits.ge, limits.le) if _ranged(limits) else check_finite
    if kind == "bool":
        return check_bool
    if kind in ("path", "file"):
        return file_check(kind)
    if kind == "secret":
        return _texts(check_secret, limits)
    if kind == "literal":
        return literal_check(shape.options)
    if kind == "list":
        inner = shape.args[0]
        limited = (_ranged(limits) and inner.kind in ("int", "float")) or (_measured(limits) and inner.kind == "str")
        judged = "" if inner.nullable else inner.kind
        return list_check(compile_shape(inner, limits), judged, limited=limited, ge=limits.ge, le=limits.le)
    if kind == "union":
        members = tuple([(member.kind, compile_shape(member, limits)) for member in shape.args])
        if any(name in ("dict", "object", "opaque", "any") for name, _ in members):
            return json_union_check(members)
        return union_check(tuple([check for _, check in members]))
    if kind == "dict":
        return dict_check(compile_shape(shape.args[0], limits) if shape.args else check_any)
    if kind == "object":
        return object_check(tuple([(f.name, f.required, compile_shape(f.shape, limits)) for f in shape.fields]))
    if kind == "opaque":
        return opaque_check(bool(shape.args))
    if kind == "none":
        return check_none
    return check_any


def _ranged(limits: InputSpec) -> bool:
    return limits.ge is not None or limits.le is not None


def _measured(limits: InputSpec) -> bool:
    return limits.min_length is not None or limits.max_length is not None or limits.regex is not None


def _texts(first: Check, limits: InputSpec) -> Check:
    if not _measured(limits):
        return first
    return limited_text(first, limits.min_length, limits.max_length, limits.regex)


def compile_input(spec: InputSpec) -> Check:
    if spec.choices is None:
        return compile_shape(spec.shape, spec)
    exact = spec.shape.kind == "str"
    check = choice_check(check_str if exact else check_int, spec.choices, exact=exact)
    return optional(check) if spec.shape.nullable else check


def is_leafy(shape: Shape) -> bool:
    """Whether values of this shape can hold files or secrets."""
    return (
        shape.kind in LEAFY
        or any([is_leafy(arg) for arg in shape.args])
        or any([is_leafy(field.shape) for field in shape.fields])
    )


def exact_type(spec: InputSpec) -> Optional[type]:
    """The type whose every value is fine as it is, for the shortest way through; None: look closer."""
    if spec.choices is not None or spec.shape.nullable:
        return None
    kind = spec.shape.kind
    if kind == "str" and not _measured(spec):
        return str
    if kind == "int" and not _ranged(spec):
        return int
    return bool if kind == "bool" else None

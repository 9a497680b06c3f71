"""A whole request body to a PredictionRequest, or to every problem there is with it.

Strategy: the inputs are checked by a function compiled once per Spec (`Inputs`); the envelope
(id, webhook ...) is looked at only when the body has more than `input`, which most do not.
"""

from __future__ import annotations

from cog.runtime_stdlib.schema.spec import MISSING
from cog.runtime_stdlib.validation import problems as p
from cog.runtime_stdlib.validation.echo import (
    LONGEST_DATA_URL,
    MASK,
    cut,
    cut_everywhere,
    json_bytes,
    json_text,
)
from cog.runtime_stdlib.validation.problems import InputInvalid
from cog.runtime_stdlib.validation.values import (
    Leaf,
    as_text,
    check_str,
    compile_input,
    exact_type,
    is_leafy,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, FrozenSet, List, Optional, Tuple

    from cog.runtime_stdlib.schema.spec import InputSpec, Shape, Spec
    from cog.runtime_stdlib.validation.problems import Loc, Problem

EVENTS = ("start", "output", "logs", "completed")
ALL_EVENTS = frozenset(EVENTS)
NO_LEAVES: Tuple[Leaf, ...] = ()
LONGEST_WEBHOOK = 65536


class NoBody:
    """The type of NO_BODY: the request had none."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_BODY"


NO_BODY = NoBody()
NOTHING: Dict[str, Any] = {}


class PredictionRequest:
    """A request that fits the model."""

    __slots__ = (
        "context",
        "created_at",
        "echo",
        "id",
        "leaves",
        "output_file_prefix",
        "values",
        "webhook",
        "webhook_events_filter",
    )

    def __init__(
        self,
        id: Optional[str],
        values: Dict[str, Any],
        leaves: Tuple[Leaf, ...],
        echo: bytes,
        created_at: Optional[str] = None,
        output_file_prefix: Optional[str] = None,
        webhook: Optional[str] = None,
        webhook_events_filter: FrozenSet[str] = ALL_EVENTS,
        context: Optional[Dict[str, str]] = None,
    ) -> None:
        self.id = id
        self.values = values  # only what was given, coerced; the worker has the defaults
        self.leaves = leaves  # a file leaf is None in `values`, a secret leaf its text
        self.echo = echo  # `input` as answers show it: JSON, with defaults, secrets masked
        self.created_at = created_at
        self.output_file_prefix = output_file_prefix
        self.webhook = webhook
        self.webhook_events_filter = webhook_events_filter
        self.context = {} if context is None else context


class Inputs:
    """The compiled checks of one Spec."""

    __slots__ = ("_defaults", "_fields", "_shapes")

    def __init__(self, spec: Spec) -> None:
        self._fields = tuple(
            [
                (
                    item.name,
                    exact_type(item),
                    compile_input(item),
                    item.required,
                    item.nullable,
                    is_leafy(item.shape),
                    ("body", "input", item.name),
                )
                for item in spec.inputs
            ]
        )
        # In declaration order, required ones as placeholders: a copy of it becomes the echo.
        self._defaults: Dict[str, Any] = {item.name: None if item.required else shown_default(item) for item in spec.inputs}

    def __call__(
        self, raw: Dict[str, Any], found: List[Problem], full_echo: bool
    ) -> Tuple[Dict[str, Any], Tuple[Leaf, ...], bytes]:
        values: Dict[str, Any] = {}
        echo = self._defaults.copy()
        leaves: List[Leaf] = []
        for name, exact, check, required, nullable, leafy, loc in self._fields:
            value = raw.get(name, MISSING)
            if type(value) is exact:
                values[name] = echo[name] = value
            elif value is MISSING:
                if required:
                    found.append(p.missing(loc))
            elif value is None and nullable:
                values[name] = echo[name] = None
            elif leafy:
                held = len(leaves)
                values[name] = value = check(value, loc, found, leaves)
                echo[name] = echo_of(value, leaves[held:], full_echo)
            else:
                values[name] = echo[name] = check(value, loc, found, leaves)
        if found:
            return values, NO_LEAVES, b""
        try:
            text = json_text(echo)
            if len(text) > LONGEST_DATA_URL and not full_echo and ("data:" in text or "DATA:" in text):
                text = json_text({name: cut_everywhere(value) for name, value in echo.items()})
            return values, tuple(leaves) if leaves else NO_LEAVES, text.encode()
        except ValueError:  # NaN, or half a surrogate pair
            if not full_echo:
                echo = {name: cut_everywhere(value) for name, value in echo.items()}
            return values, tuple(leaves), json_bytes(echo)


def shown_default(item: InputSpec) -> Any:
    """A default as the echo shows it: secrets never."""
    if item.default is MISSING:
        return None
    return masked(item.default, item.shape)


def masked(value: Any, shape: Shape) -> Any:
    if shape.kind == "secret":
        return MASK if value else value
    if shape.kind == "list" and isinstance(value, list):
        return [masked(one, shape.args[0]) for one in value]
    if shape.kind == "dict" and shape.args and isinstance(value, dict):
        return {key: masked(one, shape.args[0]) for key, one in value.items()}
    if shape.kind == "union" and any([arg.kind == "secret" for arg in shape.args]):
        return MASK if isinstance(value, str) and value else value
    return value


def echo_of(value: Any, leaves: List[Leaf], full_echo: bool) -> Any:
    """What the answer shows for a value with files and secrets in it."""
    if not leaves:
        return value
    value = copied(value)
    for leaf in leaves:
        inside = leaf.where[1:]
        shown: Any
        if leaf.kind == "secret":
            secret = value
            for step in inside:
                secret = secret[step]
            shown = MASK if secret else ""
        elif isinstance(leaf.source, str):
            shown = leaf.source if full_echo else cut(leaf.source)
        else:
            shown = leaf.source.text() if full_echo else leaf.source.head + "..."
        if not inside:
            return shown
        holder = value
        for step in inside[:-1]:
            holder = holder[step]
        holder[inside[-1]] = shown
    return value


def copied(value: Any) -> Any:
    if isinstance(value, list):
        return [copied(item) for item in value]
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return value


def check_prediction(
    spec: Spec,
    document: Any,
    path_id: Optional[str] = None,
    *,
    body_missing: bool = False,
    put: bool = False,
    full_echo: bool = False,
) -> PredictionRequest:
    """The request that this body makes to this model; raises InputInvalid with all problems."""
    inputs = spec.checker
    if inputs is None:
        inputs = spec.checker = Inputs(spec)
    found: List[Problem] = []
    if type(document) is dict:
        raw = document.get("input")
        if type(raw) is dict and len(document) == 1:  # the common body: nothing but inputs
            values, leaves, echo = inputs(raw, found, full_echo)
            if found:
                raise InputInvalid(found)
            return PredictionRequest(path_id, values, leaves, echo)
    elif body_missing or document is None or document is NO_BODY:
        if put:
            raise InputInvalid([p.missing(("body",))])
        document, raw = NOTHING, None
    else:
        raise InputInvalid([p.not_an_object(("body",))])

    if raw is None:  # defaults apply; the echo shows them when there was no body at all
        values, leaves, echo = inputs({}, found, full_echo)
        if document is not NOTHING:
            echo = b"{}"
    elif isinstance(raw, dict):
        values, leaves, echo = inputs(raw, found, full_echo)
    else:
        values, leaves, echo = {}, NO_LEAVES, b"{}"
        found.append(p.not_an_object(("body", "input")))
    request = PredictionRequest(path_id, values, leaves, echo)
    envelope(document, request, found, "training" if spec.mode == "train" else "prediction")
    if found:
        raise InputInvalid(found)
    return request


def envelope(document: Dict[str, Any], request: PredictionRequest, found: List[Problem], what: str) -> None:
    """Everything beside `input`, in the order of the reference's own record."""
    given_id = text_field(document, "id", found)
    if given_id is not None:
        if request.id is not None and given_id != request.id:
            why = "%s ID must match the ID supplied in the URL" % what
            found.append(p.problem(("body", "id"), why, "value_error"))
        request.id = given_id
    created_at = as_text(document.get("created_at"))
    if created_at is not None:
        request.created_at = check_time(created_at, found)
    request.output_file_prefix = text_field(document, "output_file_prefix", found)
    webhook = text_field(document, "webhook", found)
    if webhook is not None:
        check_url(webhook, found)
        request.webhook = webhook
    events = document.get("webhook_events_filter")
    if events is not None:
        request.webhook_events_filter = check_events(events, found)
    context = document.get("context")
    if context is not None:
        request.context = check_context(context, found) or {}


def text_field(document: Dict[str, Any], name: str, found: List[Problem]) -> Optional[str]:
    value = document.get(name)
    if value is None or type(value) is str:
        return value
    problems: List[Problem] = []
    text: str = check_str(value, ("body", name), problems, [])
    found.extend(problems)
    return None if problems else text


# Beyond it no unit makes sense any more, and what is infinite stays so however often it is divided.
LARGEST_TIME = 3e20


def check_time(value: Any, found: List[Problem]) -> Optional[str]:
    """ISO 8601 or a Unix timestamp (in seconds, or milliseconds when it is that large)."""
    import datetime  # few requests have a created_at; only they pay for these two
    import re

    loc = ("body", "created_at")
    if not isinstance(value, (str, int, float)):
        why = "invalid type; expected datetime, string, bytes, int or float"
        found.append(p.problem(loc, why, "type_error"))
        return None
    seconds: Optional[float]
    try:
        seconds = float(value)
    except OverflowError:  # an integer
        seconds = float("inf" if isinstance(value, int) and value > 0 else "-inf")
    except ValueError:
        seconds = None
    if seconds is not None:
        if abs(seconds) > LARGEST_TIME:
            return (datetime.datetime.max if seconds > 0 else datetime.datetime.min).isoformat()
        try:
            while abs(seconds) > 2e10:
                seconds /= 1000
            epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
            return (epoch + datetime.timedelta(seconds=seconds)).isoformat()
        except (ValueError, OverflowError):
            value = ""
    match = re.match(
        r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d{0,6})?)?"
        r"(Z|[+-]\d{2}(?::?\d{2})?)?$",
        str(value),
        re.ASCII,
    )
    try:
        if match is None:
            raise ValueError
        year, month, day, hour, minute = map(int, match.group(1, 2, 3, 4, 5))
        second = int(match[6] or 0)
        micro = int((match[7] or "0").ljust(6, "0"))
        zone = None
        if match[8] == "Z":
            zone = datetime.timezone.utc
        elif match[8]:
            minutes = int(match[8][1:3]) * 60 + int(match[8][3:].lstrip(":") or 0)
            zone = datetime.timezone(datetime.timedelta(minutes=-minutes if match[8][0] == "-" else minutes))
        return datetime.datetime(year, month, day, hour, minute, second, micro, zone).isoformat()
    except ValueError:
        found.append(p.problem(loc, "invalid datetime format", "value_error.datetime"))
        return None


def check_url(url: str, found: List[Problem]) -> None:
    loc = ("body", "webhook")
    if not url:
        found.append(p.too_short(loc, 1))
    elif len(url) > LONGEST_WEBHOOK:
        found.append(p.too_long(loc, LONGEST_WEBHOOK))
    else:
        scheme, mark, rest = url.strip().partition("://")
        word = scheme.replace("+", "").replace("-", "").replace(".", "")
        if not mark or not word.isalnum() or not word.isascii() or not scheme[:1].isalpha():
            found.append(p.problem(loc, "invalid or missing URL scheme", "value_error.url.scheme"))
        elif not host_of(rest):
            found.append(p.problem(loc, "URL host invalid", "value_error.url.host"))


def host_of(rest: str) -> str:
    for end in "/?#":
        rest = rest.partition(end)[0]
    host = rest.rpartition("@")[2]
    if not host.startswith("["):
        host = host.partition(":")[0]
    return "" if any([mark in host for mark in ' \t\r\n"<>\\^`{|}']) else host


def check_events(value: Any, found: List[Problem]) -> FrozenSet[str]:
    loc: Loc = ("body", "webhook_events_filter")
    if not isinstance(value, list):
        found.append(p.not_a_list(loc))
        return ALL_EVENTS
    for i, event in enumerate(value):
        if event is None:
            found.append(p.null(loc + (i,)))
        elif not isinstance(event, str) or event not in ALL_EVENTS:
            found.append(p.not_a_choice(loc + (i,), EVENTS))
    return frozenset([event for event in value if isinstance(event, str)]) or ALL_EVENTS


def check_context(value: Any, found: List[Problem]) -> Optional[Dict[str, str]]:
    """The newest releases' `context`: an object of texts that the model reads from its scope."""
    loc: Loc = ("body", "context")
    if not isinstance(value, dict):
        found.append(p.not_an_object(loc))
        return None
    return {key: check_str(item, loc + (key,), found, []) for key, item in value.items()}

"""Values to compact JSON bytes, and the echo of `input` in answers.

Strategy: the C encoder of json, made once; what it refuses (not-a-number, half a surrogate pair)
is repaired and tried again, so the ordinary request pays nothing for them.
"""

from __future__ import annotations

c_json: Any = None
try:
    import _json  # the C half alone: `json` would import `re`

    c_json = _json
except ImportError:  # an interpreter without it
    pass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

LONGEST_DATA_URL = 16 * 1024  # decided: longer ones are cut after their media type in the echo
MASK = "**********"


def _refuse(value: object) -> Any:
    raise TypeError("%s is not JSON" % type(value).__name__)


def _make_encoder() -> Callable[[Any], str]:
    if c_json is None:
        from json import JSONEncoder  # where there is no C half

        return JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    arguments = (None, _refuse, c_json.encode_basestring, None, ":", ",", False, False, False)
    encode = c_json.make_encoder(*arguments)
    join = "".join

    def text(value: Any) -> str:
        return join(encode(value, 0))

    return text


json_text: Callable[[Any], str] = _make_encoder()


def json_bytes(value: Any) -> bytes:
    try:
        return json_text(value).encode()
    except UnicodeEncodeError:  # half a surrogate pair cannot be UTF-8, but \\u can say it
        import json  # rare

        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        return json_bytes(without_nan(value))


def without_nan(value: Any) -> Any:
    """A copy in which numbers that JSON cannot say are null."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return value


def cut(source: str) -> str:
    """A file source as the echo shows it: `data:image/png;base64,...`."""
    if len(source) > LONGEST_DATA_URL and source[:5].lower() == "data:":
        comma = source.find(",", 0, LONGEST_DATA_URL)
        return source[: comma + 1] + "..." if comma >= 0 else source[:64] + "..."
    return source


def cut_everywhere(value: Any) -> Any:
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, list):
        return [cut_everywhere(item) for item in value]
    if isinstance(value, dict):
        return {key: cut_everywhere(item) for key, item in value.items()}
    return value

"""Every bound of the HTTP server, in one place: what it is called, its default, how to change it.

Strategy: one table drives the attributes, the command-line flags, the environment variables and (through a test)
docs/limits.md, so none of them can be forgotten. Sizes are whole numbers of bytes, times are seconds.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Mapping, Tuple, Union

__all__ = ["LIMITS", "Limits", "amount", "from_environment", "size", "variable"]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

# Attribute, default, what it bounds. The flag is --attribute-with-dashes, the variable COG_ATTRIBUTE. A default that is
# an int is a size or a number, a float is a time.
LIMITS: Tuple[Tuple[str, Union[int, float], str], ...] = (
    ("max_request_line", 8 * KIB, "bytes in the request line"),
    ("max_header_size", 32 * KIB, "bytes in the request line and all header fields together"),
    ("max_header_fields", 100, "header fields in a request"),
    ("max_body_size", 1 * GIB, "bytes in a request body"),
    ("max_body_memory", 1 * MIB, "bytes of a request body kept in memory; a longer one goes to a file"),
    ("max_json_depth", 200, "arrays and objects inside one another in a request body"),
    ("keep_alive_timeout", 75.0, "seconds a connection may be idle between two requests"),
    ("header_timeout", 10.0, "seconds a request header may take, and a new connection to begin one"),
    ("body_timeout", 30.0, "seconds without a byte of the body, and the time before body_rate counts"),
    ("body_rate", 1 * KIB, "bytes per second that a body must reach on average after body_timeout"),
    ("reply_timeout", 30.0, "seconds a client may stop reading, and the time before reply_rate counts"),
    ("reply_rate", 1 * KIB, "bytes per second a client must read on average after reply_timeout"),
    ("max_connections", 512, "connections at a time"),
)

UNITS = {"": 1, "K": KIB, "KIB": KIB, "M": MIB, "MIB": MIB, "G": GIB, "GIB": GIB, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


class Limits:
    """The bounds one server works within."""

    __slots__ = tuple(name for name, _, _ in LIMITS)

    max_request_line: int
    max_header_size: int
    max_header_fields: int
    max_body_size: int
    max_body_memory: int
    max_json_depth: int
    keep_alive_timeout: float
    header_timeout: float
    body_timeout: float
    body_rate: int
    reply_timeout: float
    reply_rate: int
    max_connections: int

    def __init__(self, **changed: float):
        for name, default, _ in LIMITS:
            setattr(self, name, changed.pop(name, default))
        if changed:
            raise TypeError("no such limit: " + ", ".join(sorted(changed)))


def variable(name: str) -> str:
    return "COG_" + name.upper()


def amount(name: str, text: str) -> Union[int, float]:
    """The value that a flag or variable gives to a limit; sizes may be written 64M, 2GiB, 10MB. ValueError otherwise."""
    if isinstance(next(default for known, default, _ in LIMITS if known == name), int):
        return size(text)
    try:
        if text.strip(" 0123456789."):  # float() would take nan, 1e9 and -1
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError("%r is not a number of seconds" % text) from None


def size(text: str) -> int:
    """A number of bytes: 1000, 64M, 2GiB, 10MB."""
    digits = text.strip()
    unit = digits.lstrip("0123456789.").strip()
    try:
        return int(float(digits[: len(digits) - len(unit)]) * UNITS[unit.upper()])
    except (KeyError, ValueError):
        raise ValueError("%r is not a number of bytes" % text) from None


def from_environment(environment: Mapping[str, str]) -> Limits:
    """The limits, with COG_MAX_BODY_SIZE and its kin applied; ValueError says which one is wrong."""
    changed: Dict[str, float] = {}
    for name, _, _ in LIMITS:
        text = environment.get(variable(name), "")
        if text:
            try:
                changed[name] = amount(name, text)
            except ValueError as error:
                raise ValueError("%s: %s" % (variable(name), error)) from None
    return Limits(**changed)

"""Versions as these tables need them: dotted numbers, compared number by number."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

__all__ = ["is_version", "key", "local_part", "minor", "public_part", "same_minor"]

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})*")


def is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


def key(version: str) -> Tuple[int, ...]:
    """For comparing; trailing words such as rc1 are cut off."""
    match = _VERSION.match(version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def minor(version: str) -> str:
    """"12.4.1" -> "12.4" """
    return ".".join(version.split(".")[:2])


def same_minor(one: str, other: str) -> bool:
    return key(one)[:2] == key(other)[:2]


def public_part(version: str) -> str:
    """"2.3.1+cu118" -> "2.3.1" """
    return version.partition("+")[0]


def local_part(version: str) -> str:
    """"2.3.1+cu118" -> "cu118" """
    return version.partition("+")[2]

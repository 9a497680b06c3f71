"""Which files and folders of the project a list of requirements needs while it is installed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from cog.records import pattern

ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
FIND_LINKS = pattern(r"^\s*(?:-f|--find-links)(?:\s+|=)(\S+)")


def local_sources(lines: Iterable[str]) -> list[str]:
    """Relative paths in the order of the lines, without repetitions. Whether they exist is not asked here."""
    found: dict[str, None] = {}
    for line in lines:
        text = line.strip()
        path = source_of(text)
        if path:
            found[posixpath.normpath(path)] = None
    return [path for path in found if path not in (".", "..") and not path.startswith("../")]


def source_of(text: str) -> str:
    if not text or text.startswith("#"):
        return ""
    links = FIND_LINKS.match(text)
    if links:
        return "" if outside(links[1]) else links[1]
    if text.startswith("-"):
        return ""
    word = re.split(r"\s+[;#]|\s+--", text)[0].partition("[")[0].strip()
    if outside(word) or " " in word:
        return ""
    if word.startswith(("./", "../")) or word.lower().endswith(ARCHIVES):
        return word
    return ""


def outside(word: str) -> bool:
    return "://" in word or word.startswith(("/", "~", "file:", "git+"))

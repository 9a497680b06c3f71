"""The output of a prediction -> standard output or files, decided by the model's schema.

Strategy: `plan` is pure: schema and value in, what to print and which files to write out.
`Files.write` writes all of them beside their names first and renames them then, so that an
interrupted command leaves either the whole output or none of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from cog.actions.inputs import Schema
from cog.actions.mediatypes import ending_of
from cog.engine.signals import Shield
from cog.errors import CogError
from cog.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

Json = object


class OutputNotWritable(CogError):
    code = "output-not-writable"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"output path is not writable: {path}", why=why, fix="choose another one with -o, or create its folder"
        )


class OutputUnreadable(CogError):
    code = "output-unreadable"


@dataclass(frozen=True)
class OutputFile:
    path: str
    content: bytes


@dataclass(frozen=True)
class Plan:
    """What becomes of an output."""

    text: Optional[str] = None  # for standard output
    files: tuple[OutputFile, ...] = ()
    nothing: bool = False


def destination(option: str) -> str:
    """What -o names: one leading @ is dropped, ~ is the home."""
    return os.path.expanduser(option[1:] if option.startswith("@") else option)


def check_destination(path: str) -> None:
    """Raise OutputNotWritable now rather than after the prediction."""
    if not path:
        return
    folder = path if os.path.isdir(path) else os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise OutputNotWritable(path, f"there is no folder {folder}")
    if os.path.exists(path) and not os.path.isdir(path):
        if not os.access(path, os.W_OK):
            raise OutputNotWritable(path, "the file exists and may not be changed")
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise OutputNotWritable(path, f"nothing may be created in {folder}")


def plan(output: Json, declared: Mapping[str, Json], schema: Schema, path: str) -> Plan:
    """What to print and to write for an output, `declared` being its schema and `path` from -o."""
    declared = schema.resolved(declared)
    if output is None:
        return Plan(nothing=True)
    if os.path.isdir(path):
        path = os.path.join(path, "output")
    if _is_file(declared) and isinstance(output, str):
        return _one_file(output, path)
    if declared.get("type") == "array" and isinstance(output, list):
        if _is_file(schema.resolved(declared.get("items"))) and all(isinstance(item, str) for item in output):
            return _many_files(output, path)
    if declared.get("type") == "string" and isinstance(output, str):
        return Plan(files=(OutputFile(path, output.encode()),)) if path else Plan(text=output)
    return as_json(output, path)


def as_json(output: Json, path: str) -> Plan:
    text = json.dumps(output, indent=2, ensure_ascii=False)
    return Plan(files=(OutputFile(path, text.encode() + b"\n"),)) if path else Plan(text=text)


def with_files_beside(output: Json, path: str) -> tuple[Json, tuple[OutputFile, ...]]:
    """An output whose data URLs are files next to `path`, and those files (--json with -o)."""
    stem = os.path.splitext(path)[0] if path else "output"
    files: list[OutputFile] = []

    def name(where: Sequence[str], url: str) -> str:
        content, media = decoded(url)
        file = ".".join([stem, *where]) + ending_of(media)
        if file == path:
            file = ".".join([stem, "output", *where]) + ending_of(media)
        files.append(OutputFile(file, content))
        return file

    def walk(value: Json, where: tuple[str, ...]) -> Json:
        if isinstance(value, str) and value.startswith("data:") and ";base64," in value[:200]:
            return name(where, value)
        if isinstance(value, list):
            return [walk(item, (*where, str(index))) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: walk(item, (*where, _safe(str(key)))) for key, item in value.items()}
        return value

    return walk(output, ()), tuple(files)


def decoded(url: str) -> tuple[bytes, str]:
    """Content and media type of a data URL."""
    head, comma, data = url[len("data:") :].partition(",")
    media, _, coding = head.rpartition(";") if head.endswith(";base64") else (head, "", "")
    if not url.startswith("data:") or not comma:
        raise OutputUnreadable("the model's output is not a data URL", why=f"it begins with {url[:60]!r}")
    try:
        content = base64.b64decode(data, validate=True) if coding else unquote_to_bytes(data)
    except (binascii.Error, ValueError) as error:
        raise OutputUnreadable("the model's output is a broken data URL", why=str(error)) from error
    return content, media or "text/plain"


def write(files: Sequence[OutputFile]) -> None:
    """All of the files or none: written beside their names, then renamed."""
    waiting: list[tuple[str, str]] = []
    path = ""
    try:
        for file in files:
            path = os.path.realpath(file.path)
            if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
                with open(path, "wb") as special:  # /dev/null, a pipe: nothing to rename
                    special.write(file.content)
                continue
            temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)[:80]}.cog-{os.getpid()}")
            with Shield():
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
                waiting.append((temporary, path))
            with open(descriptor, "wb") as stream:
                if os.path.exists(path) and hasattr(os, "fchmod"):
                    os.fchmod(descriptor, stat.S_IMODE(os.stat(path).st_mode))
                stream.write(file.content)
        with Shield():
            while waiting:
                os.replace(*waiting[0])
                waiting.pop(0)
    except OSError as error:
        raise OutputNotWritable(path, error.strerror or str(error)) from error
    finally:
        with Shield():
            for temporary, _ in waiting:
                try:
                    os.unlink(temporary)
                except OSError:
                    pass  # it was never created, or its folder has gone


def _one_file(output: str, path: str) -> Plan:
    if not output.startswith("data:"):
        return Plan(text=output)  # it was uploaded somewhere: that is where
    content, media = decoded(output)
    return Plan(files=(OutputFile(path or "output" + ending_of(media), content),))


def _many_files(output: Sequence[str], path: str) -> Plan:
    stem = os.path.splitext(path)[0] if path else "output"
    files = []
    links = []
    for index, url in enumerate(output):
        if url.startswith("data:"):
            content, media = decoded(url)
            files.append(OutputFile(f"{stem}.{index}{ending_of(media)}", content))
        else:
            links.append(url)
    return Plan(text="\n".join(links) if links else None, files=tuple(files))


def _is_file(declared: Mapping[str, Json]) -> bool:
    return declared.get("type") == "string" and declared.get("format") == "uri"


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:60]

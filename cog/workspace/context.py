"""The build context that the tool brings along: a private folder beside the user's project.

Strategy: nothing is written in the user's tree. The builder gets the project as its main context
and this folder as the named one (`COPY --from=cog`), with the Dockerfile and an ignore file of its
own, which replaces the user's .dockerignore and therefore starts with its lines. A builder that
has no named contexts gets one folder with both inside (`stage`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cog.dockerfile.ignore import Ignore
from cog.workspace import payload
from cog.workspace.project import walk


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder for one build, gone afterwards whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="cog-build-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(folder: Path, files: Mapping[str, str | bytes], *, runtime: bool = True, time: int = 0) -> Path:
    """Files by name, and the runtime in payload/, with fixed modes and times."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        target.write_bytes(data)
        target.chmod(payload.FILE_MODE)
        os.utime(target, (time, time))
    if runtime:
        payload.write(folder / "payload", time=time)
    return folder


def link(source: Path, target: Path) -> None:
    """A file at a second place: a hard link where the disk allows it, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


def stage(folder: Path, project: Path, ignore: Iterable[str], cog: Path) -> Path:
    """One context with src/ (the project without what is ignored) and cog/, for old builders."""
    both = folder / "context"
    (both / "src").mkdir(parents=True)
    for path, file in walk(project, Ignore(ignore)):
        link(file, both / "src" / path)
    shutil.copytree(cog, both / "cog", symlinks=True)
    return both

"""Folders that the tool keeps things in: a cache of the user's own, and `.cog` in a project.

Everything in them can be made again. What one run prepares and another will trust belongs to the
user, is writable by nobody else, and appears under its final name all at once.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from cog.engine.signals import Shield

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


def cache_home(environment: Mapping[str, str]) -> Optional[Path]:
    """COG_CACHE_DIR, or cog's folder among the user's caches; None when COG_CACHE_DIR is empty."""
    named = environment.get("COG_CACHE_DIR")
    if named is not None:
        return Path(named).absolute() if named else None
    base = environment.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "cog" if os.path.isabs(base) else None


def project_home(directory: Path) -> Path:
    """`.cog` of a project, made when missing; it tells git to ignore all that is in it."""
    home = directory / ".cog"
    home.mkdir(exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return home


def trusted(folder: Path) -> bool:
    """Whether the folder is ours and nobody else may write in it."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def placed(home: Path, name: str, files: Iterable[tuple[str, bytes]]) -> Optional[Path]:
    """`home/name` holding the files, from an earlier run or made now; None when that cannot be."""
    final = home / name
    if trusted(home) and trusted(final):
        return final
    temporary = ""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not trusted(home):
            return None
        with Shield():
            temporary = tempfile.mkdtemp(prefix=f".{name}-", dir=home)
        write(Path(temporary), files)
        os.chmod(temporary, 0o755)
        try:
            os.rename(temporary, final)
            temporary = ""
        except OSError:
            pass  # another run was faster: its files are the same
        return final if trusted(final) else None
    except OSError:
        return None
    finally:
        if temporary:
            remove(Path(temporary))


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    made = set()
    for path, content in files:
        target = folder / path
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        target.write_bytes(content)


def remove(folder: Path) -> None:
    import shutil  # only to clean up

    with Shield():
        shutil.rmtree(folder, ignore_errors=True)

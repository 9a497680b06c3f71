"""The files of the tool that also go into images: the one list, and their bytes.

Strategy: a list of folders and modules, read through importlib.resources, so a checkout and a
zip archive give the same files. Written with fixed modes and times: the layer that holds them
depends on the release of the tool and on nothing else. No yaml or pydantic anywhere near: the
`install` command runs this in other people's images, on Python 3.8 too.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Relative to the package `cog`. A folder means every .py file below it.
PAYLOAD = (
    "__init__.py",
    "base_predictor.py",
    "exceptions.py",
    "files.py",
    "types.py",
    "py.typed",
    "server",
    "command",
    "runtime_stdlib",
)
FILE_MODE, FOLDER_MODE = 0o644, 0o755


def entries() -> Iterator[tuple[str, bytes]]:
    """(relative path, bytes) of every file, sorted: `cog/__init__.py` and so on."""
    found = dict(from_archive() if archive() else from_folder())
    for path in sorted(found):
        yield path, found[path]


def archive() -> str:
    """The zip archive this runs from, or nothing."""
    loader = globals().get("__loader__")
    return str(getattr(loader, "archive", ""))


def wanted(path: str) -> bool:
    """Whether `server/http.py`, relative to the package, belongs to the payload."""
    first = path.split("/", 1)[0]
    if first not in PAYLOAD:
        return False
    return path == first or path.endswith(".py")


def from_archive() -> Iterator[tuple[str, bytes]]:
    import zipfile  # only when run from an archive, and only by commands that build

    with zipfile.ZipFile(archive()) as opened:
        for name in opened.namelist():
            if name.startswith("cog/") and not name.endswith("/") and wanted(name[len("cog/") :]):
                yield name, opened.read(name)


def from_folder() -> Iterator[tuple[str, bytes]]:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder, folders, files in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, package).replace(os.sep, "/")
            if wanted(relative):
                with open(path, "rb") as file:
                    yield f"cog/{relative}", file.read()


def write(directory: str | Path, *, time: int = 0) -> int:
    """The payload as `directory/cog/...`; the number of files."""
    root = os.fspath(directory)
    folders = {root}
    count = 0
    for path, data in entries():
        target = os.path.join(root, *path.split("/"))
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        while len(folder) > len(root):
            folders.add(folder)
            folder = os.path.dirname(folder)
        with open(target, "wb") as file:
            file.write(data)
        os.chmod(target, FILE_MODE)
        os.utime(target, (time, time))
        count += 1
    for folder in sorted(folders, reverse=True):
        os.chmod(folder, FOLDER_MODE)
        os.utime(folder, (time, time))
    return count


if sys.version_info < (3, 8):
    raise ImportError("the runtime needs Python 3.8 or newer")

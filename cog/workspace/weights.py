"""Finds the big files of a project that may have layers of their own (--separate-weights).

Strategy: a decision over a listing of (path, size), in the order that the walk gives. A folder is
taken as a whole when it holds a big file and no code; what .dockerignore hides was never in the
listing; parts of paths are compared, not text.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from cog.dockerfile.ignore import Ignore
from cog.records import dataclass
from cog.workspace.project import walk

THRESHOLD = 10 * 1024 * 1024  # and equal counts as big
CODE = (".py", ".ipynb")
NEVER_WEIGHTS = frozenset(
    """.py .ipynb .whl .jpg .jpeg .png .webp .svg .gif .avif .heic .mp4 .mov .avi .wmv .mkv .webm
    .mp3 .wav .ogg .flac .aac .m4a .log""".split()
)
SKIPPED_TOPS = (".cog", ".git", "__pycache__")


@dataclass(frozen=True)
class Weights:
    directories: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return self.directories + self.files


def choose(listing: Iterable[tuple[str, int]]) -> Weights:
    """Which folders and top-level files are weights, by depth and then by name."""
    code: list[PurePosixPath] = []
    big: list[PurePosixPath] = []
    for name, size in listing:
        path = PurePosixPath(name)
        if ".git" in path.parts or path.parts[0] in SKIPPED_TOPS:
            continue
        if path.suffix in CODE:
            code.append(path)
        elif size >= THRESHOLD and path.suffix not in NEVER_WEIGHTS:
            big.append(path)
    big.sort(key=lambda path: (len(path.parts), path.parts))
    files = [str(path) for path in big if len(path.parts) == 1]
    folders: list[PurePosixPath] = []
    for path in big:
        if len(path.parts) > 1 and not any(folder in path.parents for folder in folders):
            folders.append(path.parent)
    with_code = {parent for path in code for parent in path.parents}
    return Weights(tuple(str(folder) for folder in folders if folder not in with_code), tuple(files))


def scan(directory: Path, ignore: Ignore) -> Weights:
    listing = []
    for path, file in walk(directory, ignore):
        if not file.is_symlink():
            listing.append((path, file.lstat().st_size))
    return choose(listing)

"""The archive's files as a folder among the user's caches: a speed-up, never a need."""

from __future__ import annotations

import os


def unpack(archive: str, home: str, name: str) -> bool:
    """Make `home/name` from the archive; False when that cannot be, for whatever reason."""
    try:
        import zipfile
        from pathlib import Path

        from cog.engine import storage

        with zipfile.ZipFile(archive) as opened:
            files = [(path, opened.read(path)) for path in opened.namelist() if path.startswith(("cog/", "vendor/"))]
        return storage.placed(Path(home), name, files) is not None
    except (OSError, KeyError, zipfile.BadZipFile):
        return False


def vendor_folder(module_file: str) -> str:
    """Where the vendored packages are, seen from cog/__main__.py: in the archive, or beside a checkout."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(module_file)))
    for folder in ("vendor", "vendor/wheels/lib"):
        path = os.path.join(root, *folder.split("/"))
        if _holds_yaml(path, root):
            return path
    return ""


def _holds_yaml(path: str, root: str) -> bool:
    if os.path.isdir(path):
        return os.path.isdir(os.path.join(path, "yaml"))
    return path.endswith("vendor") and os.path.isfile(root)  # inside an archive it always is

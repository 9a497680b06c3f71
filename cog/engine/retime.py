"""An image whose files carry no time later than a given one, from the archive of another.

Strategy: the engine's own builder cannot rewrite times (it says yes and does not; builders in
containers and the containerd store can), so for --timestamp the finished image is saved, the
layers above the base are copied with their times cut, and the result is loaded again. Layers of
the base are not touched and not even written: the engine has them, and finds them by their digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

PIECE = 1 << 20
# Times with fractions, and of access, which tar keeps in extended headers.
TIME_HEADERS = ("mtime", "atime", "ctime", "LIBARCHIVE.creationtime")


def retime(source: Path, target: Path, epoch: int, name: str, base: Sequence[str]) -> bool:
    """Write the archive for `docker load`; False when no time had to be changed (then there is none)."""
    with tarfile.open(source) as saved:
        manifest = json.loads(read(saved, "manifest.json"))[0]
        config = json.loads(read(saved, manifest["Config"]))
        digests = list(config["rootfs"]["diff_ids"])
        kept = shared(digests, base)
        changed = False
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as written:
            layers = [f"{number}/layer.tar" for number in range(len(digests))]
            for number in range(kept, len(digests)):
                place = target.with_name(f"layer-{number}")
                layer = saved.extractfile(manifest["Layers"][number])
                assert layer is not None
                with layer, open(place, "w+b") as out:
                    changed |= cut_times(layer, out, epoch)
                    digests[number] = digest(out)
                written.add(place, layers[number])
                place.unlink()
            config["rootfs"]["diff_ids"] = digests
            text = json.dumps(config, separators=(",", ":"), ensure_ascii=False).encode()
            image = hashlib.sha256(text).hexdigest()
            add(written, f"{image}.json", text)
            add(
                written,
                "manifest.json",
                json.dumps([{"Config": f"{image}.json", "RepoTags": [name], "Layers": layers}]).encode(),
            )
    if not changed:
        target.unlink()
    return changed


def shared(digests: Sequence[str], base: Sequence[str]) -> int:
    """How many layers at the bottom are those of the base."""
    return len(base) if list(digests[: len(base)]) == list(base) else 0


def cut_times(layer: IO[bytes], out: IO[bytes], epoch: int) -> bool:
    changed = False
    with tarfile.open(fileobj=layer, mode="r:") as old, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in old:
            if member.mtime > epoch:
                member.mtime = epoch
                changed = True
            headers = {key: value for key, value in member.pax_headers.items() if key not in TIME_HEADERS}
            member.pax_headers = headers
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
    return changed


def digest(file: IO[bytes]) -> str:
    file.flush()
    file.seek(0)
    found = hashlib.sha256()
    while True:
        piece = file.read(PIECE)
        if not piece:
            return f"sha256:{found.hexdigest()}"
        found.update(piece)


def read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    with file:
        return file.read()


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))

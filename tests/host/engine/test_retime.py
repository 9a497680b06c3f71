"""Images with fixed times: the archive that is loaded is a function of content and time alone."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from cog.engine.retime import retime


def layer(*files: tuple[str, int], link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, time in files:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = 4, time, 0o755
            info.pax_headers = {"mtime": f"{time}.123456789", "SCHILY.xattr.user.kept": "yes"}
            archive.addfile(info, io.BytesIO(b"data"))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname, info.mtime = tarfile.SYMTYPE, "target", files[0][1]
            archive.addfile(info)
    return out.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def saved(path: Path, layers: list[bytes]) -> Path:
    """As `docker save` writes it."""
    config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha(data)}" for data in layers]}, "config": {"Cmd": ["x"]}}).encode()
    entries = {f"blobs/{sha(data)}": data for data in layers}
    entries["blobs/config"] = config
    entries["manifest.json"] = json.dumps(
        [{"Config": "blobs/config", "RepoTags": ["old:1"], "Layers": [f"blobs/{sha(data)}" for data in layers]}]
    ).encode()
    with tarfile.open(path, "w") as archive:
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(path: Path) -> tuple[Any, Any, dict[str, bytes]]:
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    manifest = json.loads(files["manifest.json"])[0]
    return manifest, json.loads(files[manifest["Config"]]), files


def test_times_after_the_given_one_are_cut_and_everything_else_is_kept(tmp_path: Path) -> None:
    base, late = layer(("base", 5000)), layer(("new", 3000), ("old", 500), link="link")
    source = saved(tmp_path / "a.tar", [base, late])
    assert retime(source, tmp_path / "b.tar", 1000, "me:1", [f"sha256:{sha(base)}"])
    manifest, config, files = read(tmp_path / "b.tar")
    assert manifest["RepoTags"] == ["me:1"] and config["config"] == {"Cmd": ["x"]}
    assert config["rootfs"]["diff_ids"][0] == f"sha256:{sha(base)}", "the base is left alone"
    assert manifest["Layers"][0] not in files, "and not even written"
    data = files[manifest["Layers"][1]]
    assert config["rootfs"]["diff_ids"][1] == f"sha256:{sha(data)}"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        assert [(member.name, member.mtime, member.mode) for member in members[:2]] == [
            ("new", 1000, 0o755),
            ("old", 500.123456789, 0o755),
        ]
        assert members[0].pax_headers == {"SCHILY.xattr.user.kept": "yes"}
        assert (members[2].issym(), members[2].linkname, members[2].mtime) == (True, "target", 1000)
        assert archive.extractfile("new").read() == b"data"  # type: ignore[union-attr]


def test_two_images_that_differ_in_times_alone_become_one(tmp_path: Path) -> None:
    for number, time in enumerate((3000, 4000)):
        source = saved(tmp_path / f"a{number}.tar", [layer(("x", time))])
        retime(source, tmp_path / f"b{number}.tar", 1000, "me:1", [])
    first, second = read(tmp_path / "b0.tar"), read(tmp_path / "b1.tar")
    assert first[0]["Config"] == second[0]["Config"], "the image's own digest"
    assert first[1] == second[1]


def test_nothing_is_written_when_nothing_is_too_late(tmp_path: Path) -> None:
    assert not retime(saved(tmp_path / "a.tar", [layer(("x", 5))]), tmp_path / "b.tar", 1000, "me:1", [])
    assert not (tmp_path / "b.tar").exists()

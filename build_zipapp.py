#!/usr/bin/env python3
"""Build dist/cog.pyz: the tool, the library and the prediction server as one file.

    python3 build_zipapp.py [--release-url URL] [--output FILE]

Strategy: the same input gives the same bytes. Entries are sorted and have one time
(SOURCE_DATE_EPOCH, else that of the last commit) and one mode. The vendored packages come from
vendor/wheels, where pip puts them, checked against the hashes of vendor/requirements.txt; PyYAML
has no pure-Python wheel, so its Python half is taken from its source release as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import runpy
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "vendor" / "requirements.txt"
WHEELS = ROOT / "vendor" / "wheels"
SHEBANG = b"#!/usr/bin/env python3\n"
LIMIT = 1_500_000
FIRST_ZIP_SECOND = 315532800  # 1980-01-01: the archive format knows nothing earlier
PIN = re.compile(r"([A-Za-z0-9_.-]+)==(\S+)\s+--hash=sha256:([0-9a-f]{64})")
# Of a distribution's files: what Python imports, what tells type checkers and lawyers something.
KEPT = (".py", ".typed")
LICENSES = ("license", "copying", "notice")
# Parts of the vendored packages that only work with something that is not here (plugins of others).
LEFT_OUT = ("pydantic/mypy.py", "pydantic/_hypothesis_plugin.py")


class Pin:
    def __init__(self, name: str, version: str, digest: str) -> None:
        self.name, self.version, self.digest = name, version, digest


def main() -> int:
    parser = argparse.ArgumentParser(description="Build dist/cog.pyz", allow_abbrev=False)
    parser.add_argument("--release-url", default="", help="where releases are published; what the update check asks")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "cog.pyz")
    options = parser.parse_args()
    epoch = source_date()
    built = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    fetch(pins())
    lay_out()
    content = archive(dict(entries(options.release_url, built)), epoch)
    if len(content) > LIMIT:
        print(f"error: the archive has {len(content)} bytes, more than {LIMIT}", file=sys.stderr)
        return 1
    digest = hashlib.sha256(content).hexdigest()
    output: Path = options.output
    output.parent.mkdir(parents=True, exist_ok=True)
    put(output, content, 0o755)
    put(output.with_name(output.name + ".sha256"), f"{digest}  {output.name}\n".encode(), 0o644)
    put(output.with_name("VERSION"), f"{version()}\n".encode(), 0o644)
    print(f"{shown(output)}: {len(content)} bytes, sha256 {digest}")
    return 0


# --- what goes in ----------------------------------------------------------------------------


def entries(release_url: str, built: str) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every entry; the digest of all others ends up in the front door."""
    files = dict(package())
    for pin in pins():
        files.update((f"vendor/{name}", data) for name, data in vendored(pin))
    files["LICENSE"] = (ROOT / "LICENSE").read_bytes() if (ROOT / "LICENSE").exists() else b""
    baked = files["cog/cli/baked.py"].decode()
    baked = baked.replace('BUILT = "from source"', f"BUILT = {built!r}")
    baked = baked.replace('RELEASE_URL = ""', f"RELEASE_URL = {release_url!r}")
    files["cog/cli/baked.py"] = baked.encode()
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    door = (ROOT / "vendor" / "archive_main.py").read_text()
    for word, value in (("@VERSION@", version()), ("@BUILT@", built), ("@DIGEST@", digest.hexdigest()[:20])):
        door = door.replace(word, value)
    files["__main__.py"] = door.encode()
    yield from files.items()


def package() -> Iterator[tuple[str, bytes]]:
    for path in sorted((ROOT / "cog").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix in (*KEPT, ".json"):
            yield path.relative_to(ROOT).as_posix(), path.read_bytes()


def version() -> str:
    match = re.search(r'^__version__ = "([^"]+)"', (ROOT / "cog" / "__init__.py").read_text(), re.MULTILINE)
    if match is None:
        raise SystemExit("error: cog/__init__.py has no __version__")
    return match[1]


def source_date() -> int:
    """SOURCE_DATE_EPOCH, else the time of the last commit, else 1980: never the time of day."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not given:
        asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
        try:
            given = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            given = ""
    return max(int(given or 0), FIRST_ZIP_SECOND)


# --- the vendored packages ---------------------------------------------------------------------


def pins() -> list[Pin]:
    return [Pin(*match.groups()) for match in PIN.finditer(REQUIREMENTS.read_text())]


def fetch(wanted: list[Pin]) -> None:
    """Bring the distributions into vendor/wheels, unless files with these hashes are there."""
    for pin in wanted:
        if find(pin) is not None:
            continue
        WHEELS.mkdir(parents=True, exist_ok=True)
        line = f"{pin.name}=={pin.version} --hash=sha256:{pin.digest}"
        listing = WHEELS / f"{pin.name}.txt"
        listing.write_text(line + "\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--disable-pip-version-check", "--dest", str(WHEELS), "--requirement", str(listing)]
        if pin.name == "pyyaml":
            command += ["--no-binary", "pyyaml"]
        else:
            command += ["--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none"]
            command += ["--python-version", "3.9"]
        try:
            status = subprocess.run(command).returncode
        finally:
            listing.unlink()
        if status != 0 or find(pin) is None:
            raise SystemExit(
                f"error: {pin.name} {pin.version} could not be fetched\n"
                f"  fix: check the network or PIP_INDEX_URL, or put the file with sha256 {pin.digest} into {shown(WHEELS)}"
            )


def lay_out() -> None:
    """The vendored packages as a folder, so that `python3 -m cog` works in this checkout without installing."""
    files = [(name, data) for pin in pins() for name, data in vendored(pin)]
    for name, data in files:
        target = WHEELS / "lib" / name
        if not target.exists() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def find(pin: Pin) -> Path | None:
    for path in sorted(WHEELS.glob("*")):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == pin.digest:
            return path
    return None


def vendored(pin: Pin) -> Iterator[tuple[str, bytes]]:
    """The files of a distribution as they lie under vendor/ in the archive."""
    path = find(pin)
    assert path is not None
    members = wheel(path) if path.suffix == ".whl" else source_release(path)
    for name, data in members:
        base = name.rsplit("/", 1)[-1]
        if base.lower().startswith(LICENSES):
            yield f"licenses/{pin.name}-{pin.version}/{base}", data
        elif name.endswith(KEPT) and name not in LEFT_OUT and ".dist-info/" not in name:
            yield name, patched(name, data)


def patched(name: str, data: bytes) -> bytes:
    for file, released, shipped in patches():
        if file == name:
            if data.count(released.encode()) != 1:
                raise SystemExit(f"error: the patch of {name} in vendor/patches.py does not fit")
            data = data.replace(released.encode(), shipped.encode())
    return data


def patches() -> tuple[tuple[str, str, str], ...]:
    found: tuple[tuple[str, str, str], ...] = runpy.run_path(str(ROOT / "vendor" / "patches.py"))["PATCHES"]
    return found


def wheel(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as opened:
        for name in sorted(opened.namelist()):
            yield name, opened.read(name)


def source_release(path: Path) -> Iterator[tuple[str, bytes]]:
    """PyYAML's pure-Python half: what its setup.py would copy without a compiler."""
    with tarfile.open(path) as opened:
        for member in sorted(opened.getmembers(), key=lambda member: member.name):
            file = opened.extractfile(member) if member.isfile() else None
            name = member.name.partition("/")[2]
            if file is not None and (name.startswith("lib/yaml/") or "/" not in name):
                name = name[len("lib/") :] if name.startswith("lib/") else name
                if name.startswith("yaml/") or name.lower().startswith(LICENSES):
                    yield name, file.read()


# --- the file ----------------------------------------------------------------------------------


def archive(files: dict[str, bytes], epoch: int) -> bytes:
    buffer = io.BytesIO()
    buffer.write(SHEBANG)
    # Level 9 of zlib; other libraries behind the same module (zlib-ng) may give other bytes.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as opened:
        for name in sorted(files, key=lambda name: (name != "__main__.py", name)):
            entry = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
            # The front door as it is: `--version` then needs no zlib.
            entry.compress_type = zipfile.ZIP_STORED if name == "__main__.py" else zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o100644 << 16
            opened.writestr(entry, files[name])
    return buffer.getvalue()


def put(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.chmod(mode)
    temporary.replace(path)


def shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    sys.exit(main())

"""install.sh: from a file, from an address, and never without the right checksum."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "install.sh"
CONTENT = b"#!/bin/sh\necho 'cog version 9.9.9 (built today)'\n"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "cog.pyz").write_bytes(CONTENT)
    (folder / "cog.pyz.sha256").write_text(f"{hashlib.sha256(CONTENT).hexdigest()}  cog.pyz\n")
    return folder


def install(*words: str, **extra: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        ["sh", str(SCRIPT), *words], capture_output=True, text=True, env={**os.environ, **extra}, timeout=60
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_it_installs_a_file_where_it_is_told(release: Path, tmp_path: Path) -> None:
    target = tmp_path / "some where" / "bin"
    status, lines = install(str(release / "cog.pyz"), INSTALL_DIR=str(target))
    assert (status, lines) == (
        0,
        [f"Installed {target}/cog", "cog version 9.9.9 (built today)", f'Add it to the PATH:  export PATH="{target}:$PATH"'],
    )
    assert (target / "cog").read_bytes() == CONTENT
    assert os.access(target / "cog", os.X_OK)
    assert [path.name for path in target.iterdir()] == ["cog"]


@pytest.mark.parametrize("ending", ["", "/", "/cog.pyz"])
def test_it_installs_from_an_address(release: Path, tmp_path: Path, ending: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl: wget knows no file:// addresses")
    status, lines = install(f"file://{release}{ending}", INSTALL_DIR=str(tmp_path / "bin"))
    assert (status, lines[0]) == (0, f"Downloading file://{release}/cog.pyz")
    assert (tmp_path / "bin" / "cog").read_bytes() == CONTENT


def test_the_address_may_come_from_a_variable(release: Path, tmp_path: Path) -> None:
    status, _ = install(INSTALL_DIR=str(tmp_path / "bin"), COG_DOWNLOAD_URL=str(release / "cog.pyz"))
    assert status == 0


def test_a_wrong_checksum_installs_nothing(release: Path, tmp_path: Path) -> None:
    (release / "cog.pyz").write_bytes(CONTENT + b"evil\n")
    status, lines = install(str(release / "cog.pyz"), INSTALL_DIR=str(tmp_path / "bin"))
    assert status == 1
    assert lines[0].startswith("error: the checksum of cog.pyz is wrong: ")
    assert not (tmp_path / "bin").exists()


def test_a_missing_checksum_installs_nothing(release: Path, tmp_path: Path) -> None:
    (release / "cog.pyz.sha256").unlink()
    status, lines = install(str(release / "cog.pyz"), INSTALL_DIR=str(tmp_path / "bin"))
    assert (status, lines[1]) == (1, "  fix: nothing is installed without its checksum")
    assert not (tmp_path / "bin").exists()


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    status, lines = install(str(tmp_path / "cog.pyz"), INSTALL_DIR=str(tmp_path / "bin"))
    assert (status, lines[0]) == (1, f"error: there is no file {tmp_path / 'cog.pyz'}")


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    assert install("--prefix=/usr", INSTALL_DIR=str(tmp_path))[0] == 1


def test_what_is_there_is_replaced_and_nothing_else_left(release: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cog").write_text("old")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    assert install(str(release / "cog.pyz"), INSTALL_DIR=str(tmp_path / "bin"), TMPDIR=str(temporary))[0] == 0
    assert (tmp_path / "bin" / "cog").read_bytes() == CONTENT
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not on this machine")
def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_never_calls_sudo() -> None:
    lines = [line for line in SCRIPT.read_text().splitlines() if not line.startswith("#")]
    assert not any("sudo" in line for line in lines)

"""The built file: reproducible, small, for every Python, from any place."""

from __future__ import annotations

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHEBANG = b"#!/usr/bin/env python3\n"


def build(folder: Path, *options: str, epoch: str = "1700000000") -> Path:
    target = folder / "cog.pyz"
    done = subprocess.run(
        [sys.executable, str(ROOT / "build_zipapp.py"), "--output", str(target), *options],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"), "--release-url", "https://example.com/releases")


def pythons() -> Iterator[tuple[str, str]]:
    """(minor version, program) of the interpreters on this machine."""
    for folder in sorted(Path(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions").glob("[23].*")):
        if (folder / "bin" / "python").exists():
            yield ".".join(folder.name.split(".")[:2]), str(folder / "bin" / "python")


PYTHONS = dict(pythons())
TOO_OLD = ["2.7", "3.6", "3.7", "3.8"]
NEW_ENOUGH = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]


def program(version: str) -> str:
    if version not in PYTHONS:
        pytest.skip(f"no Python {version} on this machine")
    return PYTHONS[version]


def run(python: str, *words: str, cwd: Path, **extra: str) -> tuple[int, str, str]:
    environment = {**os.environ, "COG_CACHE_DIR": "", **extra}
    done = subprocess.run([python, *words], capture_output=True, text=True, cwd=cwd, env=environment, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_two_builds_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path, "--release-url", "https://example.com/releases")
    assert again.read_bytes() == built.read_bytes()


def test_another_time_is_another_file(built: Path, tmp_path: Path) -> None:
    assert build(tmp_path, epoch="1600000000").read_bytes() != built.read_bytes()


def test_its_checksum_lies_beside_it(built: Path) -> None:
    import hashlib

    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    assert (built.parent / "cog.pyz.sha256").read_text() == f"{digest}  cog.pyz\n"


def test_it_is_small_and_executable_and_names_its_interpreter(built: Path) -> None:
    content = built.read_bytes()
    assert len(content) < 1_500_000
    assert content.startswith(SHEBANG)
    assert os.access(built, os.X_OK)


def test_its_entries_are_sorted_and_have_one_time_and_one_mode(built: Path) -> None:
    with zipfile.ZipFile(built) as opened:
        entries = opened.infolist()
    names = [entry.filename for entry in entries]
    assert names[0] == "__main__.py"
    assert names[1:] == sorted(names[1:])
    assert {(entry.date_time, entry.external_attr, entry.create_system) for entry in entries} == {
        ((2023, 11, 14, 22, 13, 20), 0o100644 << 16, 3)
    }


def test_it_holds_no_compiled_code_and_every_licence(built: Path) -> None:
    with zipfile.ZipFile(built) as opened:
        names = opened.namelist()
    assert [name for name in names if not name.endswith((".py", ".json", ".typed")) and "icense" not in name.lower()] == []
    licences = {name.split("/")[2].rsplit("-", 1)[0] for name in names if name.startswith("vendor/licenses/")}
    assert licences == {"pydantic", "typing-extensions", "pyyaml"}
    assert "LICENSE" in names


def test_the_patched_pattern_of_yaml_means_what_the_released_one_means() -> None:
    released, shipped = runpy.run_path(str(ROOT / "vendor" / "patches.py"))["READER"][1:]
    characters = "".join(map(chr, range(0x110000)))
    assert eval(shipped).findall(characters) == eval(released).findall(characters)


def test_every_pin_has_a_hash() -> None:
    lines = [line for line in (ROOT / "vendor" / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert [line for line in lines if not re.fullmatch(r"[a-z-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}", line)] == []
    assert len(lines) == 3


@pytest.mark.parametrize("version", NEW_ENOUGH)
def test_version_is_the_third_word(built: Path, tmp_path: Path, version: str) -> None:
    status, stdout, stderr = run(program(version), str(built), "--version", cwd=tmp_path)
    assert (status, stderr) == (0, "")
    assert re.fullmatch(r"cog version \d+\.\d+\.\d+ \(built 2023-11-14T22:13:20Z\)\n", stdout)


@pytest.mark.parametrize("version", NEW_ENOUGH)
def test_it_reads_a_project_on_every_python(built: Path, tmp_path: Path, version: str) -> None:
    (tmp_path / "cog.yaml").write_text('build:\n  python_version: "3.11"\npredict: "predict.py:Predictor"\n')
    (tmp_path / "predict.py").write_text("")
    status, stdout, stderr = run(program(version), str(built), "debug", cwd=tmp_path)
    assert (status, stderr) == (0, "")
    assert "FROM python:3.11-slim" in stdout


@pytest.mark.parametrize("version", NEW_ENOUGH)
def test_it_explains_a_mistake_on_every_python(built: Path, tmp_path: Path, version: str) -> None:
    """Here pydantic works, whose 1.10 line was made before the newest of these Pythons."""
    (tmp_path / "cog.yaml").write_text("build:\n  gpu: sometimes\n  python_packages: 3\n")
    status, stdout, stderr = run(program(version), str(built), "debug", cwd=tmp_path)
    assert (status, stdout) == (1, "")
    assert stderr.startswith("error: cog.yaml has 2 problems\n")
    assert "\n  cog.yaml:2:8: " in stderr and "\n  cog.yaml:3:20: " in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("version", TOO_OLD)
@pytest.mark.parametrize("words", [["--version"], ["predict", "-i", "a=b"]], ids=" ".join)
def test_a_python_that_is_too_old_is_told_so(built: Path, tmp_path: Path, version: str, words: list[str]) -> None:
    python = program(version)
    status, stdout, stderr = run(python, str(built), *words, cwd=tmp_path)
    assert (status, stdout) == (1, "")
    lines = stderr.splitlines()
    assert re.fullmatch(rf"error: cog needs Python 3\.9 or newer, this is {re.escape(version)}\.\d+", lines[0])
    assert len(lines) == 3


def test_install_works_on_python_38(built: Path, tmp_path: Path) -> None:
    assert run(program("3.8"), str(built), "install", "--help", cwd=tmp_path)[0] == 0


def test_the_front_door_is_readable_for_every_python(built: Path) -> None:
    with zipfile.ZipFile(built) as opened:
        door = opened.read("__main__.py").decode("ascii")
    assert "@" not in re.sub(r"^#.*$", "", door, flags=re.MULTILINE)
    ast.parse(door, feature_version=(3, 4))


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["predict", "--help"], ["completion", "bash"], ["bogus"], []])
def test_these_need_neither_pydantic_nor_yaml(built: Path, tmp_path: Path, words: list[str]) -> None:
    stderr = run(sys.executable, "-X", "importtime", str(built), *words, cwd=tmp_path)[2]
    imported = {line.rpartition("|")[2].strip() for line in stderr.splitlines() if line.startswith("import time:")}
    assert sorted(name for name in imported if name.split(".")[0] in ("pydantic", "yaml", "typing_extensions")) == []


def test_version_opens_nothing_else_of_the_archive(built: Path, tmp_path: Path) -> None:
    stderr = run(sys.executable, "-X", "importtime", str(built), "--version", cwd=tmp_path)[2]
    assert not any(line.rpartition("|")[2].strip().split(".")[0] == "cog" for line in stderr.splitlines())


# --- places ----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "cog.yaml").write_text('predict: "predict.py:Predictor"\n')
    (folder / "predict.py").write_text("class Predictor:\n    def predict(self) -> str:\n        return 'here'\n")
    return folder


def test_the_unpacked_copy_is_made_once_and_changes_nothing(built: Path, project: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = run(sys.executable, str(built), "debug", cwd=project, COG_CACHE_DIR=str(cache))
    made = sorted(path.name for path in cache.iterdir())
    second = run(sys.executable, str(built), "debug", cwd=project, COG_CACHE_DIR=str(cache))
    without = run(sys.executable, str(built), "debug", cwd=project)
    assert first == second == without
    assert [re.sub("[0-9a-f]{20}", "DIGEST", name) for name in made] == ["app-DIGEST"]
    assert sorted(path.name for path in cache.iterdir()) == made


def test_a_cache_that_somebody_else_could_write_is_not_used(built: Path, project: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(sys.executable, str(built), "debug", cwd=project, COG_CACHE_DIR=str(cache))
    (copy,) = cache.iterdir()
    (copy / "cog" / "cli" / "main.py").write_text("raise SystemExit('taken over')\n")
    shutil.rmtree(copy / "cog" / "cli" / "__pycache__", ignore_errors=True)
    assert run(sys.executable, str(built), "init", "--help", cwd=project, COG_CACHE_DIR=str(cache))[2] == "taken over\n"
    for folder in (copy, cache):
        folder.chmod(0o777)
        assert run(sys.executable, str(built), "init", "--help", cwd=project, COG_CACHE_DIR=str(cache))[0] == 0
        folder.chmod(0o755)


@pytest.mark.parametrize("cache", ["/proc/nowhere", "/dev/null/cache", ""])
def test_it_works_where_no_cache_can_be(built: Path, project: Path, cache: str) -> None:
    status, stdout, stderr = run(
        sys.executable, str(built), "predict", "--engine", "local", cwd=project, COG_CACHE_DIR=cache, HOME="/nonexistent"
    )
    assert (status, stdout) == (0, "here\n"), stderr


def test_it_works_from_a_file_that_may_only_be_read(built: Path, project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    copy = Path(shutil.copy(built, folder / "cog"))
    copy.chmod(0o444)
    folder.chmod(0o555)
    try:
        status, stdout, stderr = run(sys.executable, str(copy), "predict", "--engine", "local", cwd=project)
        assert (status, stdout) == (0, "here\n"), stderr
        assert [path.name for path in folder.iterdir()] == ["cog"]
    finally:
        folder.chmod(0o755)


def test_files_of_the_current_folder_do_not_get_in_the_way(built: Path, project: Path) -> None:
    for name in ("yaml", "cog", "json", "zipfile", "runpy", "types", "pydantic"):
        (project / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    (project / "cog.py").unlink()
    assert run(sys.executable, str(built), "debug", cwd=project)[0] == 0


def test_the_release_address_is_baked_in(built: Path) -> None:
    with zipfile.ZipFile(built) as opened:
        baked = opened.read("cog/cli/baked.py").decode()
    assert "RELEASE_URL = 'https://example.com/releases'\n" in baked
    assert "BUILT = '2023-11-14T22:13:20Z'\n" in baked

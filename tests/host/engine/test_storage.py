"""Folders that several runs share: complete or absent, and ours alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cog.engine import storage

FILES = (("a/b.py", b"x = 1\n"), ("c.py", b""))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_placed_once(tmp_path: Path) -> None:
    home = tmp_path / "cache" / "cog"
    place = storage.placed(home, "runtime-1", FILES)
    assert place == home / "runtime-1"
    assert contents(place) == dict(FILES)
    assert storage.placed(home, "runtime-1", ()) == place
    assert [path.name for path in home.iterdir()] == ["runtime-1"]


def test_what_was_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[tuple[str, bytes]]:
        yield "a.py", b""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.placed(tmp_path / "cog", "runtime-1", interrupted())
    assert list((tmp_path / "cog").iterdir()) == []


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    home = tmp_path / "cog"
    home.mkdir()
    home.chmod(0o777)
    assert storage.placed(home, "runtime-1", FILES) is None
    assert list(home.iterdir()) == []


def test_a_place_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    home = tmp_path / "cog"
    (home / "runtime-1").mkdir(parents=True)
    (home / "runtime-1" / "c.py").write_text("import evil")
    home.chmod(0o700)
    (home / "runtime-1").chmod(0o777)
    assert storage.placed(home, "runtime-1", FILES) is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    home = tmp_path / "cog"
    home.mkdir(mode=0o700)
    (tmp_path / "elsewhere").mkdir()
    (home / "runtime-1").symlink_to(tmp_path / "elsewhere")
    assert storage.placed(home, "runtime-1", FILES) is None


def test_a_home_that_cannot_be_made_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert storage.placed(tmp_path / "file" / "cog", "runtime-1", FILES) is None


@pytest.mark.parametrize(
    ("environment", "home"),
    [
        ({"COG_CACHE_DIR": "/c"}, Path("/c")),
        ({"COG_CACHE_DIR": ""}, None),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/cog")),
        ({"XDG_CACHE_HOME": "relative"}, None),
        ({}, Path(os.path.expanduser("~")) / ".cache" / "cog"),
    ],
)
def test_the_cache_is_where_the_variables_say(environment: dict[str, str], home: Path | None) -> None:
    if not environment:
        home = Path(os.path.expanduser("~")) / ".cache" / "cog"
    assert storage.cache_home(environment) == home


def test_the_folder_of_a_project_hides_itself_from_git(tmp_path: Path) -> None:
    assert storage.project_home(tmp_path) == tmp_path / ".cog"
    assert (tmp_path / ".cog" / ".gitignore").read_text() == "*\n"
    storage.project_home(tmp_path)

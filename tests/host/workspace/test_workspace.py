"""Projects, payload, weights and build contexts on a real disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.dockerfile.ignore import Ignore
from cog.workspace import context, payload, weights
from cog.workspace.project import ConfigNotFound, RequirementsMissing, find, walk

MIB = 1 << 20


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


# --- projects -----------------------------------------------------------------------------------------


def test_the_project_is_the_nearest_folder_upward_with_a_cog_yaml(tmp_path: Path) -> None:
    lay_out(tmp_path, {"cog.yaml": "", "inner/cog.yaml": "predict: p.py:P\n", "inner/a/b/x": ""})
    assert find(tmp_path / "inner" / "a" / "b").directory == tmp_path / "inner"
    assert find(tmp_path / "inner").config.predict == "p.py:P"


def test_another_file_name_is_looked_for_in_the_same_way(tmp_path: Path) -> None:
    lay_out(tmp_path, {"other.yaml": "predict: o.py:O\n", "a/cog.yaml": ""})
    project = find(tmp_path / "a", "other.yaml")
    assert (project.directory, project.file, project.config.predict) == (tmp_path, "other.yaml", "o.py:O")


def test_without_a_cog_yaml_the_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigNotFound) as caught:
        find(tmp_path, "surely-nowhere.yaml")
    assert str(tmp_path) in caught.value.why and "surely-nowhere.yaml" in caught.value.what


def test_nested_requirements_are_read_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "cog.yaml": "build:\n  python_requirements: req/main.txt\n",
            "req/main.txt": "-r more.txt\na\n",
            "req/more.txt": "b\r\n",
        },
    )
    assert list(find(tmp_path).requirement_lines) == ["b", "a"]


def test_a_requirements_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    lay_out(tmp_path, {"cog.yaml": "build:\n  python_requirements: main.txt\n", "main.txt": "-r gone.txt\n"})
    with pytest.raises(RequirementsMissing) as caught:
        find(tmp_path)
    assert "main.txt refers to gone.txt" in caught.value.what


def test_a_walk_is_sorted_and_goes_around_what_is_ignored(tmp_path: Path) -> None:
    lay_out(tmp_path, {"b/x": "", "a.txt": "", "venv/deep/y": "", "b/keep": "", "B": ""})
    (tmp_path / "link").symlink_to(tmp_path / "venv")
    assert [path for path, _ in walk(tmp_path, Ignore(["venv", "b", "!b/keep"]))] == ["B", "a.txt", "link", "b/keep"]


# --- weights --------------------------------------------------------------------------------------------


def test_ten_mebibytes_are_big_and_one_byte_less_is_not() -> None:
    assert weights.choose([("a", 10 * MIB), ("b", 10 * MIB - 1)]) == weights.Weights((), ("a",))


def test_folders_come_by_depth_and_then_by_name() -> None:
    listing = [("models2/b/x", 10 * MIB), ("models2/a/x", 10 * MIB), ("models/x", 10 * MIB), ("models/deep/x", 10 * MIB)]
    assert weights.choose(listing) == weights.Weights(("models", "models2/a", "models2/b"), ())


def test_a_folder_with_code_below_it_is_no_weights_and_its_namesakes_do_not_matter() -> None:
    listing = [("model/w", 10 * MIB), ("model.py", 1), ("model_utils/x.py", 1), ("other/w", 10 * MIB), ("other/deep/n.ipynb", 1)]
    assert weights.choose(listing) == weights.Weights(("model",), ())


def test_pictures_and_what_the_tool_keeps_are_never_weights() -> None:
    listing = [("a.jpg", 99 * MIB), ("b.whl", 99 * MIB), (".cog/x", 99 * MIB), ("x/.git/y", 99 * MIB), (".cogent/w", 99 * MIB)]
    assert weights.choose(listing) == weights.Weights((".cogent",), ())


def test_what_is_ignored_or_only_a_link_is_not_counted(tmp_path: Path) -> None:
    for name in ("venv/lib.so", "big.bin"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with open(path, "wb") as file:
            file.truncate(10 * MIB)
    (tmp_path / "link.bin").symlink_to(tmp_path / "big.bin")
    assert weights.scan(tmp_path, Ignore(["venv"])) == weights.Weights((), ("big.bin",))


NAMES = st.sampled_from(["a", "b", "model", "model.py", "w.bin", "x.jpg", ".git", ".cog"])
LISTINGS = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.sampled_from([1, 10 * MIB]))


@given(LISTINGS)
def test_the_order_of_the_listing_does_not_matter_and_no_folder_is_below_another(listing: dict[str, int]) -> None:
    found = weights.choose(listing.items())
    assert found == weights.choose(reversed(list(listing.items())))
    paths = [tuple(path.split("/")) for path in found.directories]
    assert not any(a != b and b[: len(a)] == a for a in paths for b in paths)


# --- payload and contexts -----------------------------------------------------------------------------


def test_the_payload_is_written_with_fixed_modes_and_times(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        count = payload.write(tmp_path / "out", time=1000)
    finally:
        os.umask(old)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) == count and (tmp_path / "out/cog/server/http.py").exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o644}
    folders = [tmp_path / "out", *(path for path in (tmp_path / "out").rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o755}
    assert {path.stat().st_mtime for path in [*files, *folders]} == {1000}


def test_the_payload_has_no_part_of_the_command_line() -> None:
    tops = {path.split("/")[1] for path, _ in payload.entries()}
    assert tops == {
        *("__init__.py", "base_predictor.py", "exceptions.py", "files.py", "types.py", "py.typed"),
        *("command", "runtime_stdlib", "server"),
    }


def test_a_staged_context_has_the_project_and_ours_side_by_side(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "p", {"predict.py": "x", "hidden/a": "", "sub/b": "b"})
    ours = context.write(tmp_path / "ours", {"requirements.txt": "six\n"}, runtime=False)
    both = context.stage(tmp_path / "s", project, ["hidden"], ours)
    found = sorted(str(path.relative_to(both)) for path in both.rglob("*") if path.is_file())
    assert found == ["cog/requirements.txt", "src/predict.py", "src/sub/b"]


def test_a_temporary_context_is_gone_afterwards_also_after_a_failure() -> None:
    with pytest.raises(ValueError), context.temporary() as folder:
        assert folder.is_dir()
        raise ValueError
    assert not folder.exists()

"""The tables fit together, and a site may add to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List

import pytest

from cog.compat import CompatFileInvalid, Tables, load_tables, resolve
from cog.compat.versions import is_version, key, same_minor
from cog.config import Build, Config

TABLES = load_tables()
TORCHES: List[str] = sorted({row.torch for row in TABLES.torch}, key=key)
TENSORFLOWS: List[str] = sorted({row.tensorflow for row in TABLES.tensorflow}, key=key)


def write(folder: Path, data: Any, name: str = "rows.json") -> str:
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return str(path)


def solve(tables: Tables, *lines: str, **build: object) -> Any:
    return resolve(Config(build=Build(**build)), lines, tables)  # type: ignore[arg-type]


def test_every_version_in_the_tables_is_a_version() -> None:
    for row in TABLES.torch:
        assert is_version(row.torch) and is_version(row.torchvision) and is_version(row.torchaudio)
        assert row.cuda == "cpu" or is_version(row.cuda)
        assert all(is_version(python) for python in row.pythons)
    for image in TABLES.cuda_images:
        assert is_version(image.cuda) and image.tag.startswith(image.cuda) and image.tag.endswith(image.ubuntu)


def test_no_row_is_there_twice() -> None:
    builds = [(row.torch, row.cuda) for row in TABLES.torch]
    assert len(builds) == len(set(builds))
    assert len(TABLES.tensorflow) == len({row.tensorflow for row in TABLES.tensorflow})
    assert len(TABLES.cuda_images) == len({image.tag for image in TABLES.cuda_images})


def test_every_torch_release_has_a_cpu_build_and_a_base_image_for_each_gpu_build() -> None:
    assert {row.torch for row in TABLES.torch} == {row.torch for row in TABLES.torch if row.cuda == "cpu"}
    for row in TABLES.torch:
        if row.cuda != "cpu":
            assert any(same_minor(row.cuda, image.cuda) for image in TABLES.cuda_images), row


def test_every_row_installs_from_exactly_one_place() -> None:
    for row in TABLES.torch:
        assert not (row.index and row.find_links), row
        assert bool(row.local) == bool(row.find_links), row
        assert row.index or row.find_links or row.default, row


@pytest.mark.parametrize("pin", TORCHES)
def test_every_known_torch_builds_on_a_gpu_and_without(pin: str) -> None:
    for gpu in (True, False):
        got = solve(TABLES, f"torch=={pin}", gpu=gpu)
        assert (got.warnings, got.requirements[-1].partition("+")[0]) == ((), f"torch=={pin}")


@pytest.mark.parametrize("pin", TENSORFLOWS)
def test_every_known_tensorflow_builds_on_a_gpu(pin: str) -> None:
    got = solve(TABLES, f"tensorflow=={pin}", gpu=True)
    assert got.base_image.startswith("nvidia/cuda:")
    assert got.requirements == (f"tensorflow=={pin}",)


def test_every_cuda_has_a_driver() -> None:
    for image in TABLES.cuda_images:
        assert solve(TABLES, gpu=True, cuda=image.cuda).driver


def test_a_new_release_is_added_by_a_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {
            "torch": [{"torch": "3.0.0", "cuda": "14.0", "pythons": ["3.14"]}],
            "cuda_images": [{"cuda": "14.0.0", "cudnn": "10", "ubuntu": "26.04", "tag": "14.0.0-cudnn-devel-ubuntu26.04"}],
            "drivers": {"14": "700.1"},
        },
    )
    got = solve(load_tables([path]), "torch==3.0.0", gpu=True)
    assert (got.python_version, got.cuda, got.cudnn, got.base_image, got.driver, got.requirements) == (
        "3.14",
        "14.0",
        "10",
        "nvidia/cuda:14.0.0-cudnn-devel-ubuntu26.04",
        "700.1",
        ("--extra-index-url https://download.pytorch.org/whl/cu140", "torch==3.0.0"),
    )


def test_a_row_of_a_later_file_replaces_ours_and_earlier_ones(tmp_path: Path) -> None:
    first = write(tmp_path, {"tensorflow": [{"tensorflow": "2.20.0", "cuda": "12.9", "cudnn": "9"}]}, "a.json")
    second = write(tmp_path, {"tensorflow": [{"tensorflow": "2.20.0", "cuda": "12.8", "cudnn": "9"}]}, "b.json")
    assert solve(load_tables([first]), "tensorflow==2.20.0", gpu=True).cuda == "12.9"
    assert solve(load_tables([first, second]), "tensorflow==2.20.0", gpu=True).cuda == "12.8"
    assert solve(load_tables(), "tensorflow==2.20.0", gpu=True).cuda == "12.5"


def test_a_mirror_of_the_wheels(tmp_path: Path) -> None:
    path = write(tmp_path, {"wheel_host": "https://mirror.example/torch/", "defaults": {"python": "3.11"}})
    got = solve(load_tables([path]), "torch==2.3.1")
    assert got.requirements == ("--extra-index-url https://mirror.example/torch/whl/cpu", "torch==2.3.1")
    assert got.python_version == "3.11"


def test_without_a_wheel_host_no_index_is_added(tmp_path: Path) -> None:
    path = write(tmp_path, {"wheel_host": ""})
    assert solve(load_tables([path]), "torch==2.3", python_version="3.11").requirements == ("torch==2.3.1",)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("{", "Expecting property name"),
        ([], "the file must hold a JSON object"),
        ({"torhc": []}, "unknown key `torhc`"),
        ({"torch": {}}, "`torch` must be a list of rows"),
        ({"torch": [1]}, "row 1 of `torch` must be an object"),
        ({"torch": [{"torch": "2.0"}]}, "row 1 of `torch`: `cuda` is missing"),
        ({"torch": [{"torch": "2.0", "cuda": "12.1", "x": ""}]}, "row 1 of `torch`: unknown key `x`"),
        ({"torch": [{"torch": 2.0, "cuda": "12.1"}]}, "row 1 of `torch`: `torch` must be a text"),
        ({"torch": [{"torch": "2.0", "cuda": "cu121"}]}, "row 1 of `torch`: `cuda` is not a version: 'cu121'"),
        ({"torch": [{"torch": "2.0", "cuda": "12.1", "pythons": "3.8"}]}, "row 1 of `torch`: `pythons` must be a list"),
        ({"torch": [{"torch": "2.0", "cuda": "cpu", "pythons": [3.1]}]}, "`pythons` must hold versions in quotes"),
        ({"wheel_host": None}, "`wheel_host` must be a text"),
        ({"drivers": {"12": 5}}, "`drivers` must map texts to texts"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, data: Any, why: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(CompatFileInvalid) as caught:
        load_tables([path])
    assert caught.value.what == f"the compatibility file {path} cannot be used"
    assert why in caught.value.why


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CompatFileInvalid, match=r"none\.json cannot be used"):
        load_tables([str(tmp_path / "none.json")])

"""The worked examples: a project in, the choice out. Each is one whole road through the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

import pytest

from cog.compat import CompatError, Resolution, load_tables, resolve
from cog.config import Build, Config

TABLES = load_tables()
WHEELS = "https://download.pytorch.org"


def solve(*lines: str, python: Optional[str] = None, gpu: bool = False, **build: str) -> Resolution:
    config = Config(build=Build(gpu=gpu, python_version=python, **build))  # type: ignore[arg-type]
    return resolve(config, lines, TABLES)


@dataclass
class Example:
    name: str
    lines: Sequence[str]
    base: str
    requirements: Sequence[str]
    gpu: bool = True
    python: Optional[str] = "3.11"
    cuda: Optional[str] = None
    cudnn: Optional[str] = None
    chosen: Tuple[Optional[str], Optional[str]] = (None, None)
    chosen_python: Optional[str] = None
    warnings: Sequence[str] = ()


CUDA_11_8 = "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04"

EXAMPLES = [
    Example("no packages", [], "python:3.12-slim", [], gpu=False, python="3.12"),
    Example("gpu alone", [], CUDA_11_8, [], python="3.12", chosen=("11.8", "8")),
    Example(
        "torch 2.0.1 decides Python and CUDA",
        ["torch==2.0.1", "torchvision==0.15.2"],
        CUDA_11_8,
        [f"--extra-index-url {WHEELS}/whl/cu118", "torch==2.0.1", "torchvision==0.15.2"],
        python=None,
        chosen=("11.8", "8"),
        chosen_python="3.11",
    ),
    Example(
        "two parts are the newest patch",
        ["torch==2.3"],
        "nvidia/cuda:12.1.1-cudnn8-devel-ubuntu22.04",
        [f"--extra-index-url {WHEELS}/whl/cu121", "torch==2.3.1"],
        chosen=("12.1", "8"),
    ),
    Example(
        "a CUDA that torch has a build for",
        ["torch==2.5.1"],
        "nvidia/cuda:12.1.1-cudnn8-devel-ubuntu22.04",
        [f"--extra-index-url {WHEELS}/whl/cu121", "torch==2.5.1"],
        cuda="12.1",
        chosen=("12.1", "8"),
    ),
    Example(
        "a CUDA between two builds takes the older one",
        ["torch==2.4.1"],
        "nvidia/cuda:12.2.2-cudnn8-devel-ubuntu22.04",
        [f"--extra-index-url {WHEELS}/whl/cu121", "torch==2.4.1"],
        cuda="12.2",
        chosen=("12.2", "8"),
        warnings=["torch-cuda"],
    ),
    Example(
        "the suffix chooses",
        ["torch==2.4.1+cu118"],
        CUDA_11_8,
        [f"--extra-index-url {WHEELS}/whl/cu118", "torch==2.4.1"],
        chosen=("11.8", "8"),
    ),
    Example(
        "CUDA 12.9",
        ["torch==2.8.0"],
        "nvidia/cuda:12.9.2-cudnn-devel-ubuntu24.04",
        [f"--extra-index-url {WHEELS}/whl/cu129", "torch==2.8.0"],
        cuda="12.9",
        chosen=("12.9", "9"),
    ),
    Example(
        "the newest torch",
        ["torch==2.15.0"],
        "nvidia/cuda:13.2.1-cudnn-devel-ubuntu24.04",
        [f"--extra-index-url {WHEELS}/whl/cu132", "torch==2.15.0"],
        chosen=("13.2", "9"),
    ),
    Example(
        "CPU builds come from the CPU index",
        ["torch==2.5.1", "torchvision==0.20.1", "torchaudio==2.5.1"],
        "python:3.11-slim",
        [f"--extra-index-url {WHEELS}/whl/cpu", "torch==2.5.1", "torchvision==0.20.1", "torchaudio==2.5.1"],
        gpu=False,
    ),
    Example(
        "a find-links page needs the suffix",
        ["torch==1.9.0"],
        "python:3.8-slim",
        [f"--find-links {WHEELS}/whl/torch_stable.html", "torch==1.9.0+cpu"],
        gpu=False,
        python="3.8",
    ),
    Example("TensorFlow decides", ["tensorflow==2.13.0"], CUDA_11_8, ["tensorflow==2.13.0"], chosen=("11.8", "8")),
    Example(
        "TensorFlow steps down to a CUDA that has its cuDNN",
        ["tensorflow==2.17.0"],
        "nvidia/cuda:12.2.2-cudnn8-devel-ubuntu22.04",
        ["tensorflow==2.17.0"],
        chosen=("12.2", "8"),
        warnings=["tensorflow-cuda"],
    ),
    Example(
        "a fixed CUDA stays, with the cuDNN it has",
        ["tensorflow==2.17.0"],
        "nvidia/cuda:12.3.2-cudnn9-devel-ubuntu22.04",
        ["tensorflow==2.17.0"],
        cuda="12.3",
        chosen=("12.3", "9"),
        warnings=["tensorflow-cudnn"],
    ),
    Example(
        "a line is never dropped",
        ["tensorflow==2.20.0"],
        CUDA_11_8,
        ["tensorflow==2.20.0"],
        cuda="11.8",
        chosen=("11.8", "8"),
        warnings=["tensorflow-cuda", "tensorflow-cudnn"],
    ),
    Example(
        "TensorFlow decides before torch",
        ["tensorflow==2.15.0", "torch==2.2.0"],
        "nvidia/cuda:12.2.2-cudnn8-devel-ubuntu22.04",
        [f"--extra-index-url {WHEELS}/whl/cu121", "tensorflow==2.15.0", "torch==2.2.0"],
        chosen=("12.2", "8"),
    ),
    Example("torch without version", ["torch"], CUDA_11_8, ["torch"], chosen=("11.8", "8"), warnings=["torch-unpinned"]),
    Example(
        "extras survive",
        ["jax[cuda12]==0.4.30"],
        "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04",
        ["jax[cuda12]==0.4.30"],
        cuda="12.4",
        chosen=("12.4", "9"),
    ),
    Example(
        "extras and markers survive",
        ['uvicorn[standard]==0.30.6 ; python_version >= "3.9"'],
        "python:3.11-slim",
        ['uvicorn[standard]==0.30.6 ; python_version >= "3.9"'],
        gpu=False,
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.name))
def test_worked_example(example: Example) -> None:
    build = {name: value for name, value in (("cuda", example.cuda), ("cudnn", example.cudnn)) if value}
    got = solve(*example.lines, python=example.python, gpu=example.gpu, **build)
    assert (
        got.base_image,
        got.python_version,
        (got.cuda, got.cudnn),
        list(got.requirements),
        [note.code for note in got.warnings],
    ) == (
        example.base,
        example.chosen_python or example.python,
        example.chosen,
        list(example.requirements),
        list(example.warnings),
    )


@pytest.mark.parametrize(
    ("lines", "build", "code", "message"),
    [
        ([], {"cuda": "12.7"}, "cuda-unsupported", "CUDA 12.7 is not supported"),
        ([], {"cuda": "12.4.1", "cudnn": "8"}, "cudnn-not-offered", "there is no image with CUDA 12.4.1 and cuDNN 8"),
        ([], {"cudnn": "9"}, "cudnn-not-offered", "there is no image with CUDA 11.8 and cuDNN 9"),
        (
            ["torch==0.4.1"],
            {},
            "torch-unknown",
            "torch==0.4.1 is not in the compatibility table, so its CUDA version is not known",
        ),
        (
            ["tensorflow==3.0.0"],
            {},
            "tensorflow-unknown",
            "tensorflow==3.0.0 is not in the compatibility table, so its CUDA version is not known",
        ),
        (
            ["tensorflow==2.15.0"],
            {"cuda": "12.5", "cudnn": "9"},
            "tensorflow-cudnn",
            "cuDNN 9 does not fit tensorflow==2.15.0, which was built with cuDNN 8",
        ),
        (
            ["tensorflow==2.15.0"],
            {"cudnn": "9.1"},
            "tensorflow-cudnn",
            "cuDNN 9 does not fit tensorflow==2.15.0, which was built with cuDNN 8",
        ),
        (
            ["torch==2.4.1"],
            {"cudnn": "8"},
            "cudnn-not-offered",
            "there is no image with CUDA 12.4 and cuDNN 8",
        ),
    ],
)
def test_combinations_without_an_answer(lines: Sequence[str], build: "dict[str, str]", code: str, message: str) -> None:
    with pytest.raises(CompatError) as caught:
        solve(*lines, gpu=True, python="3.11", **build)
    assert (caught.value.code, caught.value.what, bool(caught.value.fix)) == (code, message, True)


def test_an_unknown_torch_is_answered_with_its_neighbours() -> None:
    with pytest.raises(CompatError) as caught:
        solve("torch==2.5.7", gpu=True)
    assert caught.value.why == "nearest known: 2.5.0, 2.5.1, 2.6.0, 2.7.0"

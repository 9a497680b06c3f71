"""Rules of the solver one by one."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import pytest

from cog.compat import CompatError, ConstraintLine, Resolution, load_tables, resolve
from cog.compat.tables import Torch
from cog.config import Build, Concurrency, Config, RunItem
from cog.records import replace

TABLES = load_tables()
WHEELS = "https://download.pytorch.org"


def solve(
    *lines: str,
    cuda_base: str = "auto",
    cog_base: Optional[bool] = None,
    concurrency: Optional[int] = None,
    **build: object,
) -> Resolution:
    config = Config(
        build=Build(**build),  # type: ignore[arg-type]
        concurrency=Concurrency(concurrency) if concurrency else None,
    )
    return resolve(config, lines, TABLES, use_cuda_base_image=cuda_base, use_cog_base_image=cog_base)


def codes(got: Resolution, severity: str = "warning") -> List[str]:
    return [note.code for note in got.notes if note.severity == severity]


# --- Python


@pytest.mark.parametrize(
    ("lines", "python"),
    [
        ([], "3.12"),
        (["torch"], "3.12"),
        (["torch==2.0.1"], "3.11"),
        (["torch==1.12.1"], "3.10"),
        (["torch==2.8.0"], "3.12"),
        (["tensorflow==2.11.0"], "3.10"),
        (["tensorflow==2.11.9"], "3.10"),
        (["torch==2.1.0", "tensorflow==2.11.0"], "3.10"),
        (["torch==99.0.0"], "3.12"),
    ],
)
def test_without_a_version_the_frameworks_choose_python(lines: List[str], python: str) -> None:
    assert solve(*lines).python_version == python


def test_a_framework_for_newer_pythons_only_gets_the_oldest_of_them() -> None:
    row = Torch("9.0.0", "", "", "cpu", ("3.14", "3.15"), "whl/cpu", "", "", True)
    more = replace(TABLES, torch=(row, *TABLES.torch))
    assert resolve(Config(), ["torch==9.0.0"], more).python_version == "3.14"


def test_frameworks_without_a_python_in_common_are_reported() -> None:
    got = solve("tensorflow==2.4.0", "torch==2.9.0")
    assert (got.python_version, codes(got)) == ("3.8", ["python-not-listed"])


def test_a_python_without_wheels_is_a_warning_that_names_those_with() -> None:
    got = solve("torch==2.0.1", python_version="3.12.4")
    assert got.python_version == "3.12.4"
    assert [note.message for note in got.warnings] == [
        "torch==2.0.1 has no wheels for Python 3.12 (it has them for 3.8, 3.9, 3.10, 3.11)"
    ]


def test_no_version_of_python_is_too_new() -> None:
    assert solve(python_version="3.15").base_image == "python:3.15-slim"


def test_concurrency_with_a_python_that_follows_from_a_pin() -> None:
    with pytest.raises(CompatError) as caught:
        solve("torch==1.12.1", concurrency=2)
    assert caught.value.code == "concurrency-needs-newer-python"
    assert solve("torch==1.12.1", concurrency=1).python_version == "3.10"
    assert solve("torch==2.0.1", concurrency=2).python_version == "3.11"


# --- CUDA


@pytest.mark.parametrize(
    ("lines", "cuda", "cudnn", "chosen"),
    [
        (["torch==2.9.1"], None, None, ("13.0", "9")),
        (["torch==2.6.0+cu124"], None, None, ("12.4", "9")),
        (["torch==2.6.0+cu999"], None, None, ("12.6", "9")),
        (["torch==2.6.0+cpu"], None, None, ("11.8", "8")),
        (["torch @ https://x.example/torch.whl"], None, None, ("11.8", "8")),
        ([], "11.8", "8", ("11.8", "8")),
        ([], "11.8", "8.9", ("11.8", "8")),
        ([], "12.1.0", None, ("12.1.0", "8")),
        (["tensorflow==2.12.1"], None, "8", ("11.8", "8")),
        (["tensorflow==2.12.3"], None, None, ("11.8", "8")),
        (["tensorflow==2.12.0"], "12.2", None, ("12.2", "8")),
        (["tensorflow==3.1.0"], "12.5", "9", ("12.5", "9")),
        (["tensorflow==3.1.0"], "12.5", None, ("12.5", "9")),
    ],
)
def test_cuda_and_cudnn(
    lines: List[str], cuda: Optional[str], cudnn: Optional[str], chosen: Tuple[str, str]
) -> None:
    got = solve(*lines, gpu=True, python_version="3.11", cuda=cuda, cudnn=cudnn)
    assert (got.cuda, got.cudnn) == chosen


def test_a_fixed_patch_version_chooses_that_image() -> None:
    assert solve(gpu=True, cuda="12.1.0").base_image == "nvidia/cuda:12.1.0-cudnn8-devel-ubuntu22.04"


@pytest.mark.parametrize(
    ("lines", "build", "warned"),
    [
        (["torch==2.4.1"], {"cuda": "12.4"}, []),
        (["torch==2.4.1"], {"cuda": "12.4.1"}, []),
        (["torch==2.4.1"], {"cuda": "12.6"}, ["torch-cuda"]),
        (["torch==0.4.1"], {"cuda": "11.8"}, ["torch-unknown"]),
        (["tensorflow==2.12.0"], {"cuda": "11.8"}, []),
        (["tensorflow==2.12.0"], {"cuda": "12.2"}, ["tensorflow-cuda"]),
        (["tensorflow==3.1.0"], {"cuda": "12.5"}, ["tensorflow-unknown"]),
        (["tensorflow==3.1.0"], {"cuda": "12.5", "cudnn": "9"}, []),
        (["torch>=2"], {"cuda": "12.4"}, ["torch-unpinned"]),
        (["torch==2.4.1+cpu"], {}, ["cpu-build-with-gpu"]),
        (["torch==2.6.0+cu999"], {}, ["torch-unknown"]),
        (["torch @ https://x.example/torch.whl"], {}, []),
        (["torchvision==0.99.0"], {}, ["torchvision-unknown"]),
        (["torch==2.4.1", "torchvision==0.18.1"], {}, ["torch-release-mismatch"]),
        (["torch==2.4.1", "torchaudio==2.3.1"], {}, ["torch-release-mismatch"]),
        (["torch==2.4.1", "torchvision==0.19.1", "torchaudio==2.4.1"], {}, []),
        (["torch==2.4", "torchvision==0.19.0"], {}, []),
    ],
)
def test_what_is_warned_of_on_a_gpu(lines: List[str], build: "dict[str, Any]", warned: List[str]) -> None:
    assert codes(solve(*lines, gpu=True, python_version="3.11", **build)) == warned


def test_a_warning_about_cuda_names_a_version_that_fits() -> None:
    got = solve("torch==2.4.1", gpu=True, cuda="12.2", python_version="3.11")
    assert [(note.message, note.fix) for note in got.warnings] == [
        (
            "CUDA 12.2 is not one that torch==2.4.1 is built for (known: 12.4, 12.1, 11.8)",
            'set build.cuda to "12.1", or remove it',
        )
    ]


def test_the_driver_that_cuda_needs_is_mentioned_and_the_way_round_it() -> None:
    got = solve("torch==2.9.1", gpu=True, python_version="3.12")
    assert got.driver == "580.65.06"
    assert [(note.message, note.fix) for note in got.notes if note.code == "gpu-driver"] == [
        (
            "CUDA 13.0 needs NVIDIA driver 580.65.06 or newer where the image runs",
            'with an older driver set build.cuda to "12.8"',
        )
    ]


@pytest.mark.parametrize("line", ["torch==2.8.0", "torch==2.4.1", "torch==1.12.1"])
def test_a_default_build_of_the_same_cuda_major_is_no_way_round_a_driver(line: str) -> None:
    assert [note.fix for note in solve(line, gpu=True).notes if note.code == "gpu-driver"] == [""]


def test_a_cuda_that_the_user_fixed_gets_no_advice_to_fix_another() -> None:
    got = solve("torch==2.9.1", gpu=True, cuda="13.0", python_version="3.12")
    assert [note.fix for note in got.notes if note.code == "gpu-driver"] == [""]


@pytest.mark.parametrize(
    ("lines", "flags", "offered"),
    [
        (["torch==2.0.0"], {}, True),
        (["torch==1.13.1"], {}, False),
        (["torch"], {}, False),
        (["torch==2.2.0", "tensorflow==2.15.0"], {}, False),
        (["torch==2.0.0"], {"cuda_base": "false"}, False),
        (["torch==2.0.0"], {"cog_base": True}, False),
    ],
)
def test_the_slim_image_is_offered_where_torch_alone_needs_cuda(
    lines: List[str], flags: "dict[str, Any]", offered: bool
) -> None:
    assert ("slim-image-possible" in codes(solve(*lines, gpu=True, **flags), "note")) is offered


def test_without_a_gpu_cuda_is_kept_as_it_is_written_and_unused() -> None:
    got = solve("numpy==1.26.4", cuda="11.8")
    assert (got.cuda, got.cudnn, got.driver, got.base_image) == ("11.8", None, None, "python:3.12-slim")


# --- base image


def test_a_gpu_project_on_the_slim_image() -> None:
    got = solve("torch==2.4.1", gpu=True, python_version="3.11", cuda_base="false")
    assert (got.base_image, got.base_kind, got.cuda, got.cudnn) == ("python:3.11-slim", "slim", "12.4", "9")
    assert got.requirements == (f"--extra-index-url {WHEELS}/whl/cu124", "torch==2.4.1")


@pytest.mark.parametrize("word", ["auto", "true", "False", "no", ""])
def test_only_the_word_false_turns_the_cuda_image_off(word: str) -> None:
    assert solve(gpu=True, cuda_base=word).base_kind == "cuda"


@pytest.mark.parametrize(
    ("lines", "build", "image"),
    [
        ([], {"python_version": "3.12"}, "python3.12"),
        ([], {"python_version": "3.12", "gpu": True}, "cuda11.8-python3.12"),
        (["torch==2.3"], {"python_version": "3.11", "gpu": True}, "cuda12.1-python3.11-torch2.3.1"),
        (["torch==2.3.1"], {"python_version": "3.11"}, "python3.11-torch2.3.1"),
        (["torch==2.3.1"], {"python_version": "3.11.4"}, "python3.11-torch2.3.1"),
        (["torch"], {"python_version": "3.11"}, "python3.11"),
    ],
)
def test_the_name_of_a_cog_base_image(lines: List[str], build: "dict[str, Any]", image: str) -> None:
    assert solve(*lines, cog_base=True, **build).base_image == f"r8.im/cog-base:{image}"


@pytest.mark.parametrize(
    ("lines", "build", "named"),
    [
        (["torch==1.13.0"], {"python_version": "3.10"}, "Python 3.10, torch==1.13.0"),
        (["torch==2.3.1"], {"python_version": "3.13"}, "Python 3.13, torch==2.3.1"),
        (["torch==2.3.1"], {"gpu": True, "cuda": "12.2", "python_version": "3.11"}, "CUDA 12.2, Python 3.11, torch==2.3.1"),
        ([], {"gpu": True, "cuda": "11.3", "python_version": "3.11"}, "CUDA 11.3, Python 3.11"),
    ],
)
def test_cog_base_images_that_do_not_exist(lines: List[str], build: "dict[str, Any]", named: str) -> None:
    with pytest.raises(CompatError) as caught:
        solve(*lines, cog_base=True, **build)
    assert caught.value.what == f"there is no Cog base image for {named}"


def test_a_patch_version_on_a_cog_base_image_is_dropped_with_a_warning() -> None:
    assert codes(solve(cog_base=True, python_version="3.11.4")) == ["python-patch-dropped"]


@pytest.mark.parametrize("asked", [None, False])
def test_a_cog_base_image_is_used_only_when_asked_for(asked: Optional[bool]) -> None:
    assert solve(cog_base=asked, python_version="3.10").base_image == "python:3.10-slim"


# --- system packages and tools


@pytest.mark.parametrize(
    ("build", "flags", "installed"),
    [
        ({}, {}, ("libgl1", "ffmpeg")),
        ({"gpu": True, "cuda": "12.6"}, {}, ("libgl1", "ffmpeg")),
        ({"gpu": True, "cuda": "12.4"}, {}, ("libgl1-mesa-glx", "ffmpeg")),
        ({}, {"cog_base": True}, ()),
    ],
)
def test_a_renamed_package_is_translated_where_the_old_name_is_gone(
    build: "dict[str, Any]", flags: "dict[str, bool]", installed: Tuple[str, ...]
) -> None:
    got = solve(system_packages=("libgl1-mesa-glx", "ffmpeg"), **build, **flags)  # type: ignore[arg-type]
    assert got.system_packages == installed
    assert ("system-package-renamed" in codes(got, "note")) == ("libgl1" in installed)


def test_both_names_of_a_package_install_it_once() -> None:
    assert solve(system_packages=("libgl1", "libgl1-mesa-glx")).system_packages == ("libgl1",)


def test_a_cog_base_image_keeps_what_it_lacks() -> None:
    assert solve(system_packages=("git", "cowsay"), cog_base=True).system_packages == ("cowsay",)


@pytest.mark.parametrize(
    ("commands", "packages", "lines", "missing"),
    [
        (["curl -L https://x | tar -xz"], (), (), ["curl"]),
        (["cd x && make install"], (), (), ["build-essential"]),
        (["cd x && make install"], ("make",), (), []),
        (["cd x && make install"], ("build-essential",), (), []),
        (["A=1 sudo wget https://x"], ("sudo",), (), ["wget"]),
        (["echo curl"], (), (), []),
        (["apt-get update && apt-get install -y curl", "curl https://x"], (), (), []),
        (["apt-get install -y git; git clone https://x; unzip y"], (), (), ["unzip"]),
        ([], (), ("git+https://x.example/y@1",), ["git"]),
        ([], (), ("-e git+https://x.example/y#egg=y",), ["git"]),
        ([], (), ("y @ git+https://x.example/y",), ["git"]),
        ([], ("git",), ("git+https://x.example/y",), []),
        (["git clone https://x"], (), ("git+https://x.example/y",), ["git"]),
    ],
)
def test_tools_that_nobody_installs_are_noticed(
    commands: List[str], packages: Tuple[str, ...], lines: Tuple[str, ...], missing: List[str]
) -> None:
    got = solve(*lines, run=tuple(map(RunItem, commands)), system_packages=packages)
    assert [note.fix for note in got.warnings] == [f"add {name} to build.system_packages" for name in missing]


def test_a_base_image_that_has_the_tool_is_enough() -> None:
    run = (RunItem("gcc -v"),)
    assert codes(solve(run=run)) == ["tool-missing"]
    assert codes(solve(run=run, gpu=True)) == []
    assert codes(solve(run=(RunItem("curl x"),), cog_base=True)) == []


# --- requirements


@pytest.mark.parametrize(
    "line",
    ["cog", "cog==0.9.4", "Cog>=0.9", "coglet==0.1", "cog @ https://x.example/cog.whl", "git+https://x.example/cog#egg=cog"],
)
def test_the_package_cog_is_left_out_with_a_warning(line: str) -> None:
    got = solve("numpy", line, "pandas", system_packages=("git",))
    assert (got.requirements, codes(got)) == (("numpy", "pandas"), ["cog-requirement-dropped"])


@pytest.mark.parametrize("line", ["-e .", "--editable .", "-e .[dev]", "-e ./"])
def test_the_project_itself_is_left_out_with_a_note(line: str) -> None:
    got = solve(line, "numpy")
    assert (got.requirements, codes(got, "note")) == (("numpy",), ["editable-dropped"])


VERBATIM = [
    "# a comment",
    "",
    "cognitive-toolkit==1.0",
    "uvicorn[standard]==0.30.6",
    'pywin32==306 ; sys_platform == "win32"',
    'tomli==2.0.1; python_version<"3.11"',
    "boto3==1.34.0  # pinned",
    "fastapi>=0.6,<1",
    "-f http://wheels.example.com",
    "--extra-index-url https://pypi.example.com/simple",
    "--index-url=https://pypi.example.com/simple",
    "--pre",
    "requests==2.32.3 \\",
    "    --hash=sha256:70761cfe03c773ceb22aa2f671b4757976145175cdfca038c02654d061d6dcc6 \\",
    "    --hash=sha256:55365417734eb18255590a9ff9eb97e9e1da868d4ccd6402399eacde3e0b3a9e",
    "./wheels/local-1.0-py3-none-any.whl",
    "torchaudio==2.3.1",
    "tensorflow-cpu==2.15.0",
    "   spaced == 1.0   ",
]


def test_what_is_not_torch_is_copied_byte_for_byte() -> None:
    assert solve(*VERBATIM).requirements == tuple(VERBATIM)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("torch==2.3 ; sys_platform == 'linux'", "torch==2.3.1 ; sys_platform == 'linux'"),
        ("Torch [extra] == 2.3  # why", "Torch [extra] == 2.3.1  # why"),
        ("torch==2.3.1+cpu", "torch==2.3.1"),
        ("torch===2.3.1", "torch===2.3.1"),
    ],
)
def test_only_the_version_of_a_torch_line_is_rewritten(line: str, written: str) -> None:
    assert solve(line, python_version="3.11").requirements == (f"--extra-index-url {WHEELS}/whl/cpu", written)


@pytest.mark.parametrize(
    "line", ["torch==99.0", "torch==2", "torch==2.*", "torch>=2.1", "torch==2.3.1 ; sys_platform == 'win32'", "torchvision==0.15"]
)
def test_a_torch_line_without_a_row_stays(line: str) -> None:
    assert solve(line, python_version="3.11").requirements == (line,)


def test_a_gpu_build_in_a_project_without_gpu_stays_with_a_note() -> None:
    got = solve("torch==2.3.1+cu118", python_version="3.11")
    assert (got.requirements, codes(got, "note")) == (("torch==2.3.1+cu118",), ["gpu-build-without-gpu"])


def test_hashes_of_a_torch_line_survive_a_continuation() -> None:
    lines = ("torch==2.3.1 \\", "  --hash=sha256:aa \\", "  --hash=sha256:bb", "numpy==1.26.4")
    assert solve(*lines, python_version="3.11").requirements == (f"--extra-index-url {WHEELS}/whl/cpu", *lines)


def test_index_options_on_a_line_move_to_lines_of_their_own_in_the_order_of_appearance() -> None:
    got = solve(
        "a==1 --extra-index-url=https://one.example -f https://links.example",
        "b==1 --extra-index-url https://two.example --index-url https://main.example",
        "c==1 --extra-index-url=https://one.example --trusted-host one.example",
    )
    assert got.requirements == (
        "--index-url https://main.example",
        "--find-links https://links.example",
        "--extra-index-url https://one.example",
        "--extra-index-url https://two.example",
        "--trusted-host one.example",
        "a==1",
        "b==1",
        "c==1",
    )


def test_a_torch_line_with_an_index_of_its_own_is_not_looked_up() -> None:
    got = solve("torch==1.12.1 --extra-index-url=https://w.example", gpu=True, cuda="11.6.2", python_version="3.8")
    assert got.requirements == ("--extra-index-url https://w.example", "torch==1.12.1")


def test_a_build_on_the_public_index_needs_no_index_line() -> None:
    assert solve("torch==2.0.1", gpu=True, cuda="11.7", python_version="3.11").requirements == ("torch==2.0.1",)


def test_find_links_come_before_indexes_and_each_once() -> None:
    got = solve("torch==1.7.1", "torchvision==0.8.2", "torch==1.13.1", gpu=True, cuda="11.8", python_version="3.8")
    assert got.requirements == (
        f"--find-links {WHEELS}/whl/torch_stable.html",
        f"--extra-index-url {WHEELS}/whl/cu117",
        "torch==1.7.1+cu110",
        "torchvision==0.8.2+cu110",
        "torch==1.13.1",
    )


def test_the_pin_whose_marker_holds_in_the_image_decides() -> None:
    got = solve(
        'torch==2.4.1 ; sys_platform == "darwin"',
        'torch==2.1.0 ; python_version < "3.11"',
        'torch==2.3.1 ; python_version >= "3.11" and platform_system == "Linux"',
        gpu=True,
        python_version="3.11",
    )
    assert (got.cuda, got.requirements[0]) == ("12.1", f"--extra-index-url {WHEELS}/whl/cu121")


def test_constraints_go_into_a_file_of_their_own_and_their_pins_count() -> None:
    got = solve("torch", "numpy", ConstraintLine("torch==2.3"), ConstraintLine("pandas<3"), gpu=True, python_version="3.11")
    assert (got.cuda, got.requirements, got.constraints, codes(got)) == (
        "12.1",
        (f"--extra-index-url {WHEELS}/whl/cu121", "-c constraints.txt", "torch", "numpy"),
        ("torch==2.3.1", "pandas<3"),
        [],
    )


def test_every_choice_has_a_reason() -> None:
    got = solve("torch==2.3", gpu=True, python_version="3.11", system_packages=("ffmpeg",))
    assert got.reasons == {
        "python_version": "build.python_version in cog.yaml",
        "cuda": "the newest CUDA that torch==2.3 is built for",
        "cudnn": "the newest that has an image with CUDA 12.1",
        "base_image": "`gpu: true`: the newest devel image with CUDA 12.1 and cuDNN 8",
        "torch": "torch==2.3: the build for CUDA 12.1, the newest that is not above CUDA 12.1, written as torch==2.3.1",
        "requirements": "torch==2.3: the build for CUDA 12.1, the newest that is not above CUDA 12.1, written as torch==2.3.1",
        "system_packages": "build.system_packages in cog.yaml",
    }

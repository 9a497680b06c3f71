"""The solver: configuration and requirement lines in, Resolution out. Pure.

One rule after the other, each in its own function or module: what is pinned, Python, CUDA, base
image, wheels, system packages, advice. Every choice leaves a reason for `cog debug --explain`.
"""

from __future__ import annotations

from ..config.values import Config
from .advice import frameworks_from_one_release, missing_tools
from .cuda import CudaChoice, choose_cuda, find_image, tensorflow_row
from .pins import Entry, Pin, entries, find_pin, is_unpinned, without_ours
from .resolution import CompatError, Note, Resolution
from .tables import Tables
from .versions import key, minor
from .wheels import write_requirements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Set, Tuple

__all__ = ["resolve"]

BASE_REPOSITORY = "r8.im/cog-base"
_OLDEST_IN_COG_BASE = {"torch": "1.13.1", "python": "3.8", "cuda": "11.6"}


def resolve(
    config: Config,
    requirement_lines: Sequence[str],
    tables: Tables,
    *,
    use_cuda_base_image: str = "auto",
    use_cog_base_image: Optional[bool] = None,
) -> Resolution:
    """Choose everything, or raise CompatError.

    Only the exact word "false" turns the CUDA base image off; a Cog base image is used only when
    asked for.
    """
    build = config.build
    found, notes = without_ours(entries(requirement_lines))
    reasons: Dict[str, str] = {}

    python = _python(config, found, tables, notes, reasons)
    torch = find_pin(found, "torch", python)
    tensorflow = find_pin(found, "tensorflow", python)

    choice: Optional[CudaChoice] = None
    if build.gpu:
        choice = choose_cuda(build.cuda, build.cudnn, torch, tensorflow, tables)
        notes += choice.notes
        reasons.update(cuda=choice.why_cuda, cudnn=choice.why_cudnn)
        notes += _torch_advice(found, torch, python, choice)
    cuda = choice.cuda if choice else None

    image, kind, ubuntu = _base(
        python, choice, torch, tables, notes, reasons, use_cuda_base_image, use_cog_base_image
    )
    written = write_requirements(found, cuda, python, tables)
    notes += written.notes
    reasons.update(written.reasons)
    if written.reasons:
        reasons["requirements"] = "; ".join(written.reasons.values())
    packages = _system_packages(build.system_packages, kind, ubuntu, tables, notes, reasons)

    notes += frameworks_from_one_release(found, torch, python, tables)
    notes += missing_tools(config, found, packages, kind, image, tables)
    driver = _driver(cuda, tables)
    if choice is not None and driver is not None:
        notes.append(_driver_note(choice, driver, torch, tables))
    if kind == "cuda" and torch is not None and tensorflow is None and key(torch.version) >= (2,):
        notes.append(
            Note(
                "slim-image-possible",
                "the wheels of torch bring CUDA along, so the image may not need it a second time",
                severity="note",
                fix="for an image that is smaller by gigabytes try --use-cuda-base-image=false",
            )
        )
    return Resolution(
        python_version=python,
        gpu=build.gpu,
        cuda=cuda if build.gpu else build.cuda,
        cudnn=choice.cudnn if choice else build.cudnn,
        base_image=image,
        base_kind=kind,
        requirements=written.lines,
        constraints=written.constraints,
        system_packages=packages,
        notes=tuple(notes),
        reasons=reasons,
        driver=driver,
    )


# --- Python ------------------------------------------------------------------------------------


def _python(
    config: Config, found: Sequence[Entry], tables: Tables, notes: List[Note], reasons: Dict[str, str]
) -> str:
    asked = config.build.python_version
    lists: List[Tuple[Pin, Set[str]]] = []
    for name in ("tensorflow", "torch"):
        pin = find_pin(found, name, asked)
        pythons = _pythons(pin, tables) if pin else set()
        if pin and pythons:
            lists.append((pin, pythons))
    if asked is not None:
        reasons["python_version"] = "build.python_version in cog.yaml"
        for pin, pythons in lists:
            if minor(asked) not in pythons:
                notes.append(
                    Note(
                        "python-not-listed",
                        f"{pin} has no wheels for Python {minor(asked)} "
                        f"(it has them for {', '.join(sorted(pythons, key=key))})",
                        fix=f'set build.python_version to "{max(pythons, key=key)}"',
                    )
                )
        return asked
    python = tables.default_python
    reasons["python_version"] = "the default"
    if lists:
        common = set.intersection(*(pythons for _, pythons in lists))
        names = " and ".join(str(pin) for pin, _ in lists)
        if not common:
            pin, common = lists[0]
            notes.append(
                Note(
                    "python-not-listed",
                    f"{names} have wheels for no Python in common; {pin} decides",
                    fix="pin versions that fit together",
                )
            )
            names = str(pin)
        usual = [one for one in common if key(one) <= key(python)]
        chosen = max(usual, key=key) if usual else min(common, key=key)
        reasons["python_version"] = f"the newest up to {python} that {names} has wheels for"
        python = chosen
    concurrency = config.concurrency
    if concurrency is not None and concurrency.max > 1 and key(python) < (3, 11):
        raise CompatError(
            "concurrency-needs-newer-python",
            f"concurrency.max above 1 needs Python 3.11 or newer; "
            f"Python {python} follows from {' and '.join(str(pin) for pin, _ in lists)}",
            fix="pin a newer release, or set concurrency.max to 1",
        )
    return python


def _pythons(pin: Pin, tables: Tables) -> Set[str]:
    """The Pythons that a pinned framework has wheels for; empty when that is not known."""
    if pin.name == "tensorflow":
        row = tensorflow_row(pin, tables)
        return set(row.pythons) if row else set()
    rows = [row for row in tables.torch if pin.matches(row.torch)]
    newest = max((row.torch for row in rows), key=key, default="")
    return {python for row in rows if row.torch == newest for python in row.pythons}


# --- base image --------------------------------------------------------------------------------


def _base(
    python: str,
    choice: Optional[CudaChoice],
    torch: Optional[Pin],
    tables: Tables,
    notes: List[Note],
    reasons: Dict[str, str],
    use_cuda_base_image: str,
    use_cog_base_image: Optional[bool],
) -> Tuple[str, str, str]:
    """Image, kind, and Ubuntu version where it is known."""
    if use_cog_base_image:
        reasons["base_image"] = "--use-cog-base-image"
        if python.count(".") > 1:
            notes.append(
                Note(
                    "python-patch-dropped",
                    f"Cog base images know no patch versions: Python {python} becomes {minor(python)}",
                    fix="leave the patch version out of build.python_version",
                )
            )
        return _cog_base(minor(python), choice, torch, tables), "cog", ""
    if choice is not None and use_cuda_base_image != "false":
        image = find_image(choice.cuda, choice.cudnn, tables)
        reasons["base_image"] = (
            f"`gpu: true`: the newest devel image with CUDA {choice.cuda} and cuDNN {choice.cudnn}"
        )
        return f"nvidia/cuda:{image.tag}", "cuda", image.ubuntu
    reasons["base_image"] = (
        "--use-cuda-base-image=false: the wheels bring CUDA along"
        if choice is not None
        else f"no GPU: the slim image of Python {python}"
    )
    return f"python:{python}-slim", "slim", ""


def _cog_base(
    python: str, choice: Optional[CudaChoice], torch: Optional[Pin], tables: Tables
) -> str:
    cuda = minor(choice.cuda) if choice else ""
    version = ""
    oldest = {name: key(version) for name, version in _OLDEST_IN_COG_BASE.items()}
    known = key(python) >= oldest["python"] and (not cuda or key(cuda) >= oldest["cuda"])
    if torch is not None:
        rows = [
            row
            for row in tables.torch
            if torch.matches(row.torch)
            and row.cuda == (cuda or "cpu")
            and (not row.pythons or python in row.pythons)
            and key(row.torch) >= oldest["torch"]
        ]
        version = max((row.torch for row in rows), key=key, default="")
        known = known and bool(version)
    if not known:
        asked = [f"CUDA {cuda}"] if cuda else []
        asked += [f"Python {python}", *([str(torch)] if torch else [])]
        raise CompatError(
            "no-cog-base-image",
            f"there is no Cog base image for {', '.join(asked)}",
            why="they exist for torch 1.13.1, Python 3.8 and CUDA 11.6 or newer, "
            "in combinations that torch is built for",
            fix="leave --use-cog-base-image out",
        )
    parts = [f"cuda{cuda}" if cuda else "", f"python{python}", f"torch{version}" if version else ""]
    return f"{BASE_REPOSITORY}:{'-'.join(part for part in parts if part)}"


# --- the rest ----------------------------------------------------------------------------------


def _torch_advice(
    found: Sequence[Entry], torch: Optional[Pin], python: str, choice: CudaChoice
) -> List[Note]:
    if is_unpinned(found, "torch", python):
        return [
            Note(
                "torch-unpinned",
                f"torch has no exact version, so CUDA {choice.cuda} was chosen without it; "
                "the newest torch may need another CUDA",
                fix="pin it, for example torch==2.8.0",
            )
        ]
    if torch is not None and torch.local == "cpu":
        return [
            Note(
                "cpu-build-with-gpu",
                f"{torch} is a CPU build, and the project has `gpu: true`",
                fix="remove the suffix, or `gpu: true`",
            )
        ]
    return []


def _system_packages(
    names: Sequence[str],
    kind: str,
    ubuntu: str,
    tables: Tables,
    notes: List[Note],
    reasons: Dict[str, str],
) -> Tuple[str, ...]:
    result: List[str] = []
    changed: List[str] = []
    for name in names:
        if kind == "cog" and name in tables.cog_base_packages:
            changed.append(f"{name} is in the base image already")
            continue
        for rule in tables.renamed_packages:
            ubuntus = [base for base in rule.bases if base != "slim"]
            holds = kind in rule.bases or (
                bool(ubuntu) and any(key(ubuntu) >= key(base) for base in ubuntus)
            )
            if name == rule.old and holds:
                notes.append(
                    Note(
                        "system-package-renamed",
                        f"the system package {rule.old} is called {rule.new} on this base image; "
                        f"{rule.new} is installed",
                        severity="note",
                        fix=f"write {rule.new} in build.system_packages",
                    )
                )
                changed.append(f"{rule.old} is called {rule.new} on this base image")
                name = rule.new
                break
        if name not in result:
            result.append(name)
    if names:
        reasons["system_packages"] = "; ".join(["build.system_packages in cog.yaml", *changed])
    return tuple(result)


def _driver(cuda: Optional[str], tables: Tables) -> Optional[str]:
    if cuda is None:
        return None
    return tables.drivers.get(minor(cuda)) or tables.drivers.get(cuda.split(".")[0])


def _driver_note(choice: CudaChoice, driver: str, torch: Optional[Pin], tables: Tables) -> Note:
    fix = ""
    if torch is not None:
        usual = {row.cuda for row in tables.torch if row.default and torch.matches(row.torch)}
        older = [cuda for cuda in usual if key(cuda)[:1] < key(choice.cuda)[:1]]
        if older and choice.why_cuda.startswith("the newest"):
            fix = f'with an older driver set build.cuda to "{max(older, key=key)}"'
    return Note(
        "gpu-driver",
        f"CUDA {choice.cuda} needs NVIDIA driver {driver} or newer where the image runs",
        severity="note",
        fix=fix,
    )

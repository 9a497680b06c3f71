"""CUDA and cuDNN for a GPU project.

TensorFlow decides before torch, since it is built for one CUDA and one cuDNN; torch comes in
several builds and takes the newest. What the user fixed stays fixed: then we warn, and refuse only
what no image has or what TensorFlow cannot load.
"""

from __future__ import annotations

from cog.records import dataclass, field

from .pins import Pin
from .resolution import CompatError, Note
from .tables import CudaImage, Tables, Tensorflow, Torch
from .versions import key, minor, same_minor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, NoReturn, Optional, Sequence, Tuple

__all__ = ["CudaChoice", "build_tag", "choose_cuda", "find_image", "gpu_rows", "tensorflow_row"]


@dataclass
class CudaChoice:
    cuda: str
    cudnn: str
    why_cuda: str
    why_cudnn: str
    notes: List[Note] = field(default_factory=list)


def choose_cuda(
    cuda: Optional[str],
    cudnn: Optional[str],
    torch: Optional[Pin],
    tensorflow: Optional[Pin],
    tables: Tables,
) -> CudaChoice:
    cudnn = cudnn.split(".")[0] if cudnn else None  # only the major version is ever used
    if cuda:
        offers = _offers(cuda, tables)
        if cudnn and cudnn not in offers:
            _refuse_cudnn(cuda, cudnn, offers)
    if tensorflow is not None:
        return _by_tensorflow(cuda, cudnn, tensorflow, tables)
    if torch is not None and torch.local != "cpu":
        return _by_torch(cuda, cudnn, torch, tables)
    if cuda:
        why = "build.cuda in cog.yaml"
    else:
        cuda = tables.default_cuda
        why = "no framework says otherwise: an old CUDA runs with most drivers"
    return _with_cudnn(CudaChoice(cuda, "", why, ""), cudnn, tables)


def _by_tensorflow(
    cuda: Optional[str], cudnn: Optional[str], pin: Pin, tables: Tables
) -> CudaChoice:
    row = tensorflow_row(pin, tables)
    if row is not None and cudnn and cudnn != row.cudnn_major:
        raise CompatError(
            "tensorflow-cudnn",
            f"cuDNN {cudnn} does not fit {pin}, which was built with cuDNN {row.cudnn_major}",
            why="TensorFlow loads cuDNN by its major version",
            fix=f'set build.cudnn to "{row.cudnn_major}", or remove it',
        )
    if cuda is None:
        if row is None:
            raise CompatError(
                "tensorflow-unknown",
                f"{pin} is not in the compatibility table, so its CUDA version is not known",
                why=f"nearest known: {_nearest(pin, [r.tensorflow for r in tables.tensorflow])}",
                fix="use one of these, or set build.cuda (and build.cudnn) in cog.yaml yourself",
            )
        return _tensorflow_default(row, pin, tables)
    choice = CudaChoice(cuda, cudnn or "", "build.cuda in cog.yaml", "build.cudnn in cog.yaml")
    offers = _offers(cuda, tables)
    if row is None:
        choice = _with_cudnn(choice, cudnn, tables)
        choice.notes.append(
            Note(
                "tensorflow-unknown",
                f"{pin} is not in the compatibility table; whether it works with CUDA {cuda} and "
                f"cuDNN {choice.cudnn} is not known",
                severity="note" if cudnn else "warning",
                fix="add a row for it to a file named by COG_COMPAT_FILE",
            )
        )
        return choice
    if not same_minor(cuda, row.cuda):
        choice.notes.append(
            Note(
                "tensorflow-cuda",
                f"CUDA {cuda} is not what {pin} was built with (CUDA {row.cuda}); "
                "it may not find the GPU",
                fix=f'set build.cuda to "{row.cuda}", or remove it',
            )
        )
    if not cudnn:
        choice.cudnn = row.cudnn_major if row.cudnn_major in offers else offers[0]
        choice.why_cudnn = f"{pin} was built with it"
        if choice.cudnn != row.cudnn_major:
            choice.why_cudnn = f"the newest that has an image with CUDA {cuda}"
            choice.notes.append(
                Note(
                    "tensorflow-cudnn",
                    f"{pin} was built with cuDNN {row.cudnn_major}, and no image has that with "
                    f"CUDA {cuda}: it gets cuDNN {choice.cudnn}; it may not find the GPU",
                    fix="remove build.cuda to let it be chosen",
                )
            )
    return choice


def _tensorflow_default(row: Tensorflow, pin: Pin, tables: Tables) -> CudaChoice:
    wanted = row.cudnn_major
    if wanted in _cudnns(row.cuda, tables):
        why = f"{pin} was built with it"
        return CudaChoice(row.cuda, wanted, why, why)
    # A library built for one minor version loads any other of the same major.
    lower = [
        minor(image.cuda)
        for image in tables.cuda_images
        if image.cudnn == wanted
        and key(image.cuda)[:1] == key(row.cuda)[:1]
        and key(image.cuda)[:2] < key(row.cuda)[:2]
    ]
    if not lower:
        _refuse_image(row.cuda, wanted)
    cuda = max(lower, key=key)
    note = Note(
        "tensorflow-cuda",
        f"{pin} was built with CUDA {row.cuda} and cuDNN {wanted}, and there is no image with both: "
        f"the nearest, CUDA {cuda}, is used",
        fix=f'set build.cuda to "{cuda}" to say that you want this',
    )
    why = f"the nearest below CUDA {row.cuda} that has an image with cuDNN {wanted}"
    return CudaChoice(cuda, wanted, why, f"{pin} was built with it", [note])


def _by_torch(cuda: Optional[str], cudnn: Optional[str], pin: Pin, tables: Tables) -> CudaChoice:
    rows = gpu_rows(pin, tables)
    if cuda is None:
        if not rows:
            raise CompatError(
                "torch-unknown",
                f"{pin} is not in the compatibility table, so its CUDA version is not known",
                why=f"nearest known: {_nearest(pin, [row.torch for row in tables.torch])}",
                fix="use one of these, or set build.cuda in cog.yaml yourself",
            )
        best = max((row.cuda for row in rows), key=key)
        why = f"the newest CUDA that {pin} is built for"
        if pin.local and build_tag(best) == pin.local:
            why = f"the version suffix of {pin}"
        return _with_cudnn(CudaChoice(best, "", why, ""), cudnn, tables)
    choice = _with_cudnn(CudaChoice(cuda, "", "build.cuda in cog.yaml", ""), cudnn, tables)
    known = sorted({row.cuda for row in rows}, key=key, reverse=True)
    if not known:
        choice.notes.append(
            Note(
                "torch-unknown",
                f"torch: {pin} is not in the compatibility table; whether it works with CUDA {cuda} "
                "is not known, and it is installed as it is written",
                fix=f"nearest known: {_nearest(pin, [row.torch for row in tables.torch])}",
            )
        )
    elif not any(same_minor(cuda, one) for one in known):
        below = [one for one in known if key(one) <= key(cuda)[:2]]
        choice.notes.append(
            Note(
                "torch-cuda",
                f"CUDA {cuda} is not one that {pin} is built for (known: {', '.join(known)})",
                fix=f'set build.cuda to "{(below or known)[0]}", or remove it',
            )
        )
    return choice


def _with_cudnn(choice: CudaChoice, cudnn: Optional[str], tables: Tables) -> CudaChoice:
    offers = _offers(choice.cuda, tables)
    if cudnn and cudnn not in offers:
        _refuse_cudnn(choice.cuda, cudnn, offers)
    choice.cudnn = cudnn or offers[0]
    newest = f"the newest that has an image with CUDA {choice.cuda}"
    choice.why_cudnn = "build.cudnn in cog.yaml" if cudnn else newest
    return choice


def tensorflow_row(pin: Pin, tables: Tables) -> Optional[Tensorflow]:
    """The row of this release, else of the newest of the same minor version."""
    exact = [row for row in tables.tensorflow if row.tensorflow == pin.public]
    if exact:
        return exact[0]
    kin = [row for row in tables.tensorflow if same_minor(row.tensorflow, pin.public)]
    return max(kin, key=lambda row: key(row.tensorflow)) if kin else None


def gpu_rows(pin: Pin, tables: Tables) -> List[Torch]:
    """The GPU builds of a pinned torch; a suffix that exists narrows them to one CUDA."""
    rows = [row for row in tables.torch if row.cuda != "cpu" and pin.matches(row.torch)]
    narrowed = [row for row in rows if build_tag(row.cuda) == pin.local]
    return narrowed or rows


def build_tag(cuda: str) -> str:
    """"11.8" -> "cu118" """
    return "cpu" if cuda == "cpu" else "cu" + "".join(cuda.split(".")[:2])


def find_image(cuda: str, cudnn: str, tables: Tables) -> CudaImage:
    """The devel image with the highest CUDA, then the highest Ubuntu."""
    fitting = [i for i in tables.cuda_images if i.cudnn == cudnn and _is(cuda, i.cuda)]
    if not fitting:
        _refuse_image(cuda, cudnn)
    return max(fitting, key=lambda image: (key(image.cuda), key(image.ubuntu)))


def _is(asked: str, cuda: str) -> bool:
    """Two parts stand for every patch release."""
    return cuda == asked or (asked.count(".") == 1 and cuda.startswith(asked + "."))


def _cudnns(cuda: str, tables: Tables) -> List[str]:
    found = {image.cudnn for image in tables.cuda_images if _is(cuda, image.cuda)}
    return sorted(found, key=key, reverse=True)


def _offers(cuda: str, tables: Tables) -> List[str]:
    """The cuDNN versions that images with this CUDA have, newest first; never empty."""
    offers = _cudnns(cuda, tables)
    if not offers:
        known = sorted({minor(image.cuda) for image in tables.cuda_images}, key=key, reverse=True)
        raise CompatError(
            "cuda-unsupported",
            f"CUDA {cuda} is not supported",
            why="there is no nvidia/cuda devel image with cuDNN for it",
            fix=f"use one of {', '.join(known)}, or remove build.cuda to let it be chosen",
        )
    return offers


def _refuse_cudnn(cuda: str, cudnn: str, offers: Sequence[str]) -> NoReturn:
    raise CompatError(
        "cudnn-not-offered",
        f"there is no image with CUDA {cuda} and cuDNN {cudnn}",
        why=f"images with CUDA {cuda} have cuDNN {' or '.join(offers)}",
        fix=f'set build.cudnn to "{offers[0]}", or remove it to let it be chosen',
    )


def _refuse_image(cuda: str, cudnn: str) -> NoReturn:
    raise CompatError(
        "no-base-image",
        f"no matching base image for CUDA {cuda} and cuDNN {cudnn}",
        fix="set build.cuda to another version, or use --use-cuda-base-image=false",
    )


def _nearest(pin: Pin, known: Sequence[str]) -> str:
    """A few released versions around the one that is not known."""
    asked = _padded(key(pin.version))
    versions = sorted(set(known), key=lambda version: _padded(key(version)))
    above = [version for version in versions if _padded(key(version)) > asked]
    below = [version for version in versions if _padded(key(version)) <= asked]
    return ", ".join([*below[-2:], *above[: 4 - len(below[-2:])]])


def _padded(numbers: Tuple[int, ...]) -> Tuple[int, ...]:
    return (*numbers, 0, 0, 0)[:3]

"""Compatibility tables and their one loader.

The tables are data files beside this module, one row per release and variant. A site that needs
newer rows, or a mirror of the PyTorch wheels, adds files of the same form (COG_COMPAT_FILE):
a row with the same key replaces ours, a new one is added. The solver gets the result and never
looks at files itself. Rows may stand in any order; the rules compare versions.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache

from cog.records import cast, dataclass, field

from ..errors import CogError
from .versions import is_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Sequence, Tuple

__all__ = ["CompatFileInvalid", "CudaImage", "Renamed", "Tables", "Tensorflow", "Torch", "load_tables"]

_FILES = ("rules.json", "torch.json", "tensorflow.json", "cuda_images.json")


@dataclass(frozen=True)
class Torch:
    """One build of one torch release, and the releases of its siblings."""

    torch: str
    torchvision: str
    torchaudio: str
    cuda: str  # major.minor, or "cpu"
    pythons: Tuple[str, ...]
    index: str  # path on the wheel host; neither this nor find_links: the public index
    find_links: str
    local: str  # "+cu111", kept in the pin where a find-links page is used
    default: bool  # a plain `pip install torch==X` gives this build


@dataclass(frozen=True)
class Tensorflow:
    tensorflow: str
    cuda: str
    cudnn: str
    pythons: Tuple[str, ...]

    @property
    def cudnn_major(self) -> str:
        return self.cudnn.split(".")[0]


@dataclass(frozen=True)
class CudaImage:
    """A devel image with cuDNN."""

    cuda: str  # major.minor.patch
    cudnn: str  # major
    ubuntu: str
    tag: str


@dataclass(frozen=True)
class Renamed:
    """A system package that newer distributions have under another name only."""

    old: str
    new: str
    bases: Tuple[str, ...]  # "slim", or an Ubuntu version from which on it holds


@dataclass(frozen=True)
class Tables:
    torch: Tuple[Torch, ...] = ()
    tensorflow: Tuple[Tensorflow, ...] = ()
    cuda_images: Tuple[CudaImage, ...] = ()
    wheel_host: str = ""  # empty: emit no index lines
    default_python: str = "3.12"
    default_cuda: str = "11.8"
    drivers: Mapping[str, str] = field(default_factory=dict)  # CUDA (major or major.minor) -> lowest driver
    renamed_packages: Tuple[Renamed, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)  # command -> package that brings it
    provided_tools: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)  # base -> commands
    cog_base_packages: Tuple[str, ...] = ()


class CompatFileInvalid(CogError):
    """A site's own table file that we cannot use."""

    code = "compat-file-invalid"
    category = "compat"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"the compatibility file {path} cannot be used",
            why=why,
            fix="correct it; its form is described under \"Your own compatibility rows\" in docs/yaml.md",
        )


def load_tables(overrides: Sequence[str] = ()) -> Tables:
    """Our tables, extended by the files at these paths; later files win."""
    raw = _built_in()
    for path in overrides:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise CompatFileInvalid(path, str(error)) from error
        try:
            raw = merged(raw, json.loads(text))
        except (ValueError, _Unusable) as error:
            raise CompatFileInvalid(path, str(error)) from error
    return tables(raw)


@lru_cache(maxsize=1)
def _built_in() -> Dict[str, Any]:
    loader = cast("Any", __spec__).loader
    folder = os.path.join(os.path.dirname(__file__), "data")
    raw: Dict[str, Any] = {}
    for name in _FILES:
        # The module's own loader reads from a folder and from the archive alike, and costs no import.
        raw.update(json.loads(loader.get_data(os.path.join(folder, name))))
    return raw


class _Unusable(Exception):
    """Why an override is refused."""


# Table -> what identifies a row, what a row must have, and what it may have.
_ROWS: Dict[str, Tuple[Tuple[str, ...], Tuple[str, ...], Tuple[str, ...]]] = {
    "torch": (
        ("torch", "cuda"),
        ("torch", "cuda"),
        ("torchvision", "torchaudio", "pythons", "index", "find_links", "local", "default"),
    ),
    "tensorflow": (("tensorflow",), ("tensorflow", "cuda", "cudnn"), ("pythons",)),
    "cuda_images": (("tag",), ("cuda", "cudnn", "ubuntu", "tag"), ()),
}
_VERSIONS = ("torch", "torchvision", "torchaudio", "tensorflow", "cuda", "cudnn", "ubuntu")


def merged(raw: Mapping[str, Any], more: object) -> Dict[str, Any]:
    """`raw` with the rows and settings of `more` put over it. Raises _Unusable. Pure."""
    if not isinstance(more, dict):
        raise _Unusable("the file must hold a JSON object")
    result = dict(raw)
    for name, value in more.items():
        if name in _ROWS:
            result[name] = _merged_rows(name, result[name], value)
        elif name == "wheel_host":
            if not isinstance(value, str):
                raise _Unusable("`wheel_host` must be a text")
            result[name] = value.rstrip("/")
        elif name in ("defaults", "drivers"):
            if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
                raise _Unusable(f"`{name}` must map texts to texts")
            result[name] = {**result[name], **value}
        else:
            known = ", ".join([*_ROWS, "wheel_host", "defaults", "drivers"])
            raise _Unusable(f"unknown key `{name}`; known are {known}")
    return result


def _merged_rows(table: str, old: List[Dict[str, Any]], new: object) -> List[Dict[str, Any]]:
    identity, required, optional = _ROWS[table]
    if not isinstance(new, list):
        raise _Unusable(f"`{table}` must be a list of rows")
    for number, row in enumerate(new, 1):
        place = f"row {number} of `{table}`"
        if not isinstance(row, dict):
            raise _Unusable(f"{place} must be an object")
        for key, value in row.items():
            if key not in required + optional:
                raise _Unusable(f"{place}: unknown key `{key}`")
            wanted = list if key == "pythons" else bool if key == "default" else str
            if not isinstance(value, wanted):
                raise _Unusable(f"{place}: `{key}` must be a {_KINDS[wanted]}")
            if isinstance(value, list) and not all(isinstance(v, str) and is_version(v) for v in value):
                raise _Unusable(f"{place}: `pythons` must hold versions in quotes")
            if key in _VERSIONS and value not in ("", "cpu") and not is_version(str(value)):
                raise _Unusable(f"{place}: `{key}` is not a version: {value!r}")
        missing = [key for key in required if not row.get(key)]
        if missing:
            raise _Unusable(f"{place}: `{missing[0]}` is missing")
    replaced = {tuple(row[key] for key in identity) for row in new}
    kept = [row for row in old if tuple(row[key] for key in identity) not in replaced]
    return [*new, *kept]


_KINDS = {list: "list", bool: "boolean", str: "text"}


def tables(raw: Mapping[str, Any]) -> Tables:
    """Rows into values. Pure."""
    return Tables(
        torch=tuple(_torch(row) for row in raw["torch"]),
        tensorflow=tuple(
            Tensorflow(row["tensorflow"], row["cuda"], row["cudnn"], tuple(row.get("pythons", ())))
            for row in raw["tensorflow"]
        ),
        cuda_images=tuple(
            CudaImage(row["cuda"], row["cudnn"].split(".")[0], row["ubuntu"], row["tag"])
            for row in raw["cuda_images"]
        ),
        wheel_host=raw["wheel_host"],
        default_python=raw["defaults"]["python"],
        default_cuda=raw["defaults"]["cuda"],
        drivers=raw["drivers"],
        renamed_packages=tuple(
            Renamed(row["from"], row["to"], tuple(row["bases"])) for row in raw["renamed_packages"]
        ),
        tools=raw["tools"],
        provided_tools={base: tuple(names) for base, names in raw["provided_tools"].items()},
        cog_base_packages=tuple(raw["cog_base_packages"]),
    )


def _torch(row: Mapping[str, Any]) -> Torch:
    cuda: str = row["cuda"]
    usual = "whl/cpu" if cuda == "cpu" else "whl/cu" + cuda.replace(".", "")
    return Torch(
        torch=row["torch"],
        torchvision=row.get("torchvision", ""),
        torchaudio=row.get("torchaudio", ""),
        cuda=cuda,
        pythons=tuple(row.get("pythons", ())),
        # Our rows say "" where the build is on the public index; a site's row may leave it out.
        index=row["index"] if "index" in row else "" if row.get("find_links") else usual,
        find_links=row.get("find_links", ""),
        local=row.get("local", ""),
        default=row.get("default", False),
    )

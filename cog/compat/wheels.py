"""Which build of torch and torchvision to install, and from which index.

Only the version of a torch or torchvision pin is ever rewritten, and only when its row says so:
a two-part pin becomes the newest patch release, a local suffix goes where an index has the build
and stays where a shared find-links page has all builds side by side. TensorFlow, torchaudio and
everything else are copied as they are.
"""

from __future__ import annotations

from cog.records import dataclass, field

from .cuda import build_tag
from .markers import holds
from .pins import Entry, Pin
from .requirements import Requirement
from .resolution import Note
from .tables import Tables, Torch
from .versions import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

__all__ = ["Requirements", "write_requirements"]

# Options that go before the packages, in this order.
_ORDER = ("--index-url", "--find-links", "--extra-index-url", "--trusted-host")


@dataclass
class Requirements:
    lines: Tuple[str, ...] = ()
    constraints: Tuple[str, ...] = ()
    notes: List[Note] = field(default_factory=list)
    reasons: Dict[str, str] = field(default_factory=dict)


def write_requirements(
    found: List[Entry], cuda: Optional[str], python: str, tables: Tables
) -> Requirements:
    """`cuda` is None for a project without GPU."""
    result = Requirements()
    options: Dict[str, List[str]] = {name: [] for name in _ORDER}
    lines: List[str] = []
    constraints: List[str] = []
    for entry in found:
        text = entry.text
        if entry.requirement is not None:
            text, wanted = _written(entry.requirement, cuda, python, tables, result)
            for name, value in wanted:
                if value not in options[name]:
                    options[name].append(value)
        (constraints if entry.constraint else lines).extend(text.split("\n"))
    head = [f"{name} {value}" for name in _ORDER for value in options[name]]
    if constraints:
        head.append("-c constraints.txt")
    result.lines, result.constraints = (*head, *lines), tuple(constraints)
    return result


def _written(
    requirement: Requirement, cuda: Optional[str], python: str, tables: Tables, result: Requirements
) -> Tuple[str, List[Tuple[str, str]]]:
    """The line, and the index options it needs."""
    options = list(requirement.options)
    name, version = requirement.name, requirement.version
    if (
        name not in ("torch", "torchvision")
        or version is None
        or not holds(requirement.marker, python)
        or any(option == "--extra-index-url" for option, _ in options)
    ):
        return requirement.line, options
    pin = Pin(name, version)
    row = _row(pin, cuda, tables)
    if row is None:
        _report_unknown(pin, cuda, result)
        return requirement.line, options
    public = row.torch if name == "torch" else row.torchvision
    if row.find_links:
        public += row.local
        options.append(("--find-links", f"{tables.wheel_host}/{row.find_links}"))
    elif row.index:
        options.append(("--extra-index-url", f"{tables.wheel_host}/{row.index}"))
    if not tables.wheel_host:
        options = list(requirement.options)
    built = "the CPU" if row.cuda == "cpu" else f"CUDA {row.cuda}"
    result.reasons[name] = (
        f"{pin}: the build for {built}"
        + ("" if cuda is None or row.cuda == "cpu" else f", the newest that is not above CUDA {cuda}")
        + ("" if public == version else f", written as {name}=={public}")
    )
    return requirement.with_version(public), options


def _row(pin: Pin, cuda: Optional[str], tables: Tables) -> Optional[Torch]:
    """The build to install; None when the table has none and the line must stay as it is."""
    if pin.name == "torch":
        rows = [row for row in tables.torch if pin.matches(row.torch)]
    else:
        rows = [row for row in tables.torch if row.torchvision == pin.public]
    if cuda is None or pin.local == "cpu":
        rows = [row for row in rows if row.cuda == "cpu" and pin.local in ("", "cpu")]
    else:
        rows = [
            row
            for row in rows
            if row.cuda != "cpu"
            and key(row.cuda)[:2] <= key(cuda)[:2]
            and pin.local in ("", build_tag(row.cuda))
        ]
    return max(rows, key=lambda row: (_cuda_key(row), key(row.torch))) if rows else None


def _cuda_key(row: Torch) -> Tuple[int, ...]:
    return () if row.cuda == "cpu" else key(row.cuda)


def _report_unknown(pin: Pin, cuda: Optional[str], result: Requirements) -> None:
    if cuda is None:
        if pin.local.startswith("cu"):
            result.notes.append(
                Note(
                    "gpu-build-without-gpu",
                    f"{pin} is a GPU build, and the project has no `gpu: true`; "
                    "it is installed as it is written",
                    severity="note",
                    fix="add `gpu: true`, or remove the suffix for the much smaller CPU build",
                )
            )
    elif pin.name == "torchvision" or pin.local:
        result.notes.append(
            Note(
                "torchvision-unknown" if pin.name == "torchvision" else "torch-unknown",
                f"no build of {pin} for CUDA {cuda} or older is known; "
                "it is installed as it is written",
                fix="pin a version from the same release as torch"
                if pin.name == "torchvision"
                else "remove the suffix to let the build be chosen",
            )
        )

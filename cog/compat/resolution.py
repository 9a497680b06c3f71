"""The answer of the solver, as values; and its refusals."""

from __future__ import annotations

from cog.records import dataclass, field

from ..errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional, Tuple

__all__ = ["CompatError", "Note", "Resolution"]


@dataclass(frozen=True)
class Note:
    """Something the user should know about the choice made for them."""

    code: str
    message: str
    severity: str = "warning"  # warning | note
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message


@dataclass(frozen=True)
class Resolution:
    """What to build on and what to install."""

    python_version: str
    gpu: bool
    cuda: Optional[str]  # without gpu: as the user wrote it, unused
    cudnn: Optional[str]  # major version
    base_image: str
    base_kind: str  # slim | cuda | cog
    requirements: Tuple[str, ...] = ()
    # Lines of a file `constraints.txt` that must lie beside requirements.txt, which then has a
    # line `-c constraints.txt`. Usually empty.
    constraints: Tuple[str, ...] = ()
    system_packages: Tuple[str, ...] = ()
    notes: Tuple[Note, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    driver: Optional[str] = None  # lowest NVIDIA driver for this CUDA

    @property
    def warnings(self) -> Tuple[Note, ...]:
        return tuple(note for note in self.notes if note.severity == "warning")


class CompatError(CogError):
    """A combination of versions that has no answer."""

    category = "compat"

    def __init__(self, code: str, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.code = code

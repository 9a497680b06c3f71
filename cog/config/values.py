"""What cog.yaml says, as plain frozen values. Importing this costs neither YAML nor pydantic."""

from __future__ import annotations

from cog.records import dataclass, field

from .problems import Problem, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional, Sequence

__all__ = ["Build", "Concurrency", "Config", "Mount", "RunItem"]


@dataclass(frozen=True)
class Mount:
    """A build secret that one run command may read."""

    id: str
    target: str
    type: str = "secret"


@dataclass(frozen=True)
class RunItem:
    """One command of build.run, without surrounding white space; it is one line."""

    command: str
    mounts: Sequence[Mount] = ()


@dataclass(frozen=True)
class Build:
    gpu: bool = False
    python_version: Optional[str] = None  # as written: "3.10" stays "3.10"; None: compat chooses
    python_requirements: Optional[str] = None  # relative to the project directory
    python_packages: Sequence[str] = ()
    system_packages: Sequence[str] = ()
    run: Sequence[RunItem] = ()
    pre_install: Sequence[str] = ()  # deprecated; executed after `run`
    cuda: Optional[str] = None
    cudnn: Optional[str] = None

    @property
    def commands(self) -> Sequence[RunItem]:
        """All commands in the order of execution: run, then pre_install."""
        return (*self.run, *(RunItem(command) for command in self.pre_install))


@dataclass(frozen=True)
class Concurrency:
    max: int
    default_target: Optional[int] = None


@dataclass(frozen=True)
class Config:
    build: Build = Build()
    image: Optional[str] = None
    predict: Optional[str] = None
    train: Optional[str] = None
    concurrency: Optional[Concurrency] = None
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[Problem] = ()  # warnings and notes; errors are raised instead
    source: Source = field(default_factory=Source, compare=False, repr=False)

"""cog.yaml -> Config. The only room that knows YAML and pydantic, and it meets them late:
importing this package loads neither; parse() does.
"""

from __future__ import annotations

from .problems import ConfigInvalid, Mark, Problem, Source
from .values import Build, Concurrency, Config, Mount, RunItem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

__all__ = [
    "Build",
    "Concurrency",
    "Config",
    "ConfigInvalid",
    "Mark",
    "Mount",
    "Problem",
    "RunItem",
    "Source",
    "check_files",
    "parse",
]


def parse(text: str, *, path: str = "cog.yaml") -> Config:
    """The configuration that this text describes, or ConfigInvalid with every problem at once.

    `path` is how messages call the file.
    """
    from .reading import parse as implementation  # loads PyYAML, and pydantic when needed

    return implementation(text, path=path)


def check_files(config: Config, exists: Callable[[str], bool]) -> None:
    """Raise ConfigInvalid for files the configuration names and the project does not have.

    `exists` is asked with paths relative to the project directory.
    """
    from .rules import check_files as implementation

    implementation(config, exists)

"""The user's project: where it is, and what its cog.yaml and requirements say.

Strategy: start where the user stands and go up; everything after that is relative to the folder
that was found, never to the current one. Reading is here, understanding is in cog.config.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cog.compat import inline
from cog.config import Config, parse
from cog.dockerfile.ignore import Ignore, split
from cog.errors import CogError
from cog.records import dataclass

PARENTS = 100


class ConfigNotFound(CogError):
    code = "config-not-found"
    category = "config-not-found"

    def __init__(self, name: str, start: Path) -> None:
        super().__init__(
            f"no {name} here",
            why=f"neither {start} nor any folder above it has one",
            fix="cd into your project, or run `cog init` to make one",
        )


class RequirementsMissing(CogError):
    code = "requirements-file"
    category = "requirements-file"

    def __init__(self, name: str, missing: str, why: str) -> None:
        super().__init__(
            f"build.python_requirements: {missing} cannot be read"
            if missing == name
            else f"build.python_requirements: {name} refers to {missing}, which cannot be read",
            why=why,
            fix=f"create {missing}, or correct `python_requirements` in cog.yaml; the path is relative to cog.yaml",
        )


class ConfigUnreadable(CogError):
    code = "config-unreadable"
    category = "yaml-parse"


@dataclass(frozen=True)
class Project:
    directory: Path
    file: str  # the name of the configuration file, "cog.yaml" unless --file says otherwise
    text: str
    config: Config
    requirement_lines: tuple[str, ...]
    ignore_lines: tuple[str, ...]  # of .dockerignore

    @property
    def ignore(self) -> Ignore:
        return Ignore(self.ignore_lines)


def locate(start: Path, name: str = "cog.yaml") -> Path:
    """The nearest folder, from `start` upward, that holds the file."""
    start = start.absolute()
    for folder in [start, *list(start.parents)[: PARENTS - 1]]:
        if (folder / name).is_file():
            return folder
    raise ConfigNotFound(name, start)


def find(start: Path, name: str = "cog.yaml") -> Project:
    """The project around `start`, read and understood."""
    directory = locate(start, name)
    try:
        text = (directory / name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigUnreadable(f"{name} is not UTF-8 text", why=str(error), fix="save it as UTF-8 in your editor") from error
    except OSError as error:
        raise ConfigUnreadable(f"{name} cannot be read", why=str(error)) from error
    config = parse(text, path=name)
    return Project(
        directory=directory,
        file=name,
        text=text,
        config=config,
        requirement_lines=tuple(requirement_lines(directory, config)),
        ignore_lines=tuple(ignore_lines(directory)),
    )


def requirement_lines(directory: Path, config: Config) -> list[str]:
    """The list of packages as written, or the lines of the file with nested ones put in."""
    name = config.build.python_requirements
    if not name:
        return list(config.build.python_packages)

    def read(path: str) -> str:
        try:
            return (directory / path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise RequirementsMissing(name, path, reason) from error

    return inline(name, read)


def ignore_lines(directory: Path) -> list[str]:
    try:
        text = (directory / ".dockerignore").read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError:
        return []
    lines = list(split(text))
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def walk(directory: Path, ignore: Ignore) -> Iterator[tuple[str, Path]]:
    """(slash-separated path, file) of what the builder would send, sorted; links are not followed."""
    pending = [("", directory)]
    while pending:
        prefix, folder = pending.pop()
        try:
            children = sorted(folder.iterdir(), key=lambda child: child.name)
        except OSError:
            continue
        below = []
        for child in children:
            path = prefix + child.name
            if child.is_dir() and not child.is_symlink():
                if not ignore.hides_all_below(path):
                    below.append((path + "/", child))
            elif not ignore.hides(path):
                yield path, child
        pending.extend(reversed(below))

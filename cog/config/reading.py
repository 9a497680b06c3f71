"""Text -> Config, or every problem at once.

Four steps: YAML (document.py), shape (shape.py, and models.py to name what is wrong), rules about
values (rules.py), and then the values themselves. The rules run on whatever has the right shape,
so a typo in one place does not hide a mistake in another.
"""

from __future__ import annotations

from cog.records import cast

from . import shape
from .document import read
from .problems import ConfigInvalid, Problem, Source
from .rules import check, whole
from .values import Build, Concurrency, Config, Mount, RunItem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Optional, Sequence

    from .document import Tree

__all__ = ["parse"]


def parse(text: str, *, path: str = "cog.yaml") -> Config:
    tree, source, problems = read(text, path)
    if tree is None and not problems:
        tree = {}
    problems = [*problems, *_shape_problems(tree, source, seen=problems), *check(tree, source)]
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ConfigInvalid(sorted(errors, key=_position))
    return _config(cast("Dict[str, object]", tree), source, sorted(problems, key=_position))


def _position(problem: Problem) -> "tuple[int, int]":
    return (problem.mark.line, problem.mark.column) if problem.mark else (0, 0)


def _shape_problems(tree: Tree, source: Source, *, seen: Sequence[Problem]) -> List[Problem]:
    if shape.accepts(tree):
        return []
    from .findings import findings  # loads pydantic: only when there is something to report

    lines = {problem.mark.line for problem in seen if problem.mark}
    return [p for p in findings(tree, source) if not (p.mark and p.mark.line in lines)]


def _config(tree: Mapping[str, object], source: Source, notes: Sequence[Problem]) -> Config:
    """The values; the tree is known to be right."""
    build = cast("Mapping[str, object]", tree.get("build") or {})
    concurrency = cast("Optional[Mapping[str, str]]", tree.get("concurrency"))
    pairs = (entry.partition("=") for entry in _texts(tree.get("environment")))
    return Config(
        build=Build(
            gpu=bool(build.get("gpu", False)),
            python_version=_text(build.get("python_version")),
            python_requirements=_text(build.get("python_requirements")),
            python_packages=_texts(build.get("python_packages")),
            system_packages=_texts(build.get("system_packages")),
            run=tuple(_run_item(item) for item in cast("list[object]", build.get("run") or [])),
            pre_install=tuple(text.strip() for text in _texts(build.get("pre_install"))),
            cuda=_text(build.get("cuda")),
            cudnn=_text(build.get("cudnn")),
        ),
        image=_text(tree.get("image")),
        predict=_text(tree.get("predict")) or _text(tree.get("run")),
        train=_text(tree.get("train")),
        concurrency=None
        if concurrency is None
        else Concurrency(
            max=whole(concurrency["max"]),
            default_target=whole(concurrency["default_target"])
            if "default_target" in concurrency
            else None,
        ),
        environment={name.strip(): value for name, _, value in pairs},
        notes=tuple(notes),
        source=source,
    )


def _text(value: object) -> Optional[str]:
    """Plain str (a Number is a subclass); nothing for nothing."""
    return str.__str__(cast(str, value)) if value else None


def _texts(value: object) -> Sequence[str]:
    return tuple(cast("list[str]", value or []))


def _run_item(item: object) -> RunItem:
    if isinstance(item, str):
        return RunItem(item.strip())
    item = cast("Dict[str, object]", item)
    mounts = cast("list[Dict[str, str]]", item.get("mounts") or [])
    return RunItem(
        cast(str, item["command"]).strip(),
        tuple(Mount(id=m["id"], target=m["target"], type=m["type"]) for m in mounts),
    )

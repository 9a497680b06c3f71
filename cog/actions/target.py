"""From the user's folder to something a command can run in: the project, the engine, the target."""

from __future__ import annotations

from pathlib import Path

from cog.engine.interface import PREDICT, BuildOptions, Engine, ImageEngine, Reporter, Target
from cog.engine.local import LocalEngine, Needs
from cog.engine.selection import any_engine
from cog.errors import CogError
from cog.workspace import payload
from cog.workspace.project import Project, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union


class NothingToRun(CogError):
    code = "nothing-to-run"

    def __init__(self, key: str, file: str) -> None:
        example = "predict.py:Predictor" if key == PREDICT else "train.py:train"
        super().__init__(
            f"{file} does not say what to run: `{key}` is missing",
            fix=f'add a line like\n{key}: "{example}"',
        )


class ModelFileMissing(CogError):
    code = "model-file-missing"


def engine_for_project(
    wanted: str, file: str, start: Path, reporter: Reporter
) -> tuple[Project, Union[ImageEngine, LocalEngine]]:
    """The project around `start` and the engine for it; a mistake in cog.yaml comes out first."""
    project = find(start, file)
    for note in project.config.notes:
        (reporter.warning if note.severity == "warning" else reporter.info)(str(note))
    return project, any_engine(wanted, reporter, lambda: LocalEngine(reporter, payload.entries))


def reference_to(project: Project, mode: str) -> str:
    """The `predict:` or `train:` of the project, after a look whether its file is there."""
    reference = project.config.predict if mode == PREDICT else project.config.train
    if not reference:
        raise NothingToRun(mode, project.file)
    name, _, symbol = reference.partition(":")
    if not (project.directory / name).is_file():
        raise ModelFileMissing(
            f"{name} does not exist",
            why=f"{project.file} says `{mode}: {reference}`, and the file is looked for in {project.directory}",
            fix=f"create it with {symbol or 'the predictor'} in it, or correct `{mode}`",
        )
    return reference


def prepared(project: Project, engine: Engine, build: BuildOptions, reporter: Reporter) -> Target:
    """The project made ready for running: an environment, or the image without the code."""
    if isinstance(engine, LocalEngine):
        return engine.prepare(needs(project, reporter))
    from cog.actions.build import base_image  # the whole of building: only with an engine that builds

    return base_image(project, engine, build, reporter)


def needs(project: Project, reporter: Reporter) -> Needs:
    from cog.compat.pins import entries, without_ours  # not for engines that build

    config = project.config
    found, notes = without_ours(entries(project.requirement_lines), code=False)
    for note in notes:
        reporter.warning(str(note))
    build = config.build
    left_out = (
        ("system_packages", build.system_packages),
        ("run", build.run),
        ("pre_install", build.pre_install),
    )
    return Needs(
        directory=project.directory,
        python_version=build.python_version or "",
        requirements=tuple(entry.text for entry in found if not entry.constraint),
        constraints=tuple(entry.text for entry in found if entry.constraint),
        left_out=tuple(name for name, value in left_out if value),
        environment=dict(config.environment),
        predict=config.predict or "",
        train=config.train or "",
        max_concurrency=config.concurrency.max if config.concurrency else 1,
    )

"""`cog eject`: a build folder that plain `docker build` takes and that needs no cog any more.

Strategy: the very plan of `cog build`, in the form for builders with one context: src/ is the
project without what .dockerignore hides, cog/ is what the tool brings along. Labels that need a
finished image (the package list, and the schema unless it is given) are left to the reader, and the
README says how.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from cog import __version__
from cog.actions.build import check, context_files, read_schema
from cog.actions.recipe import ImageOptions, Recipe, image_name, recipe
from cog.dockerfile import seal
from cog.dockerfile.ignore import Ignore
from cog.dockerfile.instructions import Comment, Copy, Label
from cog.dockerfile.render import render
from cog.engine.interface import Reporter
from cog.errors import CogError
from cog.workspace import context
from cog.workspace.project import Project, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from cog.dockerfile.instructions import Instruction


class FolderTaken(CogError):
    code = "folder-not-empty"
    category = "cli-usage"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is not empty",
            why="eject does not mix its files with others",
            fix="name another folder with -o, or add --force",
        )


def eject(project: Project, options: ImageOptions, folder: Path, reporter: Reporter, *, force: bool = False) -> None:
    """Write the folder."""
    if folder.exists() and any(folder.iterdir()) and not force:
        raise FolderTaken(folder)
    made = recipe(project, options, reporter=reporter).with_plan(staged=True)
    check(project, reporter)
    schema = read_schema(Path(options.openapi_schema)) if options.openapi_schema else None
    name = image_name(project)
    for part in ("src", "cog"):
        if (folder / part).exists():
            shutil.rmtree(folder / part)
    count = copy_project(project, made, folder)
    context_files(made, folder / "cog", time=0)
    if schema is not None:
        context.write(folder / "cog", {"openapi_schema.json": schema}, runtime=False)
    context.write(
        folder,
        {"Dockerfile": dockerfile(made, schema), "README.md": readme(name, made, schema is not None)},
        runtime=False,
    )
    reporter.info(f"{folder}: Dockerfile, README.md, src/ ({count} files of yours), cog/ (the prediction server)")
    reporter.info(f"\nBuild it:\n    docker build -t {name} {folder}")


def copy_project(project: Project, made: Recipe, folder: Path) -> int:
    """The project into src/, without what is ignored and without the folder itself."""
    target = folder.absolute()
    count = 0
    (folder / "src").mkdir(parents=True, exist_ok=True)
    for path, file in list(walk(project.directory, Ignore(made.ignore()))):
        if target in file.absolute().parents:
            continue
        copied = folder / "src" / path
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copied, follow_symlinks=False)
        count += 1
    return count


def dockerfile(made: Recipe, schema: Optional[str]) -> str:
    config = seal.config_label(made.project.config, made.resolution)
    head = Comment(
        f"Written by cog {__version__} from {made.project.file}; it is yours now.\n"
        "src/ is your project, cog/ is the prediction server: standard library only, nothing to install."
    )
    labels: list[Instruction] = [
        Label(seal.VERSION, __version__, because="platforms and `cog predict IMAGE` read these labels"),
        Label(seal.CONFIG, config),
        Label(seal.HAS_INIT, "true"),
    ]
    if schema is not None:
        labels.append(Copy(("cog/openapi_schema.json",), seal.SCHEMA_FILE))
        labels.append(Label(seal.SCHEMA, schema))
    return render((head, *made.instructions(), *labels), explain=True)


def readme(name: str, made: Recipe, with_schema: bool) -> str:
    text = f"""# {name}

Build, serve, predict:

    docker build -t {name} .
    docker run --rm -p 5000:5000 {name}
    curl http://localhost:5000/predictions -H 'Content-Type: application/json' -d '{{"input": {{}}}}'

- `Dockerfile` says above each line why it is there.
- `src/` is the project, without what `.dockerignore` hides.
- `cog/` is what the image needs besides: the prediction server (`payload/`)"""
    text += " and the resolved `requirements.txt`.\n" if made.resolution.requirements else ".\n"
    text += """
With no network, add `--network none`: it works as long as the base image is here and pip and apt
have nothing to fetch.
"""
    if not with_schema:
        text += f"""
The label `run.cog.openapi_schema` is not on the image, since only the finished image knows it. If
something of yours reads it:

    docker run --rm {name} python -m cog.command.openapi_schema > schema.json

and eject again with `--openapi-schema schema.json`.
"""
    return text

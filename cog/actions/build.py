"""`cog build`: a model image. And the image that run, predict, serve and train work in.

Strategy: build without the user's name on it, ask the result for its schema and packages, put
both on top as labels, and only that last step gives the name. What the previous image of the name
already tells (the package list, when no layer below the code has changed) is not asked again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cog import __version__
from cog.actions.recipe import ImageOptions, Recipe, base_name, image_name, recipe, told
from cog.config import check_files
from cog.dockerfile import defaults, seal
from cog.dockerfile.instructions import base_of
from cog.dockerfile.names import full, valid
from cog.dockerfile.render import render
from cog.engine import process
from cog.engine.docker import (
    Build,
    DockerEngine,
    EarlyBuild,
    NamedContextsMissing,
    engine_builder,
    labels_of,
    layers_of,
    new_tag,
    under_construction,
)
from cog.engine.interface import BuildOptions, Engine, Reporter, Target
from cog.errors import CogError
from cog.records import dataclass, replace
from cog.workspace import context
from cog.workspace.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

GIT_SECONDS = 3.0
SCHEMA_COMMAND = ("python", "-m", "cog.command.openapi_schema")
FREEZE_COMMAND = ("python", "-m", "pip", "freeze")


@dataclass(frozen=True)
class Built:
    image: str
    schema: Optional[str]


class SchemaFailed(CogError):
    code = "schema-failed"
    category = "prediction"


class SchemaFileInvalid(CogError):
    code = "schema-file-invalid"
    category = "cli-usage"


class ImageNameInvalid(CogError):
    code = "image-name-invalid"
    category = "cli-usage"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is not a name for an image",
            why="names are in lower case: letters and digits, . _ - within, / between parts, perhaps :TAG behind",
            fix="give another one with -t, or correct `image` in cog.yaml",
        )


class PredictorHidden(CogError):
    code = "predictor-hidden"
    category = "validation"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is hidden by .dockerignore",
            why="the image would not have the file that cog.yaml names",
            fix=f"add the line `!{path}` at the end of .dockerignore",
        )


class ModuleNamedCog(CogError):
    code = "module-named-cog"
    category = "validation"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} would hide the cog module",
            why="`import cog` in your model would find this file instead of cog",
            fix=f"rename {path}",
        )


def build(project: Project, options: ImageOptions, engine: DockerEngine, reporter: Reporter, *, push_id: str = "") -> Built:
    """The image of a project, with all its labels, under its name."""
    name = image_name(project, options.tag)
    if not valid(name):
        raise ImageNameInvalid(name)
    options = with_epoch(options, engine.environment)
    made = recipe(project, options, image=name, reporter=reporter, environment=engine.environment)
    check(project, reporter)
    given_schema = read_schema(Path(options.openapi_schema)) if options.openapi_schema else None
    reporter.info(f"Building image from {project.file} as {name}")
    with context.temporary() as folder, under_construction(engine) as unfinished:
        base = "" if made.custom else base_of(made.instructions()) or ""
        if made.weights.paths:
            made = build_weights(made, options, engine, folder, reporter)
        construct(made, options, engine, folder / "main", unfinished)
        known = engine.inspect(unfinished, name, *([base] if base else []))
        fresh, previous = by_name(known, unfinished), by_name(known, name)
        old_labels = labels_of(previous)
        if same_packages(fresh, previous) and not options.no_cache and not packaged(project.directory):
            freeze: Optional[str] = old_labels[seal.FREEZE]
        else:
            freeze = ask_freeze(engine, unfinished, options.platform, reporter)
        revision, version = git_facts(project.directory, engine.environment)

        def sealed(schema: str, tag: str, place: str) -> Build:
            labels = seal.labels(
                version=__version__,
                config=seal.config_label(project.config, made.resolution),
                schema=schema,
                freeze=freeze,
                revision=revision,
                source_version=version,
                base_name=base,
                base_digest=digest_of(by_name(known, base)) if base else "",
                push_id=push_id,
                cog_base=made.resolution.base_image if made.resolution.base_kind == "cog" and not made.custom else "",
                base_layers=layers_of(by_name(known, base)) if base else (),
            )
            return seal_step(unfinished, tag, labels, schema, options, engine, folder / place)

        def ask() -> str:
            reporter.info("Reading the model's schema")
            return ask_schema(project, engine, unfinished, "all" if made.resolution.gpu else "", options.platform)

        guess = old_labels.get(seal.SCHEMA)
        named = False
        if given_schema is not None:
            schema = given_schema
        elif guess is not None and unchanged(fresh, previous):
            schema = guess
        elif guess is not None and options.timestamp is None:
            # An edit seldom changes inputs and outputs: the labels of last time are put on while the model is asked.
            with EarlyBuild(engine, sealed(guess, new_tag(), "guess")) as early:
                schema = ask()
                named = schema == guess and early.accepted(name)
        else:
            schema = ask()
        if not named:
            reporter.info("Adding labels to image")
            finish(sealed, schema, name, options, engine, layers_of(by_name(known, base)), folder / "times")
    reporter.info(f"Image built as {name}")
    for note in made.resolution.notes:
        if note.code == "gpu-driver":
            reporter.info(told(note))
    return Built(name, schema)


def finish(
    sealed: Callable[[str, str, str], Build],
    schema: str,
    name: str,
    options: ImageOptions,
    engine: DockerEngine,
    base: Sequence[str],
    folder: Path,
) -> None:
    """The last step, which gives the image its name; with --timestamp after its files have their time."""
    if options.timestamp is None:
        engine.build(sealed(schema, name, "seal"), shown=False)
        return
    with under_construction(engine) as late:
        engine.build(sealed(schema, late, "seal"), shown=False)
        engine.retime(late, full(name), options.timestamp, base, folder)


def base_image(project: Project, engine: Engine, wanted: BuildOptions, reporter: Reporter) -> Target:
    """The image with everything but the code, which run, predict, serve and train mount."""
    assert isinstance(engine, DockerEngine)  # podman is refused where engines are chosen
    name = base_name(project)
    options = replace(ImageOptions.of(wanted), dockerfile="", separate_weights=False)
    hiding = shadow(project)
    if hiding:
        reporter.warning(f"{hiding} hides the cog module from your model; rename it")
    made = recipe(project, options, code=False, reporter=reporter, environment=engine.environment)
    reporter.info(f"Building image from {project.file}")
    with context.temporary() as folder:
        construct(made, options, engine, folder / "main", name)
    return Target(
        image=name,
        directory=project.directory,
        gpus="all" if made.resolution.gpu else "",
        environment=dict(project.config.environment),
        predict=project.config.predict or "",
        train=project.config.train or "",
        max_concurrency=project.config.concurrency.max if project.config.concurrency else 1,
    )


# --- steps --------------------------------------------------------------------------------------


def with_epoch(options: ImageOptions, environment: Mapping[str, str]) -> ImageOptions:
    """--timestamp, or SOURCE_DATE_EPOCH of the environment."""
    if options.timestamp is not None and options.timestamp < 0:
        return replace(options, timestamp=None)
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    if options.timestamp is None and epoch.isdigit():
        return replace(options, timestamp=int(epoch))
    return options


def check(project: Project, reporter: Reporter) -> None:
    """What would only come to light at the end of a long build."""
    directory = project.directory
    check_files(project.config, lambda path: (directory / path).is_file())
    ignore = project.ignore
    for reference in (project.config.predict, project.config.train):
        path = (reference or "").rpartition(":")[0]
        if path and ignore.hides(path):
            raise PredictorHidden(path)
    hiding = shadow(project)
    if hiding:
        raise ModuleNamedCog(hiding)
    taken = sorted(name for name in python_names(directory) & stdlib_names() if not ignore.hides(f"{name}.py"))
    if taken:
        files = ", ".join(f"{name}.py" for name in taken)
        reporter.warning(
            f"{files}: named like a module of the standard library\n"
            "`import` of that name gives the standard library's; rename the file if your model means its own"
        )


def shadow(project: Project) -> str:
    """A file of the project that `import cog` would find instead of ours."""
    for path in ("cog.py", "cog/__init__.py"):
        if (project.directory / path).is_file() and not project.ignore.hides(path):
            return path
    return ""


def python_names(directory: Path) -> set[str]:
    return {child.stem for child in directory.glob("*.py")}


def stdlib_names() -> set[str]:
    known: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset(sys.builtin_module_names))
    return {name for name in known if not name.startswith("_")}


def context_files(made: Recipe, folder: Path, *, time: int) -> Path:
    """Our build context on disk."""
    context.write(folder, made.files, time=time)
    for name, path in made.links.items():
        context.link(path, folder / name)
    return folder


def construct(made: Recipe, options: ImageOptions, engine: DockerEngine, folder: Path, tag: str) -> None:
    """Build the image under this name; once more with one staged context when the builder is old."""
    epoch = options.timestamp or 0
    context_files(made, folder, time=epoch)
    contexts = [("cog", str(folder)), *(parts(given) for given in options.build_contexts)]
    if made.plan_options.weights_inline:
        contexts.append(("project", str(made.project.directory)))
    whole = Build(
        dockerfile=folder / "Dockerfile",
        context=made.project.directory,
        contexts=tuple(contexts),
        tag=tag,
        secrets=options.secrets,
        no_cache=options.no_cache,
        progress=options.progress,
        platform=options.platform,
        network=options.network,
        builder=options.builder,
        timestamp=options.timestamp,
        base="" if made.custom else base_of(made.instructions()) or "",
    )
    if not engine.environment.get("COG_BUILD_STAGED"):
        context.write(
            folder,
            {"Dockerfile": made.dockerfile(), "Dockerfile.dockerignore": "\n".join(made.ignore()) + "\n"},
            runtime=False,
        )
        try:
            engine.build(whole)
            return
        except NamedContextsMissing:
            if made.custom:
                raise
            engine.reporter.info("This builder has no named contexts: copying the project for it")
    staged = made.with_plan(staged=True)
    both = context.stage(folder.parent / f"{folder.name}-staged", made.project.directory, made.ignore(), folder)
    dockerfile = context.write(folder.parent / f"{folder.name}-staged", {"Dockerfile": staged.dockerfile()}, runtime=False)
    engine.build(
        replace(
            whole,
            dockerfile=dockerfile / "Dockerfile",
            context=both,
            contexts=tuple(parts(given) for given in options.build_contexts),
        )
    )


def build_weights(made: Recipe, options: ImageOptions, engine: DockerEngine, folder: Path, reporter: Reporter) -> Recipe:
    """The image of the weights; a builder that cannot see it gets them as a stage instead."""
    builder = options.builder or engine.environment.get("BUILDX_BUILDER", "")
    if engine.driver(builder) != "docker":
        return made.with_plan(weights_inline=True)
    reporter.info(f"Building weights as {made.plan_options.weights_image}")
    place = folder / "weights"
    context.write(
        place,
        {
            "Dockerfile": made.weights_dockerfile(),
            "Dockerfile.dockerignore": "\n".join(made.weights_ignore()) + "\n",
        },
        runtime=False,
    )
    engine.build(
        Build(
            dockerfile=place / "Dockerfile",
            context=made.project.directory,
            tag=made.plan_options.weights_image,
            no_cache=options.no_cache,
            progress=options.progress,
            platform=options.platform,
            builder=options.builder,
            timestamp=options.timestamp,
        )
    )
    return made


def seal_step(
    unfinished: str,
    tag: str,
    labels: Mapping[str, str],
    schema: str,
    options: ImageOptions,
    engine: DockerEngine,
    folder: Path,
) -> Build:
    """Labels and the schema file on top of an image, by the builder that sees the engine's images."""
    context.write(folder / "files", {"openapi_schema.json": schema}, runtime=False, time=options.timestamp or 0)
    context.write(folder, {"Dockerfile": render(seal.seal(unfinished))}, runtime=False)
    return Build(
        dockerfile=folder / "Dockerfile",
        context=folder / "files",
        tag=tag,
        labels=tuple(f"{label}={value}" for label, value in labels.items()),
        platform=options.platform,
        builder=engine_builder(engine.environment),
        timestamp=options.timestamp,
        progress="plain",
    )


# --- asking the image ----------------------------------------------------------------------------


def ask_schema(project: Project, engine: DockerEngine, image: str, gpus: str, platform: str) -> str:
    """The OpenAPI document of the model in an image, as compact JSON."""
    status, out, err = engine.output(image, SCHEMA_COMMAND, gpus=gpus, platform=platform)
    if status != 0:
        told = "\n".join(line for line in f"{out}\n{err}".splitlines() if line.strip())
        if not project.config.predict and not project.config.train:
            raise SchemaFailed(
                "can't run predictions: 'predict' option not found",
                why=f"{project.file} does not say where the model is",
                fix=f"add `predict: predict.py:Predictor` to {project.file}",
            )
        if "No module named" in told and "cog" in told.rpartition("No module named")[2][:12]:
            raise SchemaFailed(
                "the image has no cog runtime",
                why=told,
                fix="add these lines to your Dockerfile: `COPY --from=cog payload/ /opt/cog/` and"
                " `RUN python -I -B /opt/cog/cog/runtime_stdlib/path_hook.py /opt/cog`",
            )
        raise SchemaFailed(
            "the model could not be loaded to read its inputs and outputs",
            why=told or f"its process ended with status {status}",
            fix=f"try it: `cog run python -m cog.command.openapi_schema` loads {project.config.predict or project.config.train}",
        )
    return parse_schema(out, "the model", told=err)


def parse_schema(text: str, source: str, told: str = "") -> str:
    try:
        document = json.loads(text)
    except ValueError as error:
        shown = "\n".join(part for part in (text.strip()[-2000:], told.strip()[-2000:]) if part)
        raise SchemaFailed(f"what {source} gave as its schema is not JSON", why=f"{error}\n{shown}") from error
    require_openapi(document, source)
    wrong = defaults.problems(document)
    if wrong:
        raise SchemaFailed(
            "; ".join(wrong), why="a default must itself be a valid input", fix="correct the default or its limits in Input(...)"
        )
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def require_openapi(document: object, source: str) -> None:
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(version, str) or not version.startswith("3."):
        raise SchemaFailed(
            f"the schema of {source} is not an OpenAPI 3 document",
            why="it must be an object with `openapi: 3.x`, `info` and `paths`",
        )


def read_schema(path: Path) -> str:
    """--openapi-schema: the text as it is, once it is known to be a schema."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise SchemaFileInvalid(f"--openapi-schema {path} cannot be read", why=error.strerror or str(error)) from error
    except ValueError as error:
        raise SchemaFileInvalid(f"--openapi-schema {path} is not JSON", why=str(error)) from error
    require_openapi(document, str(path))
    return text


def ask_freeze(engine: DockerEngine, image: str, platform: str, reporter: Reporter) -> Optional[str]:
    status, out, err = engine.output(image, FREEZE_COMMAND, platform=platform, network="none")
    if status != 0:
        reporter.warning(f"the list of installed packages is not on the image: `pip freeze` failed\n{err.strip()[-500:]}")
        return None
    return out.replace("\r\n", "\n")


def by_name(known: list[dict[str, object]], name: str) -> dict[str, object]:
    wanted = full(name)
    for image in known:
        tags = image.get("RepoTags")
        if isinstance(tags, list) and wanted in tags:
            return image
    return {}


def same_packages(fresh: Mapping[str, object], previous: Mapping[str, object]) -> bool:
    """Whether all layers below the code are those of the previous image, whose list then still holds."""
    new, old = layers_of(fresh), layers_of(previous)
    return len(new) > 1 and new[:-1] == old[: len(new) - 1] and seal.FREEZE in labels_of(previous)


def unchanged(fresh: Mapping[str, object], previous: Mapping[str, object]) -> bool:
    """Whether nothing at all has changed since the previous image of this name."""
    new, old = layers_of(fresh), layers_of(previous)
    return (
        len(new) > 1
        and new == old[: len(new)]
        and settings(fresh) == settings(previous)
        and seal.SCHEMA in labels_of(previous)
        and labels_of(previous).get(seal.VERSION) == __version__
    )


def settings(image: Mapping[str, object]) -> object:
    config = image.get("Config")
    return [config.get(key) for key in ("Env", "Cmd", "WorkingDir")] if isinstance(config, dict) else None


def packaged(directory: Path) -> bool:
    """Whether the code itself may be on pip's list: freeze looks in the working directory too."""
    return any(True for pattern in ("*.egg-info", "*.dist-info") for _ in directory.glob(pattern))


def digest_of(image: Mapping[str, object]) -> str:
    digests = image.get("RepoDigests")
    first = digests[0] if isinstance(digests, list) and digests else ""
    return str(first).partition("@")[2]


def git_facts(directory: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """(revision, version) of the project, as far as they are known."""
    revision = environment.get("GITHUB_SHA", "")
    version = environment.get("GITHUB_REF_NAME", "")
    if (revision and version) or not any((parent / ".git").exists() for parent in (directory, *directory.parents)):
        return revision, version
    revision = revision or git(directory, "rev-parse", "HEAD")
    version = version or (git(directory, "describe", "--tags", "--dirty") if revision else "")
    return revision, version


def git(directory: Path, *words: str) -> str:
    try:
        finished = process.run(
            ["git", *words], cwd=directory, stdout=process.CAPTURE, stderr=process.CAPTURE, check=False, timeout=GIT_SECONDS
        )
    except CogError:
        return ""
    return finished.text().strip() if finished.status == 0 else ""


def parts(given: str) -> tuple[str, str]:
    name, _, value = given.partition("=")
    return name, value

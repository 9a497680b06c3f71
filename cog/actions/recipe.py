"""From a project and the wishes of a command to all that a build needs, without any engine.

Strategy: what `debug` prints, `eject` writes and `build` hands to the engine is one value, made
here once. Reading of files and variables happens here; deciding is done in compat and dockerfile.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cog.compat import Note, Resolution, load_tables, resolve
from cog.dockerfile.ignore import escaped
from cog.dockerfile.names import derived, weights_of
from cog.dockerfile.plan import PlanOptions, ignore_lines, plan, weights_plan
from cog.dockerfile.render import render
from cog.dockerfile.sources import local_sources
from cog.engine.interface import BuildOptions, Reporter
from cog.errors import CogError
from cog.records import dataclass, fields, replace
from cog.workspace import weights as weights_scan
from cog.workspace.project import Project, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from cog.dockerfile.instructions import Instruction


@dataclass(frozen=True)
class ImageOptions(BuildOptions):
    """What a command line says about an image, beyond what every command that builds has."""

    strip: bool = False
    precompile: bool = False
    platform: str = ""
    builder: str = ""
    network: str = ""
    build_contexts: tuple[str, ...] = ()
    mirror: str = ""

    @classmethod
    def of(cls, options: BuildOptions) -> ImageOptions:
        if isinstance(options, cls):
            return options
        return cls(**{field.name: getattr(options, field.name) for field in fields(options)})


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an image will be."""

    project: Project
    resolution: Resolution
    plan_options: PlanOptions
    weights: weights_scan.Weights
    files: Mapping[str, "str | bytes"]  # of our build context, beside the runtime
    links: Mapping[str, Path]  # big ones, linked instead of read
    custom: str = ""  # the user's own Dockerfile, instead of all that follows from the plan

    def instructions(self) -> tuple[Instruction, ...]:
        return plan(self.project.config, self.resolution, self.plan_options)

    def dockerfile(self, *, explain: bool = False) -> str:
        return self.custom or render(self.instructions(), explain=explain)

    def weights_dockerfile(self, *, explain: bool = False) -> str:
        return render(weights_plan(self.plan_options), explain=explain)

    def ignore(self) -> list[str]:
        """Lines of the ignore file of the main build."""
        hidden = [(escaped(path), True) for path in self.weights.directories]
        hidden += [(escaped(path), False) for path in self.weights.files]
        return ignore_lines(self.project.ignore_lines, generic=bool(self.weights.paths), weights=hidden)

    def weights_ignore(self) -> list[str]:
        return ignore_lines(self.project.ignore_lines, generic=True)

    def with_plan(self, **changes: object) -> Recipe:
        return replace(self, plan_options=replace(self.plan_options, **changes))  # type: ignore[arg-type]


class SecretInvalid(CogError):
    code = "secret-invalid"
    category = "cli-usage"


class PythonArchiveMissing(CogError):
    code = "python-archive-missing"
    category = "validation"


class CertificateUnreadable(CogError):
    code = "ca-cert-unreadable"
    category = "validation"


class SourceHidden(CogError):
    code = "requirement-hidden"
    category = "validation"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is needed to install the requirements, but .dockerignore hides it",
            why="what .dockerignore hides is not sent to the builder",
            fix=f"add the line `!{path}` at the end of .dockerignore",
        )


def tables_from(environment: Mapping[str, str]) -> object:
    named = environment.get("COG_COMPAT_FILE", "")
    return load_tables([path for path in named.split(os.pathsep) if path])


def read_project(start: Path, file: str, reporter: Optional[Reporter] = None) -> Project:
    """The project around a folder; what its cog.yaml is warned of is said."""
    project = find(start, file or "cog.yaml")
    if reporter is not None:
        for note in project.config.notes:
            text = f"{note.headline}\n{note.fix}" if note.fix else note.headline
            (reporter.warning if note.severity == "warning" else reporter.info)(text)
    return project


def resolve_project(
    project: Project, options: ImageOptions, reporter: Optional[Reporter], environment: Mapping[str, str]
) -> Resolution:
    resolution = resolve(
        project.config,
        project.requirement_lines,
        tables_from(environment),  # type: ignore[arg-type]
        use_cuda_base_image=options.use_cuda_base_image,
        use_cog_base_image=options.use_cog_base_image,
    )
    if reporter is not None:
        for note in resolution.notes:
            if note.code != "gpu-driver":  # said when the image is built
                (reporter.warning if note.severity == "warning" else reporter.info)(told(note))
    return resolution


def told(note: Note) -> str:
    return f"{note.message}\n{note.fix}" if note.fix else note.message


def recipe(
    project: Project,
    options: ImageOptions,
    *,
    code: bool = True,
    image: str = "",
    reporter: Optional[Reporter] = None,
    environment: Optional[Mapping[str, str]] = None,
) -> Recipe:
    """Everything for one image. `image` is the name that a weights image is named after."""
    environment = os.environ if environment is None else environment
    resolution = resolve_project(project, options, reporter, environment)
    secrets = tuple(secret_id(secret) for secret in options.secrets)
    if reporter is not None:
        warn_of_secrets(project, secrets, reporter)
    found = weights_scan.Weights((), ())
    if options.separate_weights and code:
        found = weights_scan.scan(project.directory, project.ignore)
        if reporter is not None and not found.paths:
            reporter.info("--separate-weights: no file of 10 MiB or more that could have a layer of its own")
    files: dict[str, str | bytes] = {}
    links: dict[str, Path] = {}
    if resolution.requirements:
        files["requirements.txt"] = lines_text(resolution.requirements)
    if resolution.constraints:
        files["constraints.txt"] = lines_text(resolution.constraints)
    certificate = certificates(environment)
    if certificate:
        files["ca.crt"] = certificate
    if code and project.file != "cog.yaml":
        files["cog.yaml"] = project.text
    archive = python_archive(environment) if resolution.base_kind == "cuda" else None
    if archive is not None:
        links[archive.name] = archive
    custom = ""
    if options.dockerfile and code:
        custom = custom_dockerfile(Path(options.dockerfile))
    return Recipe(
        project=project,
        resolution=resolution,
        plan_options=PlanOptions(
            code=code,
            weights_image=weights_of(image) if image else "",
            weights=found.paths,
            secrets=secrets,
            local_sources=tuple(sources(project, resolution)),
            config_file=project.file,
            ca=bool(certificate),
            mirror=options.mirror,
            python_archive=archive.name if archive is not None else "",
            strip=options.strip,
            precompile=options.precompile,
        ),
        weights=found,
        files=files,
        links=links,
        custom=custom,
    )


def lines_text(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def sources(project: Project, resolution: Resolution) -> list[str]:
    """Wheels and folders of the project that pip is pointed at."""
    found = []
    ignore = project.ignore
    for path in local_sources(resolution.requirements):
        if not (project.directory / path).exists():
            continue  # pip says it best
        if ignore.hides(path) and all(rule.hides for rule in ignore.rules):
            raise SourceHidden(path)
        found.append(path)
    return found


def secret_id(text: str) -> str:
    """The id of a `--secret`; buildx takes the same words."""
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    found = fields.get("id", "")
    if not found:
        raise SecretInvalid(
            f"--secret {text}: no id",
            why="a secret is given as id=NAME,src=FILE or id=NAME,env=VARIABLE",
            fix="for example `--secret id=pip,src=pip.conf`",
        )
    return found


def warn_of_secrets(project: Project, given: tuple[str, ...], reporter: Reporter) -> None:
    for item in project.config.build.run:
        for mount in item.mounts:
            if mount.id not in given:
                reporter.warning(
                    f"`{item.command}` mounts the secret {mount.id}, which is not given: the file will not be there\n"
                    f"give it with --secret id={mount.id},src=FILE"
                )


def certificates(environment: Mapping[str, str]) -> str:
    """COG_CA_CERT as PEM text: a file, a folder of files, PEM itself, or PEM in base64."""
    given = environment.get("COG_CA_CERT", "").strip()
    if not given:
        return ""
    if "-----BEGIN CERTIFICATE-----" in given:
        return given.rstrip() + "\n"
    path = Path(given).expanduser()
    try:
        if path.is_dir():
            texts = [
                child.read_text(encoding="ascii", errors="ignore").rstrip() + "\n"
                for child in sorted(path.iterdir())
                if child.suffix in (".crt", ".pem", ".cer") and child.is_file()
            ]
            if texts:
                return "".join(texts)
            raise CertificateUnreadable(
                f"COG_CA_CERT: no certificate in {given}", fix="put .crt or .pem files there, or name one file"
            )
        if path.is_file():
            text = path.read_text(encoding="ascii", errors="ignore")
            if "-----BEGIN CERTIFICATE-----" in text:
                return text.rstrip() + "\n"
            raise CertificateUnreadable(
                f"COG_CA_CERT: {given} holds no certificate in PEM form",
                fix=f"convert it: `openssl x509 -inform der -in {given} -out ca.pem`",
            )
    except OSError as error:
        if error.strerror and "name too long" not in error.strerror.lower():
            raise CertificateUnreadable(f"COG_CA_CERT: {given} cannot be read", why=error.strerror) from error
    import base64  # few builds have one

    try:
        text = base64.b64decode(given, validate=True).decode("ascii")
    except ValueError:
        text = ""
    if "-----BEGIN CERTIFICATE-----" in text:
        return text.rstrip() + "\n"
    raise CertificateUnreadable(
        f"COG_CA_CERT: {given[:60]} is no file, folder or certificate",
        fix="set it to the path of a PEM file, or to the PEM text",
    )


def python_archive(environment: Mapping[str, str]) -> Optional[Path]:
    given = environment.get("COG_PYTHON_ARCHIVE", "")
    if not given:
        return None
    path = Path(given).expanduser().absolute()
    if not path.is_file():
        raise PythonArchiveMissing(
            f"COG_PYTHON_ARCHIVE: there is no file {given}",
            why="it is the Python for images on nvidia/cuda, which have none",
            fix="an `install_only` archive of python-build-standalone, as .tar.gz",
        )
    return path


def custom_dockerfile(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DockerfileUnreadable(f"--dockerfile {path} cannot be read", why=reason) from error


class DockerfileUnreadable(CogError):
    code = "dockerfile-unreadable"
    category = "cli-usage"


def image_name(project: Project, tag: str = "") -> str:
    """--tag, else `image` in cog.yaml, else a name made of the folder's."""
    return tag or project.config.image or derived(project.directory.name)


def base_name(project: Project) -> str:
    return f"{derived(project.directory.name)}-base"

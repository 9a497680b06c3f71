"""What goes into an image, in which order, and why.

Strategy: one list, from what changes least to what changes with every edit. The user's own
packages and commands come before anything of ours, so neither an upgrade of the tool nor an edit
of the code installs a package again. All of it is a function of the configuration, its resolution
and a few options: no files, no engine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cog.compat import Resolution
from cog.config import Config
from cog.dockerfile.instructions import (
    Cmd,
    Copy,
    Env,
    Expose,
    From,
    Mount,
    Run,
    Workdir,
)
from cog.records import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cog.dockerfile.instructions import Instruction

CONTEXT = "cog"  # the named build context that holds what the tool brings along
PROJECT = "project"  # the named build context that is the project, where the main one hides its weights
RUNTIME = "/opt/cog"
REQUIREMENTS = "/opt/cog-build/requirements.txt"
VENV = "/opt/venv"
STANDALONE = "/opt/python"
CA_FILE = "/usr/local/share/ca-certificates/cog-ca.crt"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SERVER = ("python", "-m", "cog.server.http")

APT_CACHE = Mount("cache", (("target", "/var/cache/apt"), ("sharing", "locked")))
PIP_CACHE = Mount("cache", (("target", "/root/.cache/pip"),))
# Debian's images empty apt's archive after each install, which would empty the cache mount too:
# so the archive lies one folder further.
APT_INSTALL = (
    "mkdir -p /var/cache/apt/cog/partial && apt-get install -qqy"
    " -o Dir::Cache::archives=/var/cache/apt/cog -o APT::Keep-Downloaded-Packages=true"
)
APT_CLEAN = "rm -rf /var/lib/apt/lists/*"
QUIET_PIP = "PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1"

# Secrets that pip and git understand when they lie in the right place. Mounted for the installation
# of the requirements when they are given by one of these ids; a secret never reaches a layer.
PIP_SECRETS = {"pip": "/etc/pip.conf", "pip.conf": "/etc/pip.conf", "netrc": "/root/.netrc"}

# The Python that a release of Ubuntu brings.
UBUNTU_PYTHON = {"20.04": "3.8", "22.04": "3.10", "24.04": "3.12"}

# Not wanted in an image next to weights; the list of the reference, kept for those who compare.
GENERIC_IGNORE = (
    "__pycache__",
    "*.pyc",
    "*.pyo",
    "*.pyd",
    ".Python",
    "env",
    "pip-log.txt",
    "pip-delete-this-directory.txt",
    ".tox",
    ".coverage",
    ".coverage.*",
    ".cache",
    "nosetests.xml",
    "coverage.xml",
    "*.cover",
    "*.log",
    ".git",
    ".mypy_cache",
    ".pytest_cache",
    ".hypothesis",
)


@dataclass(frozen=True)
class PlanOptions:
    """What a command asks for beyond cog.yaml."""

    code: bool = True  # False: the base for run, predict, serve and train, which mount the code
    weights_image: str = ""
    weights: tuple[str, ...] = ()  # folders and files that come from the weights image
    weights_inline: bool = False  # a stage instead of an image: for builders that see no local images
    secrets: tuple[str, ...] = ()  # ids of the secrets that are given
    local_sources: tuple[str, ...] = ()  # wheels and folders of the project that pip needs
    config_file: str = "cog.yaml"
    ca: bool = False
    mirror: str = ""
    python_archive: str = ""  # name of a Python archive in our build context
    strip: bool = False
    precompile: bool = False
    staged: bool = False  # an old builder: one context with src/ and cog/ instead of a named one


def plan(config: Config, resolution: Resolution, options: PlanOptions) -> tuple[Instruction, ...]:
    steps: list[Instruction] = []
    steps += weights_source(options)
    steps += base(resolution, options)  # changes: with python_version, cuda, gpu
    steps += variables(config, resolution)  # with `environment`
    steps += certificates(options)
    steps += system_packages(resolution)  # with system_packages
    steps += python(resolution, options)
    steps += requirements(resolution, options)  # with the requirements
    steps += commands(config)  # with `run`
    steps += weights(options)
    steps += runtime()  # with each release of the tool
    steps += server(config)  # with `predict`, `train`, `concurrency`
    if options.code:
        steps += code(options)  # with every edit
    return tuple(map(staged, steps)) if options.staged else tuple(steps)


def weights_source(options: PlanOptions) -> list[Instruction]:
    if not options.weights:
        return []
    if options.weights_inline:
        return [
            From("scratch", alias="weights", because="--separate-weights: big files have a stage of their own"),
            *(Copy((path,), f"/src/{path}", source=PROJECT) for path in options.weights),
        ]
    return [From(options.weights_image, alias="weights", because="--separate-weights: big files have an image of their own")]


def weights_plan(options: PlanOptions) -> tuple[Instruction, ...]:
    """The weights image: nothing but the weights, one layer each."""
    steps: list[Instruction] = [From("scratch", because="nothing but the weights")]
    steps += [Copy((path,), f"/src/{path}", because="10 MiB or more, and no code below it") for path in options.weights]
    return tuple(map(staged, steps)) if options.staged else tuple(steps)


def base(resolution: Resolution, options: PlanOptions) -> list[Instruction]:
    reason = resolution.reasons.get("base_image", "")
    return [From(mirrored(resolution.base_image, options.mirror), because=reason or "the public Python image")]


def mirrored(image: str, mirror: str) -> str:
    """The same image behind a registry mirror: Docker Hub's names only, others name their registry."""
    if not mirror:
        return image
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"{mirror.rstrip('/')}/{image if slash else 'library/' + image}"


def variables(config: Config, resolution: Resolution) -> list[Instruction]:
    steps: list[Instruction] = [
        Env(
            (("DEBIAN_FRONTEND", "noninteractive"), ("PYTHONUNBUFFERED", "1")),
            because="fixed: logs come in order, and apt asks no questions",
        )
    ]
    if resolution.gpu:
        steps.append(Env(tuple(gpu_variables(resolution)), because="`gpu: true`: the NVIDIA runtime reads these"))
    if config.environment:
        steps.append(
            Env(
                tuple(sorted(config.environment.items())),
                because="`environment` in cog.yaml: before all that installs something, so that it takes effect there too",
            )
        )
    return steps


def gpu_variables(resolution: Resolution) -> list[tuple[str, str]]:
    found = [("NVIDIA_DRIVER_CAPABILITIES", "all")]
    if on_cuda(resolution):
        return found  # the CUDA images say the rest themselves
    return [
        *found,
        ("NVIDIA_VISIBLE_DEVICES", "all"),
        ("LD_LIBRARY_PATH", "/usr/local/nvidia/lib:/usr/local/nvidia/lib64"),
    ]


def on_cuda(resolution: Resolution) -> bool:
    return resolution.base_kind == "cuda"


def certificates(options: PlanOptions) -> list[Instruction]:
    if not options.ca:
        return []
    because = "COG_CA_CERT: your certificate authority is trusted by the build and by the model"
    return [
        Copy(("ca.crt",), CA_FILE, source=CONTEXT, because=because),
        Run(
            "if command -v update-ca-certificates >/dev/null; then update-ca-certificates;"
            f" else mkdir -p /etc/ssl/certs && cat {CA_FILE} >> {CA_BUNDLE}; fi"
        ),
        Env((("SSL_CERT_FILE", CA_BUNDLE), ("REQUESTS_CA_BUNDLE", CA_BUNDLE))),
    ]


def system_packages(resolution: Resolution) -> list[Instruction]:
    if not resolution.system_packages:
        return []
    names = " ".join(map(shell_word, resolution.system_packages))
    return [
        Run(
            f"apt-get update -qq && {APT_INSTALL} {names} && {APT_CLEAN}",
            mounts=(APT_CACHE,),
            because=resolution.reasons.get("system_packages", "") or "`build.system_packages` in cog.yaml",
        )
    ]


def shell_word(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_.+:=/~@%-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def python(resolution: Resolution, options: PlanOptions) -> list[Instruction]:
    """Python on a base that has none. One virtual environment at a fixed path, however it came."""
    if not on_cuda(resolution):
        return []
    version = resolution.python_version
    minor = ".".join(version.split(".")[:2])
    path = Env(
        (("PATH", f"{VENV}/bin:$PATH"),),
        expand=True,
        because=f"python, python3 and pip are those of {VENV}, for commands and for the server",
    )
    if options.python_archive:
        return [
            Run(
                f"mkdir -p {STANDALONE} && tar -xf /tmp/{options.python_archive} -C {STANDALONE} --strip-components=1"
                f" && {STANDALONE}/bin/python3 -m venv {VENV}",
                mounts=(
                    Mount(
                        "bind",
                        (
                            ("from", CONTEXT),
                            ("source", options.python_archive),
                            ("target", f"/tmp/{options.python_archive}"),
                        ),
                    ),
                ),
                because="COG_PYTHON_ARCHIVE: Python from a local archive, without the network",
            ),
            path,
        ]
    standalone = (
        f"{APT_INSTALL} --no-install-recommends ca-certificates python3 python3-venv"
        f" && python3 -m venv /opt/cog-uv && {QUIET_PIP} /opt/cog-uv/bin/pip install -q uv"
        f" && UV_PYTHON_INSTALL_DIR={STANDALONE} UV_CACHE_DIR=/tmp/uv /opt/cog-uv/bin/uv venv --seed"
        f" --python-preference only-managed --python {version} {VENV}"
        " && rm -rf /opt/cog-uv /tmp/uv && apt-get purge -qqy --auto-remove python3-venv"
    )
    distribution = (
        f"{APT_INSTALL} --no-install-recommends python{minor} python{minor}-venv python{minor}-dev"
        f" && python{minor} -m venv {VENV}"
    )
    ubuntu = re.search(r"ubuntu(\d+\.\d+)", resolution.base_image)
    if version != minor:
        script = standalone
        because = (
            f"`python_version: {version}`: an exact patch release, as a ready-made standalone build (fetched with uv);"
            " nothing is compiled"
        )
    elif ubuntu and UBUNTU_PYTHON.get(ubuntu[1]) == minor:
        script = distribution
        because = f"Python {minor} is the one that Ubuntu {ubuntu[1]} brings: from its mirror, as all of apt"
    else:
        script = f"if apt-cache show python{minor}-venv >/dev/null 2>&1; then {distribution}; else {standalone}; fi"
        because = (
            f"the base image has no Python: the distribution's {minor} when it has one, else a ready-made standalone"
            " build (fetched with uv); nothing is compiled"
        )
    return [
        Run(f"apt-get update -qq && {script} && {APT_CLEAN}", mounts=(APT_CACHE,), because=because),
        path,
    ]


def requirements(resolution: Resolution, options: PlanOptions) -> list[Instruction]:
    steps: list[Instruction] = []
    if resolution.requirements:
        mounts = [PIP_CACHE]
        targets: dict[str, str] = {}
        for secret in options.secrets:
            if secret in PIP_SECRETS:
                targets.setdefault(PIP_SECRETS[secret], secret)
        mounts += [Mount("secret", (("id", id), ("target", target))) for target, id in targets.items()]
        mounts += [
            Mount("bind", (("source", source), ("target", f"/opt/cog-build/{source}"))) for source in options.local_sources
        ]
        # Paths in a requirements file are relative to the working directory.
        install = f"{QUIET_PIP} pip install -r {REQUIREMENTS}"
        if options.local_sources:
            install = f"cd /opt/cog-build && {install}"
        if options.strip:
            install += (
                " && if command -v strip >/dev/null; then find / -xdev -type f -name '*python*.so'"
                " -not -name '*cpython*' -exec strip -S {} +; fi"
            )
        files = ("requirements.txt", "constraints.txt") if resolution.constraints else ("requirements.txt",)
        steps += [
            Copy(
                files,
                REQUIREMENTS if len(files) == 1 else REQUIREMENTS.rpartition("/")[0] + "/",
                source=CONTEXT,
                because=resolution.reasons.get("requirements", "") or "the requirements, resolved",
            ),
            Run(install, mounts=tuple(mounts), because="pip's downloads stay in a cache of the builder, not in the image"),
        ]
    if options.precompile:
        steps.append(
            Run(
                "python -m compileall -q -j 0 --invalidation-mode unchecked-hash"
                ' "$(python -c \'import sysconfig; print(sysconfig.get_path("purelib"))\')" || true',
                because="--precompile: bytecode of the packages, asserts and docstrings kept",
            )
        )
    return steps


def commands(config: Config) -> list[Instruction]:
    found: list[Instruction] = []
    for item in config.build.run:
        mounts = tuple(Mount(mount.type, (("id", mount.id), ("target", mount.target))) for mount in item.mounts)
        found.append(Run(item.command, mounts=mounts, because="`build.run` in cog.yaml"))
    found += [Run(line, because="`build.pre_install` in cog.yaml (runs last)") for line in config.build.pre_install]
    return found


def weights(options: PlanOptions) -> list[Instruction]:
    return [
        Copy((f"/src/{path}",), f"/src/{path}", source="weights", because="a layer of its own: it changes with this path alone")
        for path in options.weights
    ]


def runtime() -> list[Instruction]:
    return [
        Copy(
            ("payload/",),
            f"{RUNTIME}/",
            source=CONTEXT,
            because="the prediction server: standard library only. After your packages and commands: a new release of"
            " the tool installs none of them again",
        ),
        Run(
            f"python -I -B {RUNTIME}/cog/runtime_stdlib/path_hook.py {RUNTIME}",
            because="lets this Python find it, whatever the working directory holds",
        ),
    ]


def server(config: Config) -> list[Instruction]:
    steps: list[Instruction] = [Workdir("/src"), Expose(5000)]
    named = server_variables(config)
    if named:
        steps.append(Env(tuple(named), because="from cog.yaml: what the server loads; late, so that edits rebuild nothing"))
    steps.append(Cmd(SERVER))
    return steps


def server_variables(config: Config) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if config.predict:
        found.append(("COG_PREDICT_TYPE_STUB", config.predict))
    if config.train:
        found.append(("COG_TRAIN_TYPE_STUB", config.train))
    if config.concurrency is not None:
        found.append(("COG_MAX_CONCURRENCY", str(config.concurrency.max)))
    return found


def code(options: PlanOptions) -> list[Instruction]:
    steps: list[Instruction] = [Copy((".",), "/src", because="your code, last: an edit rebuilds this layer and no other")]
    if options.config_file != "cog.yaml":
        steps.append(
            Copy(("cog.yaml",), "/src/cog.yaml", source=CONTEXT, because=f"--file {options.config_file}: cog.yaml in the image")
        )
    return steps


def staged(step: Instruction) -> Instruction:
    """The same step for a builder without named contexts: ours is in cog/, the project in src/."""
    if isinstance(step, Copy):
        if step.source == CONTEXT:
            return replace(step, source="", paths=tuple(f"{CONTEXT}/{path}" for path in step.paths))
        if not step.source:
            return replace(step, paths=tuple("src/" if path == "." else f"src/{path}" for path in step.paths))
    if isinstance(step, Run):
        return replace(step, mounts=tuple(map(staged_mount, step.mounts)))
    return step


def staged_mount(mount: Mount) -> Mount:
    if mount.type != "bind":
        return mount
    fields = dict(mount.fields)
    ours = fields.pop("from", "") == CONTEXT
    fields["source"] = f"{CONTEXT if ours else 'src'}/{fields['source']}"
    return replace(mount, fields=tuple(fields.items()))


def ignore_lines(user: Sequence[str], *, generic: bool = False, weights: Sequence[tuple[str, bool]] = ()) -> list[str]:
    """The ignore file of a build: the user's lines, then ours.

    `weights` are (escaped path, whether it is a folder).
    """
    lines = [*user]
    while lines and not lines[-1].strip():
        lines.pop()
    if lines:
        lines.append("")
    lines.append(".cog")
    if generic:
        lines += GENERIC_IGNORE
    for path, folder in weights:
        lines.append(path)
        if folder:
            lines.append(f"{path}/**/*")
    return lines

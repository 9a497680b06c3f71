"""What docker printed -> what went wrong, why, and what to do. Pure: text in, errors out.

Strategy: nothing is checked before it is needed, since that would cost every build a few calls
of docker; a call that failed is explained afterwards, from its words. The tables go from the
special to the general: the first line that fits is the cause.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cog.errors import CogError
from cog.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

STEP_TAIL = 20
LONGEST_LINE = 500
LONGEST_STEP = 160


class DockerMissing(CogError):
    code = "docker-missing"
    category = "docker"

    def __init__(self, program: str) -> None:
        super().__init__(
            f"{program} is not installed",
            why="images are built and run by Docker, and there is no such program on the PATH",
            fix="install Docker (https://docs.docker.com/get-docker/), or run the model without it: `cog predict --engine local`",
        )


class DaemonDown(CogError):
    code = "docker-daemon-down"
    category = "docker"

    def __init__(self, text: str) -> None:
        super().__init__(
            "the Docker daemon does not answer",
            why=text,
            fix="start it (`sudo systemctl start docker`, or Docker Desktop) and check DOCKER_HOST and `docker context ls`",
        )


class SocketDenied(CogError):
    code = "docker-permission"
    category = "docker"

    def __init__(self, text: str) -> None:
        super().__init__(
            "you may not use the Docker daemon's socket",
            why=text,
            fix="join its group: `sudo usermod -aG docker $USER`, then log in again",
        )


class BuildxMissing(CogError):
    code = "buildx-missing"
    category = "docker"

    def __init__(self) -> None:
        super().__init__(
            "docker has no buildx",
            why="cog builds with BuildKit, and `docker buildx` is its client",
            fix="install the plugin: `apt-get install docker-buildx-plugin`, or https://docs.docker.com/go/buildx/",
        )


class BuilderTooOld(CogError):
    code = "buildkit-too-old"
    category = "docker"

    def __init__(self, text: str) -> None:
        super().__init__(
            "the builder of this Docker is too old",
            why=text,
            fix="use Docker 20.10 or newer with buildx 0.8 or newer, or another builder: `docker buildx create --use`",
        )


class BuildFailed(CogError):
    code = "build-failed"
    category = "docker"

    def __init__(self, step: str, tail: str, hint: str, *, what: str = "") -> None:
        super().__init__(
            what or (f"the build failed at: {shortened(step, LONGEST_STEP)}" if step else "the build failed"),
            why=tail,
            fix=hint or "look at the lines above; `cog debug --explain` shows the Dockerfile and why each line is there",
        )
        self.step, self.tail, self.hint = step, tail, hint


class BaseImageMissing(BuildFailed):
    code = "base-image-missing"


class NoDisk(BuildFailed):
    code = "no-disk"


class NoNetwork(BuildFailed):
    code = "no-network"


class PackageNotFound(BuildFailed):
    code = "package-not-found"


class WheelMismatch(BuildFailed):
    code = "wheel-for-another-python"


class OutOfMemory(BuildFailed):
    code = "build-out-of-memory"


class ImageMissing(CogError):
    code = "image-missing"
    category = "docker"

    def __init__(self, image: str, text: str) -> None:
        super().__init__(
            f"{image} cannot be pulled",
            why=text,
            fix=f"check the name; if the registry wants a login, run `docker login {registry_of(image)}`".rstrip(),
        )


class RegistryRefused(CogError):
    code = "registry-refused"
    category = "docker"


class DockerFailed(CogError):
    """Docker said no, and we know no more than it said."""

    code = "docker-failed"
    category = "docker"


@dataclass(frozen=True)
class Failure:
    """The interesting parts of a failed build's output."""

    step: str  # "RUN pip install ...", as the Dockerfile has it
    tail: str  # the last lines that the step printed
    error: str  # BuildKit's own last word


ERROR = re.compile(r"^ERROR: (?:failed to (?:build|solve): )*(.*)$")
HEADING = re.compile(r"^ ?> (?:\[[^\]]*\] ?)?(.*?):?$")
NUMBERED = re.compile(r"^(?:#\d+ )?\d+(?:\.\d+)? ?")
CURSOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def read_failure(lines: Sequence[str]) -> Failure:
    """Find the failing step in what buildx printed: between two rules at the end, under its heading."""
    plain = [shortened(CURSOR.sub("", line).rstrip()) for line in lines]
    error = next((match[1] for match in map(ERROR.match, reversed(plain)) if match), "")
    rules = [number for number, line in enumerate(plain) if line == "------"]
    if len(rules) >= 2:
        heading, *tail = plain[rules[-2] + 1 : rules[-1]] or [""]
        match = HEADING.match(heading)
        told = [NUMBERED.sub("", line) for line in tail if line.strip()]
        return Failure(match[1].strip() if match else heading.strip(), "\n".join(told[-STEP_TAIL:]), error)
    return Failure("", "\n".join(line for line in plain[-STEP_TAIL:] if line.strip()), error)


def shortened(line: str, longest: int = LONGEST_LINE) -> str:
    return line if len(line) <= longest else f"{line[:longest]} ..."


OFFLINE = re.compile(
    r"no such host|temporary failure in name resolution|temporary failure resolving|name or service not known"
    r"|network is unreachable|could not resolve|failed to establish a new connection|connection refused"
    r"|connection timed out|i/o timeout|tls handshake timeout|connection reset by peer|nameresolutionerror"
    r"|could not connect to|dns error|failed to fetch|max retries exceeded",
    re.I,
)
NO_SPACE = re.compile(r"no space left on device|disk quota exceeded|\[errno 28\]|not enough (?:free )?space", re.I)
NO_BASE = re.compile(r"failed to resolve source metadata for ([^\s:]+(?::[\w.-]+)?)|pull access denied for ([^\s,]+)", re.I)
NOT_FOUND = re.compile(r"not found|does not exist|manifest unknown|pull access denied|repository does not exist", re.I)
NO_NAMED_CONTEXT = re.compile(
    r"library/cog(?::latest\b|(?![\w./:-]))|unknown flag: --build-context|\"?cog\"?: (?:pull access denied|not found)"
    r"|invalid from flag value cog|failed to (?:load|parse|solve)[^\n]*: cog: ",
    re.I,
)
NO_MOUNTS = re.compile(r"the --mount option requires buildkit|unknown flag: mount", re.I)


@dataclass(frozen=True)
class Cause:
    """Words that give a cause away, and what to do then; {0} is what the first group found."""

    pattern: re.Pattern[str]
    error: type[BuildFailed]
    fix: str


# The first one that fits, so the order matters: a package that is not found for want of a network
# is also reported as not found.
CAUSES = (
    Cause(
        re.compile(r"exit code: 137|^killed$|memoryerror|cannot allocate memory|out of memory", re.I | re.M),
        OutOfMemory,
        "give Docker more memory (Docker Desktop: Settings, Resources), or build less in parallel",
    ),
    Cause(
        re.compile(r"certificate_verify_failed|certificate verify failed|x509: certificate signed by unknown", re.I),
        NoNetwork,
        "a proxy seems to replace certificates: set COG_CA_CERT to the file of its certificate authority",
    ),
    Cause(
        re.compile(r"is not a supported wheel on this platform|requires a different python|requires-python", re.I),
        WheelMismatch,
        "there is no release for this Python: change `python_version` in cog.yaml, or the version of the package",
    ),
    Cause(
        re.compile(r"(?:unable to locate package|couldn't find any package[^\n]*?)\s+([^\s]+)", re.I),
        PackageNotFound,
        "correct {0} in `system_packages`; the base image's distribution may call it otherwise",
    ),
    Cause(
        re.compile(r"package '?([^\s']+)'? has no installation candidate", re.I),
        PackageNotFound,
        "correct {0} in `system_packages`; the base image's distribution may call it otherwise",
    ),
    Cause(
        re.compile(r"failed to download `?https?://\S*python-build-standalone", re.I),
        NoNetwork,
        "Python for this image could not be fetched: set COG_PYTHON_ARCHIVE to a local one, or UV_PYTHON_INSTALL_MIRROR in"
        " `environment` of cog.yaml; or start from the slim image: --use-cuda-base-image=false",
    ),
    Cause(
        OFFLINE,
        NoNetwork,
        "check the network and HTTP_PROXY, HTTPS_PROXY, NO_PROXY (builds get them);"
        " docs/air-gap.md says how to build without one",
    ),
    Cause(
        re.compile(r"no matching distribution found for ([^\s]+)", re.I),
        PackageNotFound,
        "correct {0} in the requirements: that name and version must exist for this Python and platform",
    ),
    Cause(
        re.compile(r"(gcc|cc|g\+\+|make|cmake|cargo|rustc)['\"]?:? (?:command )?(?:not found|failed: no such file)", re.I),
        BuildFailed,
        "the image has no {0}: add build-essential to `system_packages` in cog.yaml (or {0} itself)",
    ),
    Cause(
        re.compile(r"(?:/bin/sh: \d+: |sh: )([^\s:]+): (?:command )?not found", re.I),
        BuildFailed,
        "the image has no program {0}: add the package that brings it to `system_packages` in cog.yaml",
    ),
    Cause(
        re.compile(r"cannot find command '(\w+)'", re.I),
        BuildFailed,
        "the image has no program {0}: add it to `system_packages` in cog.yaml",
    ),
)


def explain_build(lines: Sequence[str], *, base: str = "") -> BuildFailed:
    """A failed build as an error that names the step, its last lines and, when known, the cause."""
    failure = read_failure(lines)
    whole = f"{failure.tail}\n{failure.error}"
    why = failure.tail or failure.error
    exit_code = re.search(r"exit code: (\d+)", failure.error)
    if exit_code:
        why = f"{failure.tail}\n(exit status {exit_code[1]})".lstrip()
    if NO_SPACE.search(whole):
        return NoDisk(
            failure.step,
            why,
            "make room: `docker system df` shows what is used, `docker builder prune` frees the build cache",
            what="the disk is full",
        )
    missing = NO_BASE.search(whole)
    if missing and not failure.step.startswith(("RUN", "COPY")):
        explained = explain_base(failure, base or missing[1] or missing[2])
        if explained is not None:
            return explained
    for cause in CAUSES:
        match = cause.pattern.search(whole)
        if match:
            found = match[1] if cause.pattern.groups else ""
            return cause.error(failure.step, why, cause.fix.format(found))
    return BuildFailed(failure.step, why, "")


def explain_base(failure: Failure, image: str) -> Optional[BuildFailed]:
    text = failure.error or failure.tail
    if OFFLINE.search(text):
        return NoNetwork(
            failure.step,
            text,
            f"bring it here (`docker pull {image}` where there is a network, `docker save`, `docker load`),"
            " or name a mirror: --registry-mirror HOST",
            what=f"the base image {image} is not here and its registry cannot be reached",
        )
    if NOT_FOUND.search(text):
        return BaseImageMissing(
            failure.step,
            text,
            "correct `python_version` (or `cuda`) in cog.yaml; `cog debug --explain` says why this image was chosen",
            what=f"the base image {image} does not exist",
        )
    return None


def needs_staging(lines: Sequence[str]) -> bool:
    """Whether a build failed only because the builder knows no named contexts."""
    return bool(NO_NAMED_CONTEXT.search("\n".join(lines)))


def explain_docker(text: str) -> Optional[CogError]:
    """What stands between us and the daemon, when it is that."""
    last = meaningful(text)
    if re.search(r"permission denied while trying to connect|dial unix [^\n]*permission denied", text, re.I):
        return SocketDenied(last)
    if re.search(
        r"cannot connect to the docker daemon|is the docker daemon running|error during connect"
        r"|failed to connect to the docker api|dial unix [^\n]*(?:no such file|connection refused)"
        r"|unable to resolve docker endpoint|context \"[^\"]*\" (?:not found|does not exist)",
        text,
        re.I,
    ):
        return DaemonDown(last)
    if re.search(
        r"'buildx' is not a docker command|unknown command: docker buildx|unknown shorthand flag|unknown flag: --(?:file|builder)"
        r"|buildx component is missing|docker-buildx: no such file",
        text,
        re.I,
    ):
        return BuildxMissing()
    if NO_MOUNTS.search(text):
        return BuilderTooOld(last)
    return None


def explain_push(image: str, text: str) -> CogError:
    registry = registry_of(image) or "the registry"
    last = meaningful(text)
    if re.search(r"name_unknown|404|not found|does not exist", text, re.I) and not re.search(r"denied|unauthorized", text, re.I):
        return RegistryRefused(
            f"{registry} does not know {image}",
            why=last,
            fix="create the repository (or model) there first, and check that you are logged in as its owner;"
            " with sudo, docker uses root's credentials",
        )
    if re.search(r"unauthorized|authentication required|denied|no basic auth|403|401", text, re.I):
        login = f"docker login {registry_of(image)}".strip()
        return RegistryRefused(
            f"{registry} refused {image}",
            why=last,
            fix=f"log in with an account that may push there: `{login}`; with sudo, docker uses root's credentials",
        )
    if OFFLINE.search(text):
        return RegistryRefused(
            f"{registry} cannot be reached",
            why=last,
            fix="check the name of the image and the network, then push again: the build is kept",
        )
    return RegistryRefused(f"{image} was not pushed", why=last, fix=f"try `docker push {image}` to see more")


NO_DRIVER = (
    "could not select device driver",
    "nvidia-container-cli: initialization error",
    "failed to discover gpu vendor",
    "unresolvable cdi devices nvidia.com/gpu",
)


def no_gpu_driver(text: str) -> bool:
    return any(words in text.lower() for words in NO_DRIVER)


def registry_of(image: str) -> str:
    """The registry that a name says, or nothing for Docker Hub."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def meaningful(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("See 'docker", "Run 'docker"))]
    return lines[-1] if lines else ""

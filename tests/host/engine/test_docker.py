"""Docker's command lines, and what is made of its answers: no docker anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cog.engine import diagnosis, docker
from cog.engine.interface import Port


def test_a_build_names_the_dockerfile_the_contexts_and_the_project() -> None:
    build = docker.Build(
        dockerfile=Path("/t/Dockerfile"), context=Path("/p"), contexts=(("cog", "/t"),), tag="m", secrets=("id=a,src=b",),
        no_cache=True, progress="plain", network="none",
    )  # fmt: skip
    assert docker.argv_for_build(build) == [
        *("buildx", "build", "--load", "--secret", "id=a,src=b", "--no-cache", "--network", "none"),
        *("--build-context", "cog=/t", "--file", "/t/Dockerfile", "--tag", "m", "--progress", "plain", "/p"),
    ]


def test_a_time_is_a_build_argument_and_an_output() -> None:
    argv = docker.argv_for_build(docker.Build(Path("D"), Path("."), timestamp=5, platform="linux/arm64", builder="b"))
    assert argv == [
        *("buildx", "build", "--builder", "b", "--platform", "linux/arm64", "--build-arg", "SOURCE_DATE_EPOCH=5"),
        *("--output", "type=docker,rewrite-timestamp=true", "--file", "D", "."),
    ]


def test_labels_too_long_for_an_argument_go_through_a_file() -> None:
    assert not docker.too_long(["a=" + "x" * (128 * 1024 - 3)])
    assert docker.too_long(["a=" + "é" * (64 * 1024)])
    build = docker.Build(Path("/t/Dockerfile"), Path("/t/files"), tag="m:1", labels=("a=${x} %{y}\n", "b=c=d"))
    assert json.loads(docker.bake_file(build, Path("/t"))) == {
        "target": {
            "default": {
                "context": "files",
                "dockerfile": "../Dockerfile",
                "tags": ["m:1"],
                "labels": {"a": "$${x} %%{y}\n", "b": "c=d"},
            }
        }
    }
    assert docker.argv_for_bake(build, "bake.json") == ["buildx", "bake", "--file", "bake.json", "--load"]


def test_a_container_is_removed_has_an_init_and_enough_shared_memory() -> None:
    assert docker.argv_for_run(docker.Container("m", ("python",), name="n")) == [
        *("run", "--rm", "--init", "--shm-size", "6G", "--name", "n", "m", "python"),
    ]


def test_everything_that_a_container_may_have() -> None:
    container = docker.Container(
        "m", ("x",), name="n", detach=True, interactive=True, tty=True, environment=("A=b",), gpus="all",
        publish=("127.0.0.1:1:2",), directory=Path("/p"), workdir="/src", platform="linux/amd64",
    )  # fmt: skip
    assert docker.argv_for_run(container)[4:] == [
        *("6G", "--name", "n", "--detach", "--env", "A=b", "--gpus", "all", "--interactive", "--publish", "127.0.0.1:1:2"),
        *("--tty", "--mount", "type=bind,source=/p,destination=/src", "--workdir", "/src", "--platform", "linux/amd64", "m", "x"),
    ]


def test_commas_and_quotes_in_the_projects_path_are_quoted() -> None:
    assert docker.mount_of(Path('/a,b"c')) == 'type=bind,"source=/a,b""c",destination=/src'


def test_ports_are_published_on_one_address() -> None:
    assert docker.published(Port(5000, 8393)) == "127.0.0.1:8393:5000"
    assert docker.published(Port(5000, 0)) == "127.0.0.1::5000"
    assert docker.published(Port(80, 81, "::1")) == "[::1]:81:80"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("0.0.0.0:49153\n[::]:49154\n", ("127.0.0.1", 49153)),
        ("[::]:49154\n", ("::1", 49154)),
        ("127.0.0.1:5001\n", ("127.0.0.1", 5001)),
        ("5000/tcp -> 127.0.0.1:7\n", ("127.0.0.1", 7)),
        ("", None),
        ("Error: No such container\n", None),
    ],
)
def test_where_a_server_is_reached(text: str, answer: object) -> None:
    assert docker.port_of(text) == answer


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("unix:///var/run/docker.sock", ""),
        ("", ""),
        ("tcp://10.0.0.5:2376", "10.0.0.5"),
        ("ssh://me@build.example.com", "build.example.com"),
        ("tcp://[fd00::1]:2376", "[fd00::1]"),
        ("tcp://localhost:2375", ""),
    ],
)
def test_the_machine_of_a_remote_engine(value: str, host: str) -> None:
    assert docker.remote_host(value) == host


def test_the_builder_that_is_the_engine_is_called_like_its_context(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "desktop-linux"}')
    assert docker.engine_builder({"DOCKER_CONFIG": str(tmp_path)}) == "desktop-linux"
    assert docker.engine_builder({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "other"}) == "other"
    assert docker.engine_builder({"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "tcp://x"}) == "default"
    assert docker.engine_builder({"DOCKER_CONFIG": str(tmp_path / "none")}) == "default"


def test_proxies_are_passed_by_name_so_that_no_password_is_seen() -> None:
    given = {"HTTPS_PROXY": "http://user:secret@proxy", "no_proxy": "x", "ALL_PROXY": ""}
    assert docker.proxy_arguments(given) == ("HTTPS_PROXY", "no_proxy")


# --- failures ---------------------------------------------------------------------------------------


FAILED = """
#7 [stage-0 2/5] RUN pip install -r x
#7 0.5 collecting
#7 ERROR: process "/bin/sh -c pip" did not complete successfully: exit code: 1
------
 > [stage-0 2/5] RUN pip install -r x:
0.512 first words
1.2 {words}
------
Dockerfile:3
--------------------
   3 | >>> RUN pip install -r x
--------------------
ERROR: failed to solve: process "/bin/sh -c pip" did not complete successfully: exit code: {status}
"""


def explained(words: str, status: int = 1) -> diagnosis.BuildFailed:
    return diagnosis.explain_build(FAILED.format(words=words, status=status).splitlines())


def test_a_failed_build_names_the_step_and_its_last_lines() -> None:
    error = explained("last words", 9)
    assert error.what == "the build failed at: RUN pip install -r x"
    assert error.why == "first words\nlast words\n(exit status 9)"


@pytest.mark.parametrize(
    ("words", "status", "code", "fix"),
    [
        ("ERROR: No matching distribution found for tensroflow==2", 1, "package-not-found", "tensroflow==2"),
        ("E: Unable to locate package fmpeg", 100, "package-not-found", "fmpeg"),
        ("E: Package 'libgl1-mesa-glx' has no installation candidate", 100, "package-not-found", "libgl1-mesa-glx"),
        ("Temporary failure in name resolution", 1, "no-network", "docs/air-gap.md"),
        (
            "cause: Failed to download `https://github.com/astral-sh/python-build-standalone/releases/x`: dns error",
            1,
            "no-network",
            "COG_PYTHON_ARCHIVE",
        ),
        ("SSL: CERTIFICATE_VERIFY_FAILED", 1, "no-network", "COG_CA_CERT"),
        ("x.whl is not a supported wheel on this platform.", 1, "wheel-for-another-python", "python_version"),
        ("ERROR: Package 'x' requires a different Python: 3.8 not in '>=3.9'", 1, "wheel-for-another-python", "python_version"),
        ("OSError: [Errno 28] No space left on device", 1, "no-disk", "docker builder prune"),
        ("Killed", 137, "build-out-of-memory", "memory"),
        ("error: command 'gcc' failed: No such file or directory", 1, "build-failed", "build-essential"),
        ("/bin/sh: 1: curl: not found", 127, "build-failed", "no program curl"),
        ("ERROR: Cannot find command 'git' - do you have 'git' installed", 1, "build-failed", "no program git"),
        ("something else", 1, "build-failed", "cog debug --explain"),
    ],
)
def test_known_causes_have_a_remedy(words: str, status: int, code: str, fix: str) -> None:
    error = explained(words, status)
    assert (error.code, fix in error.fix) == (code, True), error.fix


def test_a_package_that_is_not_found_for_want_of_a_network_is_the_networks_fault() -> None:
    words = "Failed to establish a new connection\n1.3 ERROR: No matching distribution found for six"
    assert explained(words).code == "no-network"


BASE_FAILED = """------
 > [internal] load metadata for docker.io/library/python:3.99-slim:
------
Dockerfile:1
ERROR: failed to solve: python:3.99-slim: failed to resolve source metadata for docker.io/library/python:3.99-slim: {words}
"""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("docker.io/library/python:3.99-slim: not found", "base-image-missing"),
        ('failed to do request: Head "https://registry-1.docker.io/": dial tcp: lookup: no such host', "no-network"),
        ("pull access denied, repository does not exist or may require authorization", "base-image-missing"),
    ],
)
def test_a_base_image_that_cannot_be_had(words: str, code: str) -> None:
    error = diagnosis.explain_build(BASE_FAILED.format(words=words).splitlines(), base="python:3.99-slim")
    assert error.code == code and "python:3.99-slim" in error.what


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "docker-daemon-down"),
        ("permission denied while trying to connect to the Docker daemon socket", "docker-permission"),
        ("docker: 'buildx' is not a docker command.\nSee 'docker --help'", "buildx-missing"),
        ("unknown flag: --file\nSee 'docker --help'.", "buildx-missing"),
        ("the --mount option requires BuildKit", "buildkit-too-old"),
        ("something else", None),
    ],
)
def test_what_stands_between_us_and_the_daemon(text: str, code: object) -> None:
    error = diagnosis.explain_docker(text)
    assert (error.code if error else None) == code


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: failed to solve: cog: docker.io/library/cog:latest: not found",
        "unknown flag: --build-context",
        "#3 [internal] load metadata for docker.io/library/cog:latest",
        "failed to solve with frontend dockerfile.v0: failed to create LLB definition: docker.io/library/cog:latest: not found",
    ],
)
def test_a_builder_without_named_contexts_is_noticed(text: str) -> None:
    assert diagnosis.needs_staging([text])


def test_an_ordinary_failure_is_not_taken_for_an_old_builder() -> None:
    assert not diagnosis.needs_staging(FAILED.format(words="cog: error", status=1).splitlines())
    assert not diagnosis.needs_staging(["#2 [internal] load metadata for docker.io/library/cog-build:0123456789ab"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("denied: requested access to the resource is denied", "docker login registry.example.com"),
        ("unauthorized: authentication required", "docker login registry.example.com"),
        ("name unknown: NAME_UNKNOWN: repository not found", "create the repository"),
        ("dial tcp: lookup registry.example.com: no such host", "push again"),
        ("anything", "docker push registry.example.com/a/b"),
    ],
)
def test_a_registry_that_refuses(text: str, words: str) -> None:
    assert words in diagnosis.explain_push("registry.example.com/a/b", text).fix


def test_missing_gpu_drivers_are_known_by_their_words() -> None:
    assert diagnosis.no_gpu_driver('could not select device driver "" with capabilities: [[gpu]].')
    assert not diagnosis.no_gpu_driver("anything else")

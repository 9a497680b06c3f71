"""build, push, eject, install and login against a `docker` that only takes notes, and a web server of our own."""

from __future__ import annotations

import base64
import json
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Optional

import pytest

from cog.actions import debug, eject, install, login, recipe
from cog.actions.build import SchemaFailed, build
from cog.actions.push import NoImageName, push, uuid7
from cog.actions.recipe import CertificateUnreadable, ImageOptions, SecretInvalid, SourceHidden, certificates, secret_id
from cog.engine.docker import DockerEngine
from cog.workspace.project import Project, find

SCHEMA = '{"openapi":"3.0.2","info":{},"paths":{}}'

# Notes every call with the Dockerfile it was given, and answers as a script of the test wants.
SCRIPT = """#!{python}
import json, os, sys
argv = sys.argv[1:]
call = {{"argv": argv}}
if "--file" in argv:
    call["dockerfile"] = open(argv[argv.index("--file") + 1]).read()
open({log!r}, "a").write(json.dumps(call) + "\\n")
{answers}
if argv[:1] == ["run"]:
    print({schema!r} if "cog.command.openapi_schema" in argv else "six==1.16.0")
"""


class Silent:
    """A reporter that keeps what it is told."""

    debugging = False

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)

    info = warning = debug = detail = note


class Lab:
    def __init__(self, folder: Path, environment: Optional[dict[str, str]] = None) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.environment = environment or {}
        self.reporter = Silent()

    def engine(self, answers: str = "") -> DockerEngine:
        program = self.folder / "docker"
        program.write_text(SCRIPT.format(python=sys.executable, log=str(self.log), answers=answers, schema=SCHEMA))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return DockerEngine(self.reporter, program=str(program), environment=self.environment)

    def project(self, **files: str) -> Project:
        root = self.folder / "model"
        root.mkdir()
        files = {"cog.yaml": "predict: predict.py:Predictor\n", "predict.py": "", **files}
        for name, text in files.items():
            (root / name).write_text(text)
        return find(root)

    def calls(self, *starts: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [call for call in found if call["argv"][: len(starts)] == list(starts)]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_only_the_last_step_of_a_build_has_the_users_name(lab: Lab) -> None:
    build(lab.project(), ImageOptions(tag="mine:1"), lab.engine(), lab.reporter)
    first, last = lab.calls("buildx", "build")
    assert "mine:1" not in first["argv"] and "mine:1" in last["argv"]
    unfinished = first["argv"][first["argv"].index("--tag") + 1]
    assert last["dockerfile"].startswith(f"FROM {unfinished}\n")
    assert lab.calls("image", "rm")[-1]["argv"][-1] == unfinished
    assert "default" in last["argv"], "the labels are added by the engine's own builder, whichever built"


def test_a_build_that_fails_takes_its_name_away_and_never_the_users(lab: Lab) -> None:
    answers = 'if argv[:1] == ["run"]: sys.exit("the model is broken")'
    with pytest.raises(SchemaFailed, match="could not be loaded"):
        build(lab.project(), ImageOptions(tag="mine:1"), lab.engine(answers), lab.reporter)
    assert len(lab.calls("image", "rm")) == 1
    assert not any("mine:1" in call["argv"] for call in lab.calls("buildx"))


def test_an_old_builder_is_noticed_and_gets_one_folder(lab: Lab) -> None:
    answers = 'if "--build-context" in argv: sys.exit("ERROR: failed to solve: cog: docker.io/library/cog:latest: not found")'
    build(lab.project(), ImageOptions(tag="mine"), lab.engine(answers), lab.reporter)
    _, second, _ = lab.calls("buildx", "build")
    assert "COPY cog/payload/ /opt/cog/\n" in second["dockerfile"] and "COPY src/ /src\n" in second["dockerfile"]
    assert "--build-context" not in second["argv"]


def big_file(project: Project) -> None:
    with open(project.directory / "big.bin", "wb") as file:
        file.truncate(10 * 1024 * 1024)


def test_weights_are_an_image_of_their_own(lab: Lab) -> None:
    project = lab.project()
    big_file(project)
    build(project, ImageOptions(tag="mine", separate_weights=True), lab.engine(), lab.reporter)
    weights, runner, _ = lab.calls("buildx", "build")
    assert weights["dockerfile"] == "FROM scratch\nCOPY big.bin /src/big.bin\n"
    assert "mine-weights" in weights["argv"]
    assert runner["dockerfile"].startswith("FROM mine-weights AS weights\n")


def test_a_builder_in_a_container_gets_the_weights_as_a_stage(lab: Lab) -> None:
    project = lab.project()
    big_file(project)
    answers = 'if argv[:2] == ["buildx", "inspect"]: print("Name: b\\nDriver: docker-container\\n")'
    build(project, ImageOptions(tag="mine", separate_weights=True, builder="b"), lab.engine(answers), lab.reporter)
    runner, last = lab.calls("buildx", "build")
    assert runner["dockerfile"].startswith("FROM scratch AS weights\nCOPY --from=project big.bin /src/big.bin\n")
    assert f"project={project.directory}" in runner["argv"]
    assert "b" in runner["argv"] and "--load" in runner["argv"] and "b" not in last["argv"]


def test_a_schema_that_is_given_is_used_as_it_is(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"openapi": "3.1.0",\n "paths": {}}\n')
    built = build(lab.project(), ImageOptions(tag="m", openapi_schema=str(tmp_path / "schema.json")), lab.engine(), lab.reporter)
    assert built.schema == '{"openapi": "3.1.0",\n "paths": {}}\n'
    assert not any("cog.command.openapi_schema" in call["argv"] for call in lab.calls("run"))


def test_proxies_and_secrets_reach_the_build(lab: Lab) -> None:
    lab.environment = {"HTTPS_PROXY": "http://secret@proxy"}
    build(lab.project(), ImageOptions(tag="m", secrets=("id=pip,src=pip.conf",)), lab.engine(), lab.reporter)
    argv = lab.calls("buildx", "build")[0]["argv"]
    assert argv[argv.index("--build-arg") + 1] == "HTTPS_PROXY"
    assert argv[argv.index("--secret") + 1] == "id=pip,src=pip.conf"
    assert not any("secret@proxy" in word for call in lab.calls() for word in call["argv"])


def test_push_builds_and_pushes_under_the_name_given(lab: Lab) -> None:
    project = lab.project(**{"cog.yaml": "image: from/yaml\npredict: predict.py:Predictor\n"})
    assert push(project, "from/argument", ImageOptions(), lab.engine(), lab.reporter) == "from/argument"
    assert lab.calls("push")[0]["argv"] == ["push", "from/argument"]
    assert any(word.startswith("run.cog.push_id=") for word in lab.calls("buildx", "build")[-1]["argv"])


def test_push_without_a_name_does_nothing(lab: Lab) -> None:
    with pytest.raises(NoImageName):
        push(lab.project(), "", ImageOptions(), lab.engine(), lab.reporter)
    assert not lab.log.exists()


def test_push_ids_are_uuids_that_sort_by_time() -> None:
    first, second = uuid7(), uuid7()
    assert first[14] == "7" and first[19] in "89ab" and first != second
    assert first[:8] <= second[:8]


# --- debug, eject, install ------------------------------------------------------------------------------


def test_debug_explains_each_line_and_leaves_nothing_behind(lab: Lab) -> None:
    project = lab.project()
    before = sorted(project.directory.rglob("*"))
    text = debug.debug(project, ImageOptions(), lab.reporter, explain=True, environment={})
    assert "# your code, last: an edit rebuilds this layer and no other\nCOPY . /src\n" in text
    assert sorted(project.directory.rglob("*")) == before


def test_debug_with_separate_weights_has_three_parts(lab: Lab) -> None:
    project = lab.project()
    big_file(project)
    text = debug.debug(project, ImageOptions(separate_weights=True), lab.reporter, name="me/m", environment={})
    headings = [line for line in text.splitlines() if line.startswith("===")]
    assert headings == ["=== Weights Dockerfile ===", "=== Runner Dockerfile ===", "=== DockerIgnore contents ==="]
    assert "FROM me/m-weights AS weights" in text


def test_eject_into_the_project_does_not_eat_itself(lab: Lab) -> None:
    project = lab.project(**{".dockerignore": "secret\n", "secret": "x"})
    folder = project.directory / "build"
    eject.eject(project, ImageOptions(), folder, lab.reporter)
    eject.eject(project, ImageOptions(), folder, lab.reporter, force=True)
    assert sorted(path.name for path in (folder / "src").iterdir()) == [".dockerignore", "cog.yaml", "predict.py"]
    text = (folder / "Dockerfile").read_text()
    assert "COPY src/ /src\n" in text and "--from=cog" not in text and 'LABEL run.cog.has_init="true"' in text


def test_install_prints_the_two_lines_to_add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cog.runtime_stdlib.path_hook.write", lambda directory: f"hook for {directory}")
    lines = install.install(str(tmp_path / "cog")).splitlines()
    assert f"hook for {tmp_path / 'cog'}" in lines[0]
    assert lines[2] == "ENV COG_PREDICT_TYPE_STUB=predict.py:Predictor"
    assert lines[3].startswith("CMD [") and lines[3].endswith(', "-m", "cog.server.http"]')
    assert (tmp_path / "cog" / "cog" / "server" / "http.py").exists()


def test_install_names_the_python_that_has_the_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a virtual environment that is not on the PATH, `python3` would be another one."""
    program = tmp_path / "venv" / "bin" / "python3"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    monkeypatch.setattr("sys.base_prefix", "/usr")
    assert install.interpreter() == str(program)
    monkeypatch.setenv("PATH", str(program.parent))
    assert install.interpreter() == "python3"


# --- what is given from outside -------------------------------------------------------------------------


def test_a_secret_needs_an_id() -> None:
    assert secret_id("id=pip,src=pip.conf") == "pip"
    assert secret_id("type=file,id=x,source=y") == "x"
    with pytest.raises(SecretInvalid):
        secret_id("pip.conf")


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_a_certificate_may_be_a_file_a_folder_a_text_or_base64(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(PEM)
    for given in (str(tmp_path / "a.pem"), str(tmp_path), PEM, base64.b64encode(PEM.encode()).decode()):
        assert certificates({"COG_CA_CERT": given}) == PEM
    assert certificates({}) == ""


@pytest.mark.parametrize("given", ["/no/such/file", "garbage", "QUJD"])
def test_what_is_no_certificate_is_refused(given: str) -> None:
    with pytest.raises(CertificateUnreadable):
        certificates({"COG_CA_CERT": given})


def test_a_wheel_that_dockerignore_hides_is_named(lab: Lab) -> None:
    project = lab.project(
        **{
            "cog.yaml": "build:\n  python_packages: [./a-1.0-py3-none-any.whl]\n",
            "a-1.0-py3-none-any.whl": "",
            ".dockerignore": "*.whl\n",
        }
    )
    with pytest.raises(SourceHidden):
        recipe.recipe(project, ImageOptions(), environment={})


# --- login ------------------------------------------------------------------------------------------------


class Registry(BaseHTTPRequestHandler):
    answers: dict[str, tuple[int, object]] = {}
    bodies: list[str] = []

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        Registry.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.answer()

    def answer(self) -> None:
        status, document = Registry.answers.get(self.path, (404, {}))
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    Registry.bodies = []
    Registry.answers = {"/cog/v1/verify-token": (200, {"username": "ada"})}
    server = HTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, name="registry")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return give


def test_a_token_is_checked_and_kept_where_docker_looks(
    registry: str, token: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text('{"psFormat": "x", "auths": {"other": {"auth": "y"}}}')
    token(" my token\n")
    assert login.login(registry, Silent(), token_from_stdin=True) == 0
    assert Registry.bodies == ["token=my+token"]
    path = tmp_path / "docker" / "config.json"
    host = registry.partition("://")[2]
    assert json.loads(path.read_text()) == {
        "psFormat": "x",
        "auths": {"other": {"auth": "y"}, host: {"auth": base64.b64encode(b"ada:my token").decode()}},
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["config.json"]


@pytest.mark.parametrize("config", [{"credsStore": "notes"}, {"credsStore": "other", "credHelpers": {"HOST": "notes"}}])
def test_a_credential_helper_gets_the_token_instead(
    registry: str, token: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    host = registry.partition("://")[2]
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "config.json").write_text(json.dumps(config).replace("HOST", host))
    helper = tmp_path / "docker-credential-notes"
    helper.write_text(f'#!/bin/sh\ntest "$1" = store && cat > {tmp_path}/stored\n')
    helper.chmod(0o755)
    token("abc")
    login.login(registry, Silent(), token_from_stdin=True)
    assert json.loads((tmp_path / "stored").read_text()) == {"ServerURL": host, "Username": "ada", "Secret": "abc"}
    assert "abc" not in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ("", 200, "no token"),
        ("r8_abc", 200, "API token"),
        ("abc", 404, "user does not exist"),
        ("abc", 500, "did not accept the token"),
    ],
)
def test_a_token_that_will_not_do(
    registry: str,
    token: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    status: int,
    words: str,
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    Registry.answers = {"/cog/v1/verify-token": (status, {"username": "ada"})}
    token(given)
    with pytest.raises(login.LoginFailed, match=words):
        login.login(registry, Silent(), token_from_stdin=True)
    assert not (tmp_path / "config.json").exists()


def test_another_registry_is_dockers_business(registry: str) -> None:
    with pytest.raises(login.LoginFailed) as caught:
        login.login(registry, Silent())
    assert "docker login 127.0.0.1" in caught.value.fix

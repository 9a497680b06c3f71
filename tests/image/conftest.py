"""A real engine for the tests: skipped, saying why, where there is none.

Every test has a project folder with a name of its own, and so images of its own, which are removed
afterwards. Base images are used as they are here; nothing is pulled.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.12"
BASE = f"python:{PYTHON}-slim"
SECONDS = 120
# As `python -m cog`, but without the current folder on sys.path: a project may hold a cog.py.
FRONT_DOOR = "import sys; sys.path.remove(''); from cog.__main__ import main; sys.exit(main())"

PREDICTOR = """
from cog import BasePredictor, Input

class Predictor(BasePredictor):
    def predict(self, s: str = Input(description="who")) -> str:
        return "hello " + s
"""


def docker(*argv: str, check: bool = True, env: Optional[dict[str, str]] = None) -> str:
    """What docker prints."""
    ran = subprocess.run(["docker", *argv], capture_output=True, text=True, timeout=SECONDS, env=env)
    if check and ran.returncode != 0:
        raise AssertionError(f"docker {' '.join(argv)}: {ran.stderr}")
    return ran.stdout


@lru_cache(maxsize=None)
def absent() -> str:
    """Why there is no engine to test with, or nothing."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    try:
        ran = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "the Docker daemon does not answer"
    if ran.returncode != 0:
        return f"the Docker daemon does not answer: {ran.stderr.strip()[-200:]}"
    if subprocess.run(["docker", "buildx", "version"], capture_output=True, timeout=30).returncode != 0:
        return "docker has no buildx"
    return ""


def has_image(name: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True, timeout=30).returncode == 0


@pytest.fixture(autouse=True)
def engine() -> None:
    reason = absent()
    if reason:
        pytest.skip(reason)
    if not has_image(BASE):
        pytest.skip(f"the image {BASE} is not here")


@pytest.fixture
def need_image() -> Callable[[str], None]:
    def need(name: str) -> None:
        if not has_image(name):
            pytest.skip(f"the image {name} is not here")

    return need


@dataclass
class Ran:
    status: int
    stdout: str
    stderr: str


@dataclass
class Project:
    """A project folder and the tool in it."""

    folder: Path
    images: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The image that `cog build` makes by default."""
        return f"cog-{self.folder.name}"

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))

    def env(self) -> dict[str, str]:
        return {**os.environ, "COG_NO_UPDATE_CHECK": "1", "PYTHONPATH": str(ROOT), **self.environment}

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-c", FRONT_DOOR, *words]

    def cog(self, *words: str, status: Optional[int] = 0, stdin: str = "", cwd: Optional[Path] = None) -> Ran:
        ran = subprocess.run(
            self.argv(*words),
            cwd=cwd or self.folder,
            env=self.env(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        if status is not None and ran.returncode != status:
            raise AssertionError(f"cog {' '.join(words)}: status {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """In the background, in a process group of its own, output in cog.log."""
        with open(self.folder.parent / f"{self.folder.name}.log", "wb") as log:
            return subprocess.Popen(
                self.argv(*words), cwd=self.folder, env=self.env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def log(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.log").read_text(errors="replace")

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A minimal model; its images are removed at the end."""
    folder = tmp_path / f"t{uuid.uuid4().hex[:10]}"
    folder.mkdir()
    made = Project(folder)
    made.write({"cog.yaml": f'build:\n  python_version: "{PYTHON}"\npredict: predict.py:Predictor\n', "predict.py": PREDICTOR})
    yield made
    for suffix in ("", "-base", "-weights"):
        made.images.append(made.name + suffix)
    subprocess.run(["docker", "image", "rm", "--force", *made.images], capture_output=True, timeout=SECONDS)


def inspect(image: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", image))
    return found[0]


def labels(image: str) -> dict[str, str]:
    found: dict[str, str] = inspect(image)["Config"]["Labels"] or {}
    return found


def layers(image: str) -> list[str]:
    found: list[str] = inspect(image)["RootFS"]["Layers"]
    return found


def containers(image: str) -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"ancestor={image}").split()


def eventually(happened: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true answer. Only what another process does is waited for like this."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = happened()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def post(url: str, document: object) -> dict[str, Any]:
    request = urllib.request.Request(url, data=json.dumps(document).encode(), headers={"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return json.loads(answer.read()).get("status") == "READY"
    except (OSError, ValueError):
        return False


def interrupt(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> int:
    process.send_signal(number)
    try:
        return process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def build_with(folder: Path, image: str, *words: Sequence[str]) -> None:
    """Plain docker, as somebody without cog would type it."""
    docker("build", "--quiet", "--tag", image, *map(str, words), str(folder))

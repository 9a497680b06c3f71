"""The tool as users start it: the checkout and the built file, as subprocesses.

Every process that a test starts, and all that those start, carry a token of the test in their
environment: `cog.survivors()` finds what is left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECKOUT = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from cog.__main__ import main; sys.exit(main())"

HELLO = """\
from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self):
        print("setting up")

    def predict(self, text: str, n: int = Input(default=1, ge=1, le=3)) -> str:
        print("predicting")
        return text * n
"""


class Ended:
    """How a command ended."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        self.status, self.stdout, self.stderr = status, stdout, stderr

    def __repr__(self) -> str:
        return f"status {self.status}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Cog:
    """Runs the tool in a folder of the test."""

    def __init__(self, words: Sequence[str], project: Path, scratch: Path) -> None:
        self.words = list(words)
        self.project = project
        self.token = uuid.uuid4().hex
        self.temporary = scratch / "tmp"
        self.temporary.mkdir()
        self.cache = scratch / "cache"
        self.bin = scratch / "bin"
        self.bin.mkdir()

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        environment = dict(os.environ)
        environment.update(
            COG_TEST_TOKEN=self.token,
            COG_ENGINE="local",
            COG_CACHE_DIR=str(self.cache),
            TMPDIR=str(self.temporary),
            PATH=f"{self.bin}{os.pathsep}{environment['PATH']}",
        )
        environment.update(extra)
        return {name: value for name, value in environment.items() if value != "(unset)"}

    def __call__(self, *words: str, stdin: str = "", cwd: Path | None = None, **extra: str) -> Ended:
        done = subprocess.run(
            [*self.words, *words],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=cwd or self.project,
            env=self.environment(extra),
            timeout=120,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.words, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.project,
            env=self.environment(extra),
            start_new_session=True,
        )

    def write(self, **files: str) -> None:
        """`write(predict_py="...")`: files of the project."""
        for name, text in files.items():
            stem, _, ending = name.rpartition("_")
            (self.project / f"{stem}.{ending}").write_text(text)

    def survivors(self) -> list[str]:
        """Command lines of processes of this test that still run."""
        found = []
        mark = f"COG_TEST_TOKEN={self.token}".encode()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                try:
                    if mark in (folder / "environ").read_bytes() and (folder / "stat").read_text().split(")")[1][1] != "Z":
                        found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
                except OSError:
                    continue  # it has ended meanwhile
        return found

    def leftovers(self) -> list[str]:
        """Files in the temporary folder."""
        return sorted(path.name for path in self.temporary.iterdir())


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built file; vendored packages are fetched if they are not there yet."""
    target = tmp_path_factory.mktemp("dist") / "cog.pyz"
    done = subprocess.run(
        [sys.executable, str(ROOT / "build_zipapp.py"), "--output", str(target)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "cog.yaml").write_text('predict: "predict.py:Predictor"\n')
    (folder / "predict.py").write_text(HELLO)
    return folder


@pytest.fixture
def make_cog(project: Path, tmp_path: Path, pyz: Path) -> Iterator[Callable[[str], Cog]]:
    made: list[Cog] = []

    def make(form: str) -> Cog:
        words = [sys.executable, "-c", CHECKOUT] if form == "checkout" else [sys.executable, str(pyz)]
        made.append(Cog(words, project, tmp_path))
        return made[-1]

    yield make
    for cog in made:
        left = cog.survivors()
        for folder in Path("/proc").iterdir():
            if left and folder.name.isdigit():
                _end(folder, cog.token)
        shutil.rmtree(cog.temporary, ignore_errors=True)
        assert left == [], "processes survived"


def _end(folder: Path, token: str) -> None:
    try:
        if token.encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
            os.kill(int(folder.name), signal.SIGKILL)
    except OSError:
        pass  # ended, or not ours to see


@pytest.fixture(params=["checkout", "pyz"])
def cog(request: pytest.FixtureRequest, make_cog: Callable[[str], Cog]) -> Cog:
    """Both forms, for what may differ between them."""
    return make_cog(str(request.param))


@pytest.fixture
def tool(make_cog: Callable[[str], Cog]) -> Cog:
    """The built file alone, for all the rest."""
    return make_cog("pyz")

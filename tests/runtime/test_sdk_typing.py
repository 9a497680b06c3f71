"""What a strict type checker says about a model: nothing, unless the model is wrong."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]

MODEL = """
from __future__ import annotations

from typing import Iterator, List, Optional

from cog import (
    AsyncConcatenateIterator,
    BaseModel,
    BasePredictor,
    BaseRunner,
    CancelationException,
    ConcatenateIterator,
    Input,
    Path,
    Secret,
    concurrent,
    current_scope,
    streaming,
)


class Output(BaseModel):
    a: int
    b: Optional[str] = None


class One(BasePredictor):
    def setup(self) -> None:
        self.base = Path("a")

    def predict(self, s: str = Input(description="x"), p: Path = Input(default=None)) -> ConcatenateIterator[str]:
        self.record_metric("a", 1)
        current_scope().record_metric("b", 2)
        try:
            yield (self.base / s).name
        except CancelationException:
            raise


class Two(BaseRunner):
    @concurrent(max=3)
    async def run(self, t: Secret) -> AsyncConcatenateIterator[str]:
        yield t.get_secret_value()


class Three(BasePredictor):
    def setup(self, weights: Optional[Path] = None) -> None: ...

    @streaming
    def predict(self, n: int = 3) -> Iterator[List[Output]]:
        yield [Output(a=n, b="x")]
"""
WRONG = """
import cog

cog.Inptu
cog.Path(3)
number: int = cog.Secret("a").get_secret_value()
"""


def check(tmp_path, source):
    (tmp_path / "model.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), "model.py"],
        cwd=str(tmp_path),
        env={"MYPYPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return [line for line in done.stdout.decode().splitlines() if line.startswith("model.py")], done


@pytest.mark.heavy
def test_a_model_is_typed_without_complaint(tmp_path):
    pytest.importorskip("mypy")
    found, done = check(tmp_path, MODEL)
    assert (found, done.returncode) == ([], 0), done.stdout.decode()


@pytest.mark.heavy
def test_mistakes_are_found(tmp_path):
    pytest.importorskip("mypy")
    found, _ = check(tmp_path, WRONG)
    assert [line.split(":")[1] for line in found] == ["4", "5", "6"]

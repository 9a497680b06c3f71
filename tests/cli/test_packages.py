"""Environments of the local engine, with packages made here: no index is asked."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import Cog

MODEL = """\
import greeting


class Predictor:
    def predict(self) -> str:
        return greeting.TEXT
"""


def wheel(folder: Path, name: str, version: str, source: str) -> None:
    """A wheel with one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as opened:
        for path, text in files.items():
            opened.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text)}\n"
        opened.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


@pytest.fixture
def greeting(tool: Cog) -> Cog:
    """A project that needs the package `greeting`, found in its folder `wheels`."""
    wheel(tool.project / "wheels", "greeting", "1.0", "TEXT = 'hello'\n")
    wheel(tool.project / "wheels", "greeting", "2.0", "TEXT = 'good morning'\n")
    require(tool, "greeting==1.0")
    tool.write(cog_yaml='build:\n  python_requirements: requirements.txt\npredict: "predict.py:Predictor"\n', predict_py=MODEL)
    return tool


def require(tool: Cog, package: str) -> None:
    (tool.project / "requirements.txt").write_text(f"--no-index\n--find-links wheels\n{package}\n")


def environments(tool: Cog) -> list[str]:
    return sorted(path.name for path in (tool.project / ".cog").iterdir() if path.is_dir())


def test_packages_are_installed_once_with_progress_on_standard_error(greeting: Cog) -> None:
    first = greeting("predict")
    assert (first.status, first.stdout) == (0, "hello\n"), first
    assert first.stderr.startswith("Installing 1 package with pip into .cog/env-")
    assert "Processing ./wheels/greeting-1.0-py3-none-any.whl" in first.stderr
    assert (greeting.project / ".cog" / ".gitignore").read_text() == "*\n"
    second = greeting("predict")
    assert (second.status, second.stdout) == (0, "hello\n"), second
    assert second.stderr == "Starting the model ...\nRunning the prediction ...\n"
    assert len(environments(greeting)) == 1
    assert greeting.leftovers() == []


@pytest.mark.heavy
def test_other_requirements_get_another_environment_and_equal_ones_the_first(greeting: Cog) -> None:
    assert greeting("predict").stdout == "hello\n"
    require(greeting, "greeting==2.0")
    assert greeting("predict").stdout == "good morning\n"
    assert len(environments(greeting)) == 2
    require(greeting, "greeting==1.0")
    assert "Installing" not in greeting("predict").stderr


@pytest.mark.heavy
def test_a_half_made_environment_is_made_anew(greeting: Cog) -> None:
    greeting("predict")
    (folder,) = (greeting.project / ".cog").glob("env-*/")
    (folder / "cog-ready").unlink()
    (folder / "rubbish").write_text("")
    ended = greeting("predict")
    assert (ended.status, ended.stdout) == (0, "hello\n"), ended
    assert "Installing 1 package" in ended.stderr
    assert not (folder / "rubbish").exists()


def test_packages_that_there_are_not_are_explained_and_nothing_is_kept(greeting: Cog) -> None:
    require(greeting, "greeting==3.0")
    ended = greeting("predict")
    assert (ended.status, ended.stdout) == (1, ""), ended
    assert "error: the model's packages could not be installed\n" in ended.stderr
    assert "No matching distribution found for greeting==3.0" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("  fix: check the name and the version in cog.yaml")
    assert environments(greeting) == []


@pytest.mark.heavy
def test_run_finds_the_environment_s_programs(greeting: Cog) -> None:
    ended = greeting("run", "python", "-c", "import greeting, sys; print(greeting.TEXT, sys.prefix)")
    (folder,) = (greeting.project / ".cog").glob("env-*/")
    assert ended.stdout == f"hello {folder}\n", ended
    assert greeting("run", "sh", "-c", "command -v pip").stdout == f"{folder}/bin/pip\n"


@pytest.mark.heavy
def test_the_model_gets_its_own_pydantic(greeting: Cog) -> None:
    wheel(greeting.project / "wheels", "pydantic", "2.99", "VERSION = 'the user s'\n")
    wheel(greeting.project / "wheels", "yaml", "99", "__version__ = 'the user s'\n")
    (greeting.project / "requirements.txt").write_text("--no-index\n--find-links wheels\npydantic==2.99\nyaml==99\n")
    greeting.write(
        predict_py=(
            "import pydantic, yaml\nclass Predictor:\n    def predict(self) -> str:\n"
            "        return pydantic.VERSION + yaml.__version__\n"
        )
    )
    assert greeting("predict").stdout == "the user sthe user s\n"


def test_uv_is_taken_when_it_is_on_the_path(greeting: Cog) -> None:
    log = greeting.project / "uv.log"
    (greeting.bin / "uv").write_text(
        f'#!/bin/sh\necho "$@" >> "{log}"\n'
        f'case $1 in venv) exec "{sys.executable}" -m venv "$5" ;;\n'
        'pip) exec "$4" -m pip install -q -r "$6" ;; esac\n'
    )
    (greeting.bin / "uv").chmod(0o755)
    ended = greeting("predict")
    assert (ended.status, ended.stdout) == (0, "hello\n"), ended
    assert ended.stderr.startswith("Installing 1 package with uv into .cog/env-")
    words = [line.split()[:3] for line in log.read_text().splitlines()]
    assert words == [["venv", "--quiet", "--python"], ["pip", "install", "--python"]]


def test_what_needs_a_container_is_named_in_one_warning(tool: Cog) -> None:
    tool.write(cog_yaml='build:\n  system_packages: ["ffmpeg"]\n  run: ["echo hi"]\npredict: "predict.py:Predictor"\n')
    ended = tool("predict", "-i", "text=x")
    assert (ended.status, ended.stdout) == (0, "x\n"), ended
    assert ended.stderr.splitlines()[0] == (
        "warning: `system_packages` and `run` of cog.yaml are not carried out without Docker; "
        "what the model needs of it must be on this machine"
    )


def test_a_python_that_is_not_there_is_a_warning(tool: Cog) -> None:
    tool.write(cog_yaml='build:\n  python_version: "3.8"\npredict: "predict.py:Predictor"\n')
    (tool.bin / "python3.8").write_text("#!/bin/sh\necho 'pyenv: python3.8: command not found' >&2\nexit 127\n")
    (tool.bin / "python3.8").chmod(0o755)
    ended = tool("predict", "-i", "text=x")
    assert (ended.status, ended.stdout) == (0, "x\n"), ended
    assert ended.stderr.startswith("warning: cog.yaml asks for Python 3.8, which is not on the PATH: going on with 3.")


def test_the_declared_python_is_taken_when_it_is_on_the_path(tool: Cog, tmp_path: Path) -> None:
    minor = f"3.{sys.version_info[1] - 1}"
    other = next(iter(sorted(Path(sys.base_prefix).parent.glob(f"{minor}.*/bin/python"))), None)
    if other is None:
        pytest.skip(f"no Python {minor} beside this one")
    (tool.bin / f"python{minor}").symlink_to(other)
    tool.write(
        cog_yaml=f'build:\n  python_version: "{minor}"\npredict: "predict.py:Predictor"\n',
        predict_py="import sys\nclass Predictor:\n    def predict(self) -> str:\n        return '%d.%d' % sys.version_info[:2]\n",
    )
    ended = tool("predict")
    assert (ended.status, ended.stdout) == (0, f"{minor}\n"), ended
    assert "warning" not in ended.stderr


@pytest.mark.heavy
def test_two_at_once_install_once(greeting: Cog) -> None:
    both = [greeting.start("predict") for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in both]
    assert [stdout for stdout, _ in answers] == ["hello\n", "hello\n"], answers
    assert sum("Installing 1 package" in stderr for _, stderr in answers) == 1
    assert isinstance(both[0], subprocess.Popen)


def test_a_constraint_limits_and_installs_nothing(greeting: Cog) -> None:
    wheel(greeting.project / "wheels", "unwanted", "1.0", "raise SystemExit\n")
    require(greeting, "greeting\n-c limits.txt")
    (greeting.project / "limits.txt").write_text("greeting<2\nunwanted==1.0\n")
    done = greeting("predict")
    assert (done.status, done.stdout) == (0, "hello\n"), done
    assert done.stderr.startswith("Installing 1 package with pip into .cog/env-")
    assert "unwanted" not in done.stderr
    (greeting.project / "limits.txt").write_text("greeting<3\n")
    assert greeting("predict").stdout == "good morning\n"


def test_the_packages_own_cog_is_not_installed(greeting: Cog) -> None:
    require(greeting, "greeting==1.0\ncog==0.9.0")
    done = greeting("predict")
    assert (done.status, done.stdout) == (0, "hello\n"), done
    assert "the requirement `cog==0.9.0` is left out: the model gets the tool's own cog" in done.stderr

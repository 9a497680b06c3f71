"""What cannot work says why and what to do, ends with 1, and leaves nothing half-finished."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from conftest import PYTHON, Project, docker


def broken(project: Project, *words: str) -> str:
    """What is said on standard error; nothing may bear the name of the image afterwards."""
    ran = project.cog("build", *words, status=1)
    assert docker("image", "ls", "--quiet", project.name) == ""
    assert 'Traceback (most recent call last):\n  File "' + str(Path(__file__).parents[2]) not in ran.stderr
    return ran.stderr


def test_a_predictor_that_dockerignore_hides(project: Project) -> None:
    project.write({".dockerignore": "*.py\n"})
    said = broken(project)
    assert "predict.py is hidden by .dockerignore" in said and "!predict.py" in said


def test_a_predictor_that_is_not_there(project: Project) -> None:
    (project.folder / "predict.py").unlink()
    assert "predict.py" in broken(project)


def test_a_base_image_that_does_not_exist(project: Project) -> None:
    project.write({"cog.yaml": 'build:\n  python_version: "3.12.99"\npredict: predict.py:Predictor\n'})
    said = broken(project)
    assert "the base image python:3.12.99-slim" in said and "fix:" in said


def test_a_model_that_fails_while_its_schema_is_read(project: Project) -> None:
    project.write({"predict.py": "import something_that_is_not_there\n"})
    said = broken(project)
    assert "something_that_is_not_there" in said and "the model could not be loaded" in said


def test_a_default_outside_its_limits(project: Project) -> None:
    project.write(
        {
            "predict.py": """
            from cog import BasePredictor, Input

            class Predictor(BasePredictor):
                def predict(self, n: int = Input(default=20, le=10)) -> int:
                    return n
            """
        }
    )
    assert "20" in broken(project)


def test_no_predictor_at_all(project: Project) -> None:
    project.write({"cog.yaml": f'build:\n  python_version: "{PYTHON}"\n'})
    assert "'predict' option not found" in broken(project)


def test_a_command_that_fails_shows_its_last_lines(project: Project) -> None:
    project.write({"cog.yaml": f'build:\n  python_version: "{PYTHON}"\n  run: ["echo the last words >&2; exit 9"]'})
    said = broken(project)
    head, _, tail = said.rpartition("error:")
    assert "the build failed at: RUN echo the last words" in tail and "the last words\n" in tail and "exit status 9" in tail


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("six==99.0", "correct six==99.0"),
        ("definitely-not-a-package-of-anybody==1.0", "correct definitely-not-a-package-of-anybody==1.0"),
    ],
)
def test_a_package_that_does_not_exist(project: Project, package: str, words: str) -> None:
    project.write(
        {"cog.yaml": f'build:\n  python_version: "{PYTHON}"\n  python_packages: ["{package}"]\npredict: predict.py:Predictor\n'}
    )
    assert words in broken(project)


def test_a_system_package_that_does_not_exist(project: Project) -> None:
    project.write(
        {"cog.yaml": f'build:\n  python_version: "{PYTHON}"\n  system_packages: [no-such-thing]\npredict: predict.py:Predictor\n'}
    )
    said = broken(project)
    assert "correct no-such-thing in `system_packages`" in said


def test_a_wheel_for_another_python(project: Project) -> None:
    name = "thing-1.0-cp27-cp27m-win32.whl"
    project.write(
        {
            name: "no wheel",
            "cog.yaml": f'build:\n  python_version: "{PYTHON}"\n  python_packages: ["./{name}"]\npredict: predict.py:Predictor\n',
        }
    )
    assert "change `python_version`" in broken(project)


def test_no_network(project: Project) -> None:
    project.write(
        {"cog.yaml": f'build:\n  python_version: "{PYTHON}"\n  python_packages: ["six==1.15.0"]\npredict: predict.py:Predictor\n'}
    )
    said = broken(project, "--network", "none", "--no-cache")
    assert "check the network" in said


def test_a_model_file_that_would_hide_cog(project: Project) -> None:
    project.write({"cog.py": "x = 1\n"})
    assert "rename cog.py" in broken(project)


def test_a_file_named_like_the_standard_library_is_warned_of(project: Project) -> None:
    project.write({"queue.py": "x = 1\n"})
    assert "queue.py: named like a module of the standard library" in project.cog("build").stderr


# --- docker itself --------------------------------------------------------------------------------


def test_docker_is_not_installed(project: Project, tmp_path: Path) -> None:
    project.environment["PATH"] = str(tmp_path)
    assert "docker is not installed" in project.cog("build", status=1).stderr


def test_the_daemon_does_not_run(project: Project, tmp_path: Path) -> None:
    project.environment["DOCKER_HOST"] = f"unix://{tmp_path}/nobody.sock"
    assert "the Docker daemon does not answer" in project.cog("build", status=1).stderr


def pretend(project: Project, folder: Path, script: str) -> None:
    """A `docker` that fails in one particular way."""
    folder.mkdir()
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    project.environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "usermod -aG docker",
        ),
        ("docker: 'buildx' is not a docker command.", "docker-buildx-plugin"),
        ("ERROR: failed to solve: the --mount option requires BuildKit", "too old"),
        ("ERROR: failed to solve: write /var/lib/docker/tmp/x: no space left on device", "docker builder prune"),
        ("ERROR: failed to solve: process '/bin/sh -c x' did not complete successfully: exit code: 137", "more memory"),
    ],
)
def test_what_docker_says_is_explained(project: Project, tmp_path: Path, words: str, said: str) -> None:
    pretend(project, tmp_path / "tools", f'echo "{words}" >&2\nexit 1')
    assert said in project.cog("build", status=1).stderr

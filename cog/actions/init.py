"""Start a project: the files that every model needs, each with comments that say how to go on.

All names are looked at before the first file is written: an interrupted or refused `init` leaves
nothing behind, and nothing of the user's is ever overwritten.
"""

from __future__ import annotations

import os
from pathlib import Path

from cog.engine.interface import Reporter
from cog.engine.signals import Shield
from cog.errors import CogError

COG_YAML = """\
# What the model needs, and where it is. Every key is explained in docs/yaml.md of cog.

build:
  # whether the model needs a GPU
  gpu: false

  # packages of the operating system, as apt-get names them
  # system_packages:
  #   - "libgl1"

  # the Python to run with
  python_version: "3.11"

  # packages from PyPI
  # python_packages:
  #   - "pillow==10.4.0"
  #   - "torch==2.3.1"

  # commands to run when everything else is installed
  # run:
  #   - "curl -o /usr/local/bin/tool https://example.com/tool"

# the file and the class in it that makes predictions
predict: "predict.py:Predictor"
"""

PREDICT_PY = '''\
# How predictions are made. docs/python.md of cog explains everything that can stand here.

from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def setup(self) -> None:
        """Load the model once, so that predictions are fast."""
        # self.model = torch.load("./weights.pth")

    def predict(
        self,
        image: Path = Input(description="Image to work on"),
        scale: float = Input(description="Factor to scale the image by", ge=0, le=10, default=1.5),
    ) -> Path:
        """Make one prediction."""
        # prepared = prepare(image)
        # output = self.model(prepared, scale)
        # return finish(output)
'''

DOCKERIGNORE = """\
# What does not belong in the image. Syntax as in .gitignore, but paths start at this folder.

.git
.github
.cog
**/__pycache__
**/*.pyc
.venv
venv
"""

PUSH_YAML = """\
# Builds the model and pushes it to a registry, when started by hand in the Actions tab.

name: Push the model

on:
  workflow_dispatch:
    inputs:
      image:
        description: "Image to push to, for example registry.example.com/me/my-model"
        required: true

jobs:
  push:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4

      # Put cog.pyz in the repository, or download the release that you use here.
      - name: Log in
        env:
          USER: ${{ secrets.REGISTRY_USER }}
          PASSWORD: ${{ secrets.REGISTRY_PASSWORD }}
          IMAGE: ${{ inputs.image }}
        run: echo "$PASSWORD" | docker login --username "$USER" --password-stdin "${IMAGE%%/*}"

      - name: Build and push
        env:
          IMAGE: ${{ inputs.image }}
        run: python3 cog.pyz push "$IMAGE"
"""

FILES = (
    ("cog.yaml", COG_YAML),
    ("predict.py", PREDICT_PY),
    (".dockerignore", DOCKERIGNORE),
    (".github/workflows/push.yaml", PUSH_YAML),
)


class AlreadyThere(CogError):
    code = "init-exists"

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"found an existing {names[0]}, exiting without overwriting",
            why=f"these are here already: {', '.join(names)}" if len(names) > 1 else "",
            fix="start in an empty folder, or write the missing files yourself",
        )


class NotWritable(CogError):
    code = "init-not-writable"


def init(directory: Path, reporter: Reporter) -> None:
    existing = [name for name, _ in FILES if (directory / name).exists() or (directory / name).is_symlink()]
    if existing:
        raise AlreadyThere(existing)
    made: list[Path] = []
    try:
        for name, text in FILES:
            with Shield():
                missing = [folder for folder in (directory / name).parents if not folder.exists()]
                for folder in reversed(missing):
                    folder.mkdir()
                    made.append(folder)
                with open(directory / name, "x", encoding="utf-8") as file:
                    made.append(directory / name)
                    file.write(text)
    except BaseException as error:
        _undo(made)
        if isinstance(error, OSError):
            raise NotWritable(
                f"{directory} cannot be written", why=error.strerror or str(error), fix="go to a folder of your own"
            ) from error
        raise
    for name, _ in FILES:
        reporter.info(f"created {name}")
    reporter.info("\nNext: put your model into predict.py, then\n  cog predict -i image=@input.jpg")


def _undo(made: list[Path]) -> None:
    with Shield():
        for path in reversed(made):
            try:
                path.rmdir() if path.is_dir() else os.unlink(path)
            except OSError:
                pass  # it was never written

"""`cog.pyz install`: the prediction server into the image that a Dockerfile of somebody else builds.

Strategy: copy the payload, write the path hook, print what to add. Runs on Python 3.8 too, where
the rest of the tool does not: nothing here imports more than the payload's list and the hook.
"""

from __future__ import annotations

import os
import shutil
import sys

from cog.errors import CogError
from cog.runtime_stdlib import path_hook
from cog.workspace import payload


class InstallFailed(CogError):
    code = "install-failed"

    def __init__(self, directory: str, error: OSError) -> None:
        super().__init__(
            f"the server cannot be installed in {error.filename or directory}",
            why=error.strerror or str(error),
            fix="run it as root: in a Dockerfile, before any USER line",
        )


def install(directory: str = "/opt/cog") -> str:
    """Put the runtime in place; the text to print."""
    directory = os.path.abspath(directory)
    try:
        count = payload.write(directory)
        hook = path_hook.write(directory)
    except OSError as error:
        raise InstallFailed(directory, error) from error
    return report(directory, hook, count, interpreter())


def interpreter() -> str:
    """What a CMD line should call: the short name, when it means the Python that runs this."""
    for name in ("python", "python3"):
        found = shutil.which(name)
        if found and same_python(found):
            return name
    return sys.executable


def same_python(program: str) -> bool:
    """A virtual environment's Python is a link to another one: there the link counts, not where it leads."""
    if sys.prefix != sys.base_prefix:
        return os.path.dirname(program) == os.path.dirname(sys.executable)
    return os.path.realpath(program) == os.path.realpath(sys.executable)


def report(directory: str, hook: str, count: int, python: str) -> str:
    return (
        f"# {count} files in {directory}, found through {hook}\n"
        "# Add these lines to your Dockerfile (the first names your model):\n"
        "ENV COG_PREDICT_TYPE_STUB=predict.py:Predictor\n"
        f'CMD ["{python}", "-m", "cog.server.http"]\n'
    )

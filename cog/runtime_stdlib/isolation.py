"""Step out of the model's directory before importing anything.

`python -m` puts the working directory first on sys.path, and a model directory may hold `queue.py`, `types.py` or
`http.py`. This module imports nothing but sys and what the interpreter has loaded by itself.
"""

from __future__ import annotations

import sys


def step_out() -> str:
    """Take the working directory off sys.path, move to `/`, and return where we were: the model's directory.

    COG_MODEL_DIR names another one: the local engine starts the server beside the runtime and says where the
    model is.
    """
    import os  # loaded by site before the working directory joined the path

    try:
        here = os.getcwd()
    except OSError:  # the directory was deleted under us
        here = "/"
    directory = os.environ.get("COG_MODEL_DIR") or here
    payload = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    root = os.path.dirname(payload)
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here) and entry != root]
    sys.path.insert(0, root)  # ours beats a `cog` that the model pip-installed
    os.chdir("/")
    return os.path.abspath(directory) if os.path.isabs(directory) else os.path.join(here, directory)


def use_packed_bytecode() -> None:
    """Where an image has the runtime's bytecode in one file, import from that: see bytecode.py."""
    from os import listdir
    from os.path import abspath, dirname

    root = dirname(dirname(dirname(abspath(__file__))))
    try:
        there = any(name.startswith("bytecode-") for name in listdir(root))
    except OSError:
        return
    if there:
        from cog.runtime_stdlib.bytecode import use

        use(root)

"""Makes a Python find the runtime: writes one `.pth` file into its site-packages, and the packed bytecode.

Strategy: run once, while an image is built, by the interpreter that will serve the model:
`python -I -B path_hook.py /opt/cog`. site reads `.pth` files before the working directory joins
sys.path, so the first line imports runpy and what it needs from the standard library, whatever
files the model has, and puts the runtime in front of any `cog` from pip.
"""

from __future__ import annotations

NAME = "cog-runtime"


def pth(directory: str) -> str:
    return "import runpy, sys; sys.path.insert(0, %r)\n%s\n" % (directory, directory)


def start() -> None:
    """What the `.start` file names, from Python 3.15 on, where the import line above is deprecated."""
    import os
    import runpy
    import sys

    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert runpy
    sys.path[:] = [here] + [entry for entry in sys.path if entry != here]


def write(directory: str) -> str:
    """Write the files; the path of the `.pth` file."""
    import os
    import sys
    import sysconfig

    site_packages = sysconfig.get_path("purelib")
    os.makedirs(site_packages, exist_ok=True)
    stem = os.path.join(site_packages, NAME)
    files = {stem + ".pth": pth(directory)}
    if sys.version_info >= (3, 15):
        files[stem + ".start"] = "cog.runtime_stdlib.path_hook:start\n"
    for path, text in files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
    write_bytecode(directory)
    return stem + ".pth"


def write_bytecode(directory: str) -> None:
    """Pack the runtime's bytecode for this Python (see bytecode.py). Without it the server only starts slower."""
    import sys

    if directory not in sys.path:
        sys.path.insert(0, directory)  # this file was run by its path
    try:
        from cog.runtime_stdlib import bytecode

        bytecode.write(directory)
    except Exception as error:
        sys.stderr.write("the bytecode of the runtime could not be packed: %r\n" % (error,))


def main() -> int:
    import sys

    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -I path_hook.py DIRECTORY\n")
        return 2
    if sys.version_info < (3, 11) and sys.flags.hash_randomization:
        # Before 3.11 the order of a constant set in bytecode follows the hash seed, and with it the layer's digest.
        import os

        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-s", "-B", os.path.abspath(__file__), sys.argv[1]])
    sys.stdout.write(write(sys.argv[1]) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

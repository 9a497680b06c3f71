"""The runtime's bytecode in one small file, so that a container starts as fast as a warm checkout.

Nothing writes `__pycache__` in an image: not the build, whose layers would hold twice the source, and not a container,
whose file system is thrown away or read-only; so each start would compile some sixty modules. Instead, path_hook
packs the code of the modules that a server needs before its first prediction, compressed one by one, into
`bytecode-<magic>` beside the package, a quarter of a megabyte. use() has imports look there first. An entry counts only
for the Python that made it, and while its source still has the size it had; everything else is imported as ever.
"""

from __future__ import annotations

import sys
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from marshal import dumps, loads
from zlib import compress, decompress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

    # module -> (path below the folder that holds cog/, whether it is a package, size of the source, compressed code)
    Entries = Dict[str, Tuple[str, bool, int, bytes]]

_ModuleSpec: Any = type(sys.__spec__)  # importlib.machinery's, without its import

# Packages and modules whose code is packed: what `python -X importtime` shows before READY.
PACKED = (
    "cog",
    "cog/server",
    "cog/runtime_stdlib",
    "cog/runtime_stdlib/lifecycle",
    "cog/runtime_stdlib/sdk",
    "cog/runtime_stdlib/validation",
    "cog/runtime_stdlib/web",
    "cog/runtime_stdlib/wire",
    "cog/runtime_stdlib/worker",
    "cog/runtime_stdlib/schema/__init__.py",
    "cog/runtime_stdlib/schema/introspect.py",
    "cog/runtime_stdlib/schema/spec.py",
    "cog/runtime_stdlib/service/__init__.py",
    "cog/runtime_stdlib/service/interrupt.py",
    "cog/runtime_stdlib/service/journal.py",
    "cog/runtime_stdlib/service/process.py",
    "cog/runtime_stdlib/service/roster.py",
    "cog/runtime_stdlib/service/runner.py",
    "cog/runtime_stdlib/service/supervisor.py",
)
# These are needed to read the others, or run as __main__.
LEFT_OUT = ("cog/runtime_stdlib/bytecode.py", "cog/runtime_stdlib/path_hook.py", "cog/runtime_stdlib/isolation.py")


def name_for(magic: bytes) -> str:
    return "bytecode-" + magic[:2].hex()


def pack(directory: str) -> bytes:
    """The packed code of the runtime in that directory (the one that holds `cog/`), for this Python."""
    import os

    entries: Entries = {}
    for place in PACKED:
        full = os.path.join(directory, place)
        files = [place] if place.endswith(".py") else [place + "/" + name for name in sorted(os.listdir(full))]
        for path in files:
            if not path.endswith(".py") or path in LEFT_OUT:
                continue
            with open(os.path.join(directory, path), "rb") as file:
                source = file.read()
            module = path[:-3].replace("/", ".")
            package = module.endswith(".__init__")
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
            entries[module[:-9] if package else module] = (path, package, len(source), compress(dumps(code), 9))
    return dumps(entries)


def packed_alike(directory: str) -> bytes:
    """pack(), with the same bytes each time: before 3.11 the order of sets in the code follows the hash seed."""
    if sys.version_info >= (3, 11) or not sys.flags.hash_randomization:
        return pack(directory)
    import subprocess

    code = "import sys; sys.path.insert(0, sys.argv[1]); from cog.runtime_stdlib.bytecode import pack;"
    code += " sys.stdout.buffer.write(pack(sys.argv[1]))"
    return subprocess.check_output([sys.executable, "-B", "-c", code, directory], env={"PYTHONHASHSEED": "0"})


def write(directory: str) -> str:
    """Write the file for this Python; its path."""
    import os

    magic = _magic()
    path = os.path.join(directory, name_for(magic))
    with open(path + ".new", "wb") as file:
        file.write(magic + packed_alike(directory))
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)
    return path


class Finder:
    """Finds and loads what is packed. Stands in front of sys.meta_path."""

    def __init__(self, directory: str, entries: Entries) -> None:
        self._directory = directory
        self._entries = entries

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        entry = self._entries.get(name)
        if entry is None:
            return None
        from os import stat  # loaded by site

        origin = self._directory + "/" + entry[0]
        try:
            if stat(origin).st_size != entry[2]:
                return None
        except OSError:
            return None
        spec = _ModuleSpec(name, self, origin=origin, is_package=entry[1])
        spec.has_location = True
        if entry[1]:
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        code = loads(decompress(self._entries[module.__name__][3]))
        _fix_co_filename(code, module.__file__)
        exec(code, module.__dict__)

    def get_source(self, name: str) -> Optional[str]:
        """For tracebacks and inspect."""
        try:
            with open(self._directory + "/" + self._entries[name][0], encoding="utf-8") as file:
                return file.read()
        except OSError:
            return None

    def is_package(self, name: str) -> bool:
        return self._entries[name][1]


def use(directory: str) -> bool:
    """Have imports look into the file of that directory, if there is one for this Python; whether there is."""
    magic = _magic()
    try:
        with open(directory + "/" + name_for(magic), "rb") as file:
            data = file.read()
        if data[:4] != magic:
            return False
        entries: Entries = loads(data[4:])
    except (OSError, ValueError, EOFError, TypeError):
        return False
    sys.meta_path.insert(0, Finder(directory, entries))
    return True


def _magic() -> bytes:
    """importlib.util.MAGIC_NUMBER, without the import of importlib.util."""
    magic: bytes = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER
    return magic



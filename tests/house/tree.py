"""The source tree as data for the tests of the house plan: modules, their imports, their rooms."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cog"

# What is copied into images as well: the payload.
PAYLOAD_ROOMS = ("runtime_stdlib", "server", "command")
PAYLOAD_FILES = ("__init__.py", "types.py", "files.py", "base_predictor.py", "exceptions.py")


@dataclass(frozen=True)
class Module:
    """One source file of the package."""

    name: str
    path: Path

    @property
    def relative(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def in_payload(self) -> bool:
        inside = self.path.relative_to(PACKAGE).parts
        return inside[0] in PAYLOAD_ROOMS or "/".join(inside) in PAYLOAD_FILES

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), filename=self.relative)


@lru_cache(maxsize=None)
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("cog", *path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path))
    return tuple(found)


def payload() -> tuple[Module, ...]:
    return tuple(module for module in modules() if module.in_payload)


@lru_cache(maxsize=None)
def names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


def imports(module: Module, *, types: bool = True) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that `module` imports, at its top or later, by any spelling.

    `types=False` leaves out what stands under `if TYPE_CHECKING:`, which never happens at run time.
    """
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    tree = module.tree()
    unseen = set() if types else {id(inner) for node in ast.walk(tree) if _for_types(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - (node.level - 1)]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield node.lineno, inner if inner in names() else base
        elif isinstance(node, ast.Call):
            late = _late_import(node)
            if late is not None:
                yield node.lineno, late


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _late_import(call: ast.Call) -> str | None:
    """The name in `import_module("x")` or `__import__("x")`, which are imports all the same."""
    function = call.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called in ("import_module", "__import__") and call.args:
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return first.value
    return None


def stdlib_names() -> frozenset[str]:
    if sys.version_info >= (3, 10):
        return frozenset(sys.stdlib_module_names)
    import pkgutil
    import sysconfig

    folder = sysconfig.get_path("stdlib")
    found = {info.name for info in pkgutil.iter_modules([folder, f"{folder}/lib-dynload"])}
    return frozenset(found | set(sys.builtin_module_names) | {"__future__"})

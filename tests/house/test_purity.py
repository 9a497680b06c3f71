"""Rooms that decide do not act: no file, process, socket, thread, clock or environment."""

from __future__ import annotations

import ast

import pytest
from tree import Module, imports, modules

# What a deciding module never imports.
ACTING = {
    "os", "io", "subprocess", "socket", "select", "selectors", "signal", "threading", "_thread", "multiprocessing", "asyncio",
    "time", "tempfile", "shutil", "pathlib", "urllib.request", "http.client", "http.server", "socketserver",
}  # fmt: skip
ACTING_CALLS = {"open", "print", "input"}

_R = "cog.runtime_stdlib"
PURE = (
    "cog.config", "cog.compat", "cog.dockerfile",
    f"{_R}.lifecycle", f"{_R}.validation", f"{_R}.schema.spec", f"{_R}.schema.openapi", f"{_R}.wire",
    f"{_R}.web.head", f"{_R}.web.body", f"{_R}.web.routes", f"{_R}.web.replies",
)  # fmt: skip

# The exceptions, each with its reason.
EXCUSED = {
    ("cog.compat.tables", "os"): "the one reader of the tables: they are files beside it",
    ("cog.compat.tables", "pathlib"): "the one reader of the tables",
    ("cog.compat.tables", "open"): "the one reader of the tables",
    (f"{_R}.lifecycle.prediction", "_thread"): "the lock that whoever reads or changes a prediction holds",
    (f"{_R}.lifecycle.clock", "time"): "formats the times that others pass in",
    (f"{_R}.web.body", "tempfile"): "a long body is spooled into an unlinked file",
    (f"{_R}.web.body", "os"): "a long body is spooled into an unlinked file",
    (f"{_R}.web.body", "io"): "a long body is spooled into an unlinked file",
}


def pure() -> list[Module]:
    return [m for m in modules() if any(m.name == room or m.name.startswith(room + ".") for room in PURE)]


@pytest.mark.parametrize("module", pure(), ids=lambda module: module.name)
def test_a_deciding_module_does_not_act(module: Module) -> None:
    acts = [
        f"{module.relative}:{line} imports {target}"
        for line, target in imports(module)
        if target in ACTING and (module.name, target) not in EXCUSED
    ]
    for node in ast.walk(module.tree()):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ACTING_CALLS:
            if (module.name, node.func.id) not in EXCUSED:
                acts.append(f"{module.relative}:{node.lineno} calls {node.func.id}()")
    assert acts == []

"""Who may import whom: docs/architecture.md, "Who may import whom". A room not listed may import nothing of ours.

The table is the plan; a new arrow is a decision and is made here, with its reason, not in passing.
"""

from __future__ import annotations

import pytest
from tree import Module, imports, modules

_R = "cog.runtime_stdlib"

# Room -> what it may import directly. A room is the longest prefix that is listed.
HOST = {
    "cog.__main__": {"cog.cli"},
    "cog.cli": {"cog.actions", "cog.engine", "cog.errors", "cog.records", "cog"},
    # `install` writes the `.pth` file that images have, by the payload's own code.
    "cog.actions": {
        "cog.workspace", "cog.engine", "cog.client", "cog.config", "cog.compat", "cog.dockerfile", "cog.errors", "cog.records",
        "cog", f"{_R}.path_hook",
    },
    # The shell: siblings do not know each other, an action introduces them.
    "cog.workspace": {"cog.config", "cog.compat", "cog.dockerfile", "cog.errors", "cog.records", "cog"},
    "cog.engine": {"cog.errors", "cog.records", "cog"},
    "cog.client": {"cog.errors", "cog.records", "cog"},
    # The core: values in, values out.
    "cog.dockerfile": {"cog.config", "cog.compat", "cog.errors", "cog.records", "cog"},
    "cog.compat": {"cog.config", "cog.errors", "cog.records"},
    "cog.config": {"cog.errors", "cog.records"},
    "cog.errors": set(),
    "cog.records": set(),
}  # fmt: skip
RUNTIME = {
    # The doors: public dotted names without logic.
    "cog": {f"{_R}.sdk"},
    "cog.types": {"cog", f"{_R}.sdk"},
    "cog.files": {"cog", f"{_R}.sdk"},
    "cog.base_predictor": {"cog", f"{_R}.sdk"},
    "cog.exceptions": {"cog", f"{_R}.sdk"},
    "cog.server": set(),
    "cog.server.exceptions": {"cog", f"{_R}.sdk"},
    "cog.server.http": {f"{_R}.isolation", f"{_R}.app"},
    "cog.command": set(),
    "cog.command.openapi_schema": {f"{_R}.isolation", f"{_R}.app"},
    f"{_R}": set(),
    f"{_R}.isolation": {f"{_R}.bytecode"},
    f"{_R}.path_hook": {f"{_R}.bytecode"},
    f"{_R}.bytecode": set(),
    f"{_R}.project": set(),
    # The composition root sees everything below it, and nothing sees the composition root.
    f"{_R}.app": {
        "cog", f"{_R}.isolation", f"{_R}.project", f"{_R}.web", f"{_R}.service", f"{_R}.worker", f"{_R}.schema",
        f"{_R}.lifecycle", f"{_R}.wire", f"{_R}.validation",
    },
    f"{_R}.web": {
        "cog", f"{_R}.service", f"{_R}.lifecycle", f"{_R}.validation", f"{_R}.wire", f"{_R}.schema.spec",
        f"{_R}.schema.openapi", f"{_R}.schema.docs_page",
    },
    f"{_R}.service": {
        "cog", f"{_R}.lifecycle", f"{_R}.validation", f"{_R}.wire", f"{_R}.schema.spec", f"{_R}.schema.openapi",
    },
    # `service.mime` is one table of media types for both processes; it is data and imports nothing.
    # COG_WEIGHTS may be a URL, and setup runs in the worker: it is fetched there, by the code that fetches inputs.
    f"{_R}.worker": {"cog", f"{_R}.sdk", f"{_R}.schema", f"{_R}.wire", f"{_R}.service.mime", f"{_R}.service.downloads"},
    f"{_R}.validation": {f"{_R}.schema.spec"},
    f"{_R}.wire": {f"{_R}.schema.spec"},
    f"{_R}.lifecycle": set(),
    f"{_R}.schema": {f"{_R}.sdk"},
    f"{_R}.schema.spec": set(),
    f"{_R}.service.mime": set(),
    f"{_R}.service.downloads": {f"{_R}.service", f"{_R}.validation"},
    f"{_R}.sdk": set(),
}  # fmt: skip

ROOMS = {**HOST, **RUNTIME}

# What a room may name in annotations and not import: values that are handed to it from above.
NAMED_ONLY = {
    # `app` hands the supervisor what the worker's entry is to be told.
    (f"{_R}.service", f"{_R}.worker.entry"),
}


def room_of(name: str) -> str:
    while name not in ROOMS:
        name = name.rpartition(".")[0]
    return name


def allowed(source: str, target: str) -> bool:
    """Whether a module of room `source` may import the module `target`: its own room, or one that is listed."""
    home = room_of(target)
    if home == source or target.startswith(source + ".") and source not in ("cog", _R):
        return True
    return any(target == door or target.startswith(door + ".") for door in ROOMS[source] if door != "cog") or (
        target == "cog" and "cog" in ROOMS[source]
    )


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_a_room_imports_only_the_rooms_the_plan_lists(module: Module) -> None:
    room = room_of(module.name)
    strays = [
        f"{module.relative}:{line} imports {target}"
        for line, target in imports(module)
        if target.split(".")[0] == "cog" and not allowed(room, target) and (room, target) not in NAMED_ONLY
    ]
    assert strays == []


def test_what_is_named_only_is_not_imported() -> None:
    imported = [
        f"{module.relative}:{line} imports {target}"
        for module in modules()
        for line, target in imports(module, types=False)
        if (room_of(module.name), target) in NAMED_ONLY
    ]
    assert imported == []


def test_the_runtime_never_imports_a_host_room() -> None:
    strays = [
        f"{module.relative}:{line} imports {target}"
        for module in modules()
        if module.in_payload
        for line, target in imports(module)
        if target.split(".")[0] == "cog" and room_of(target) in HOST
    ]
    assert strays == []


def test_every_module_lives_in_a_room_of_the_plan() -> None:
    homeless = [module.relative for module in modules() if module.name != "cog" and room_of(module.name) == "cog"]
    assert homeless == []

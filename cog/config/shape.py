"""Is this tree a cog.yaml? Yes or no, without importing pydantic.

Every command that reads cog.yaml starts here, and importing pydantic costs more than everything
else such a command does (60 ms, and 350 ms from inside the archive). So the models of models.py
are written out as a table (shape_table.py, generated; a test keeps it current and another holds
both to the same verdicts). Only a file that has problems pays for pydantic, which names them.
"""

from __future__ import annotations

from .document import Number
from .shape_table import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Mapping, Optional

    from .problems import Where

    Node = Mapping[str, Any]  # the subset of JSON Schema that shape_table.py uses

__all__ = ["accepts", "expected", "known_keys", "node_at"]

_WORDS = {
    "string": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "array": "list",
    "object": "mapping",
    "null": "null",
}


def accepts(tree: object, node: Node = TABLE) -> bool:
    if "anyOf" in node:
        return any(accepts(tree, choice) for choice in node["anyOf"])
    types: Optional[List[str]] = node.get("type")
    if types is None:
        return True
    if not any(_is(tree, name) for name in types):
        return False
    if "enum" in node and tree not in node["enum"]:
        return False
    if isinstance(tree, dict):
        known = node["properties"]
        return all(name in tree for name in node["required"]) and all(
            name in known and accepts(value, known[name]) for name, value in tree.items()
        )
    if isinstance(tree, list):
        return all(accepts(item, node["items"]) for item in tree)
    return True


def _is(value: object, name: str) -> bool:
    if name == "integer":
        return isinstance(value, Number) and value.kind == "int"
    if name == "number":
        return isinstance(value, Number)
    if name == "string":
        return isinstance(value, str) and not isinstance(value, Number)
    if name == "boolean":
        return isinstance(value, bool)
    if name == "array":
        return isinstance(value, list)
    if name == "object":
        return isinstance(value, dict)
    return value is None


def node_at(where: Where) -> Optional[Node]:
    """The part of the table that judges this place."""
    node: Node = TABLE
    for step in where:
        for choice in node.get("anyOf", [node]):
            inner = choice.get("items") if isinstance(step, int) else None
            if isinstance(step, str):
                inner = choice.get("properties", {}).get(step)
            if inner is not None:
                node = inner
                break
        else:
            return None
    return node


def expected(where: Where) -> str:
    """What belongs here, in words: "string", "list or null"."""
    node = node_at(where) or {}
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    names: List[str] = []
    for choice in node.get("anyOf", [node]):
        names.extend(_WORDS[name] for name in choice.get("type", []))
    return " or ".join(dict.fromkeys(name for name in names if name != "null"))


def known_keys(where: Where) -> List[str]:
    """The keys a mapping at this place may have."""
    node = node_at(where) or {}
    names: List[str] = []
    for choice in node.get("anyOf", [node]):
        names.extend(choice.get("properties", {}))
    return names

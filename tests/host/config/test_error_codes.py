"""docs/errors.md knows every code in the source, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator, Set

ROOT = Path(__file__).resolve().parents[3]
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")

# Functions of the rooms config and compat that take a code, and where it stands among the arguments.
TAKES_A_CODE = {"Problem": 0, "Note": 0, "CompatError": 0, "problem_at": 2, "_problem": 1}


def host_files() -> Iterator[Path]:
    for path in sorted((ROOT / "cog").rglob("*.py")):
        if "runtime_stdlib" not in path.parts:
            yield path


def codes() -> Set[str]:
    found: Set[str] = set()
    for path in host_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        room = path.relative_to(ROOT / "cog").parts[0]
        for node in ast.walk(tree):
            found.update(of_a_class(node))
            if room in ("config", "compat"):
                found.update(of_a_call(node))
                found.update(of_an_explanation(node))
    return found


def of_a_class(node: ast.AST) -> Iterator[str]:
    """code = "..." in a class body"""
    if isinstance(node, ast.ClassDef):
        for line in node.body:
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "code":
                assert isinstance(line.value, ast.Constant)
                if line.value.value:
                    yield str(line.value.value)


def of_a_call(node: ast.AST) -> Iterator[str]:
    """Note("...", ...)"""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = TAKES_A_CODE.get(name)
        if place is not None and len(node.args) > place:
            for part in ast.walk(node.args[place]):
                if isinstance(part, ast.Constant) and CODE.fullmatch(str(part.value)):
                    yield str(part.value)


def of_an_explanation(node: ast.AST) -> Iterator[str]:
    """return "yaml-syntax", message, fix"""
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        first = node.value.elts[0]
        if isinstance(first, ast.Constant) and CODE.fullmatch(str(first.value)):
            yield str(first.value)


def documented() -> Set[str]:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    return set(re.findall(r"^### `([a-z0-9-]+)`$", text, re.MULTILINE))


def test_every_code_is_explained() -> None:
    assert sorted(codes() - documented()) == []


def test_no_code_is_explained_that_does_not_exist() -> None:
    assert sorted(documented() - codes()) == []


def test_the_collector_sees_all_ways_of_giving_a_code() -> None:
    assert {"usage", "unknown-key", "yaml-tab", "torch-cuda", "no-base-image", "train-invalid", "yaml-tag"} <= codes()

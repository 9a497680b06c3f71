"""The types of a predictor whose file cannot be run here: read from an outline of its source.

A model whose import fails (a package that is not installed, no GPU) still has a schema, and clients of a
server in SETUP_FAILED can see it. The outline keeps the imports that cannot hurt, the classes and functions with
empty bodies, and assignments that the signatures refer to; everything else is left out.
"""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, List, Set

HARMLESS = frozenset(
    "__future__ typing typing_extensions cog enum dataclasses datetime abc pathlib collections io os sys re math json"
    " functools itertools string decimal fractions numbers types pydantic".split()
)


def outline(source: str, path: str) -> ModuleType:
    """A module that only declares. Raises SyntaxError for broken source, or what the declarations raise."""
    import sys

    tree = ast.parse(source, path)
    kept: List[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if all(name.split(".")[0] in HARMLESS for name in names):
                kept.append(node)
        elif isinstance(node, ast.ClassDef):
            kept.append(_hollow_class(node))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            kept.append(_hollow(node))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_plain(node.value):
            kept.append(node)
    module = type(sys)("outline")
    module.__file__ = path
    for statement in kept:
        block = ast.Module(body=[statement], type_ignores=[])
        try:
            exec(compile(ast.fix_missing_locations(block), path, "exec", dont_inherit=True), module.__dict__)
        except Exception:
            # A helper class that derives from something we left out: what depends on it will say so.
            continue
    return module


def _hollow(node: Any) -> Any:
    node.body = [ast.Expr(value=ast.Yield(value=None))] if _yields(node) else [ast.Pass()]
    node.decorator_list = []
    return node


def _hollow_class(node: ast.ClassDef) -> ast.ClassDef:
    body: List[ast.stmt] = []
    for item in node.body:
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body.append(_hollow(item))
        elif isinstance(item, (ast.AnnAssign, ast.Assign, ast.Pass, ast.Expr)):
            body.append(item)
    node.body = body or [ast.Pass()]
    return node


def _yields(node: ast.AST) -> bool:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(child, (ast.Yield, ast.YieldFrom)) or _yields(child):
            return True
    return False


def _is_plain(node: Any) -> bool:
    """An expression that calls nothing but the names a declaration may call."""
    if node is None:
        return True
    callable_names: Set[str] = {"Input", "list", "dict", "tuple", "set", "frozenset", "sorted", "range", "TypeVar"}
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            function = child.func
            if isinstance(function, ast.Attribute):
                if function.attr not in ("keys", "values", "items"):
                    return False
            elif not (isinstance(function, ast.Name) and function.id in callable_names):
                return False
        elif isinstance(child, (ast.Await, ast.Yield, ast.YieldFrom)):
            return False
    return True

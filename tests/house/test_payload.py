"""The payload: what is copied into images runs on Python 3.8 with nothing but the standard library."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from tree import PACKAGE, ROOT, Module, imports, modules, payload, stdlib_names

# In the standard library of some Pythons from 3.8 to 3.14, but not of all.
NOT_EVERYWHERE = {
    "tomllib", "zoneinfo", "graphlib", "annotationlib", "compression", "string.templatelib",                # too new
    "aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk", "crypt", "distutils", "formatter",
    "imghdr", "imp", "lib2to3", "macpath", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "parser", "pipes",
    "smtpd", "sndhdr", "spwd", "sunau", "symbol", "telnetlib", "uu", "xdrlib",                              # gone
}  # fmt: skip

# `python -m cog.server.http` and `from cog.types import Path` are the contract; nothing else may look like the stdlib.
FORCED_NAMES = {"cog/server/http.py", "cog/types.py"}

# Imported by name only where it is there, behind a condition.
CONDITIONAL = {
    ("cog/runtime_stdlib/sdk/annotations.py", "annotationlib"): "3.14 and later, where annotations are lazy",
    ("cog/runtime_stdlib/sdk/pydantic2.py", "pydantic_core"): "called by the user's pydantic alone",
}

# Calls that run code by a computed name or from a file. `import_module("constant")` is an import like any other.
IMPORTING = {"import_module", "__import__", "exec_module", "spec_from_file_location", "run_path", "run_module", "exec"}
EXCUSED = {
    ("cog/__init__.py", "__import__"): "the public names, from a table of our own modules",
    ("cog/runtime_stdlib/app.py", "__import__"): "COG_EAGER_IMPORTS: modules that the platform names, before the fork",
    ("cog/runtime_stdlib/worker/outline.py", "exec"): "the signatures of a model that cannot be imported, its body cut out",
    ("cog/runtime_stdlib/bytecode.py", "exec"): "the code of our own modules, packed when the image was built",
}


@pytest.mark.parametrize("module", payload(), ids=lambda module: module.name)
def test_the_payload_is_python_3_8(module: Module) -> None:
    ast.parse(module.path.read_text(encoding="utf-8"), filename=module.relative, feature_version=(3, 8))


@pytest.mark.parametrize("module", payload(), ids=lambda module: module.name)
def test_the_payload_imports_the_standard_library_and_itself_alone(module: Module) -> None:
    known = stdlib_names() | {"cog"}
    strays = [
        f"{module.relative}:{line} imports {target}"
        for line, target in imports(module)
        if (target.split(".")[0] not in known or target.split(".")[0] in NOT_EVERYWHERE)
        and (module.relative, target) not in CONDITIONAL
    ]
    assert strays == []


def test_no_module_takes_a_name_of_the_standard_library() -> None:
    takers = {module.relative for module in modules() if module.path.stem in stdlib_names() - {"__main__"}}
    assert takers - FORCED_NAMES == set()


def test_there_is_one_importing_call_and_it_is_in_the_loader() -> None:
    calls = []
    for module in payload():
        for node in ast.walk(module.tree()):
            if isinstance(node, ast.Call):
                function = node.func
                called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                constant = bool(node.args) and isinstance(node.args[0], ast.Constant)
                if called in IMPORTING and not constant and (module.relative, called) not in EXCUSED:
                    calls.append((module.relative, called))
    assert calls == [("cog/runtime_stdlib/worker/loader.py", "exec")]


def test_importing_cog_imports_nothing_else() -> None:
    program = "import sys; before = set(sys.modules); import cog; print(sorted(set(sys.modules) - before))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() in ("['cog']", "['__future__', 'cog']")


def test_the_payload_is_what_the_plan_says() -> None:
    """The list that is copied into images names every payload file once, and no other."""
    source = pytest.importorskip("cog.workspace.payload")
    copied = sorted(path for path, _ in source.entries() if path.endswith(".py"))
    assert copied == sorted(module.relative for module in payload())
    assert (PACKAGE / "py.typed").exists()

"""The documentation is whole: links lead somewhere, and what users can turn is written down."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tree import ROOT, modules, payload

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "examples").glob("**/*.md")])

# Set by ourselves for our own processes, or read by tests alone: not for users to turn.
INTERNAL_VARIABLES = {"COG_BUILD_STAGED", "COG_PYTHON_ARCHIVE", "COG_YAML"}


def prose(page: Path) -> str:
    """The page without what is in code: a link there is an example."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda code: code[0].replace("](", "]\\("), text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them, and those written as HTML."""
    found: set[str] = set()
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        number = 0
        unique = name
        while unique in found:
            number += 1
            unique = f"{name}-{number}"
        found.add(unique)
    found.update(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            broken.append(target)
        elif anchor and there.suffix == ".md" and anchor not in anchors(there):
            broken.append(target)
    assert broken == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md" and f"({page.name})" not in index]
    assert missing == []


def documented() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))


def texts() -> set[str]:
    """Every text constant of the source, docstrings and joined texts included."""
    return {
        node.value
        for module in modules()
        for node in ast.walk(module.tree())
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_environment_variable_is_documented() -> None:
    read = {text for text in texts() if re.fullmatch(r"COG_[A-Z][A-Z_]*[A-Z]", text)}
    try:
        from cog.runtime_stdlib.web.limits import LIMITS, variable
    except ImportError:
        pass
    else:
        read |= {variable(name) for name, _, _ in LIMITS}
    text = documented()
    assert sorted(name for name in read - INTERNAL_VARIABLES if name not in text) == []


def test_every_flag_of_the_server_is_documented() -> None:
    from cog.runtime_stdlib.app import FLAGS
    from cog.runtime_stdlib.web.limits import LIMITS

    flags = [f"--{name}" for name in FLAGS] + ["--" + name.replace("_", "-") for name, _, _ in LIMITS]
    text = documented()
    assert [flag for flag in flags if f"`{flag}" not in text] == []


def test_every_route_is_documented() -> None:
    from cog.runtime_stdlib.web import routes

    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    table = (*routes.ALWAYS, *routes.PREDICTIONS, *routes.TRAININGS)
    written = [f"{method} {path}" for path, method, _ in table]
    written = [route.replace("predictions/*", "predictions/<prediction_id>") for route in written]
    written = [route.replace("trainings/*", "trainings/<training_id>") for route in written]
    assert [route for route in written if f"`{route}`" not in text] == []


def test_every_error_code_is_documented() -> None:
    """A foreseen failure has a code that users may search for; docs/errors.md has a line for each."""
    codes = set()
    for module in modules():
        if module in payload():
            continue
        for node in ast.walk(module.tree()):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant):
                        if [getattr(target, "id", "") for target in item.targets] == ["code"] and item.value.value:
                            codes.add(str(item.value.value))
    page = ROOT / "docs" / "errors.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    assert sorted(code for code in codes if f"`{code}`" not in text) == []

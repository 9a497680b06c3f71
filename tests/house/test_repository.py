"""What is committed: sources of our own, small, and nothing about the machine they were written on."""

from __future__ import annotations

import re
import subprocess

from tree import ROOT


def committed() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_top_level_is_as_planned() -> None:
    planned = {
        ".ci", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "build_zipapp.py", "cog", "docs", "examples",
        "install.sh", "pyproject.toml", "tests", "vendor",
    }  # fmt: skip
    assert {name.split("/")[0] for name in committed()} - planned == set()


def test_no_package_or_large_file_is_committed() -> None:
    strays = [
        name
        for name in committed()
        if name.endswith((".whl", ".tar.gz", ".zip", ".pyz", ".so", ".pyc")) or (ROOT / name).stat().st_size > 500_000
    ]
    assert strays == []


def test_nobody_elses_copyright_is_in_the_tree() -> None:
    """Nothing is copied in: what others wrote is fetched at build time, with its licence."""
    notice = re.compile(rb"copyright\s+(\(c\)|\xc2\xa9|[12][0-9]{3})", re.I)
    assert [name for name in committed() if name != "LICENSE" and notice.search((ROOT / name).read_bytes())] == []


def test_the_licence_is_apache() -> None:
    first = (ROOT / "LICENSE").read_text(encoding="utf-8").split()[:4]
    assert first == ["Apache", "License", "Version", "2.0,"]
    assert 'license = { text = "Apache-2.0" }' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_no_source_speaks_of_one_machine() -> None:
    here = re.compile(r"/(root|home/\w+)/\.pyenv|" + re.escape(str(ROOT)) + r"\b")
    strays = [name for name in committed() if here.search((ROOT / name).read_text(encoding="utf-8", errors="ignore"))]
    assert strays == []

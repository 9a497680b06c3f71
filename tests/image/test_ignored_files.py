"""Our reading of .dockerignore against the builder's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cog.dockerfile.ignore import Ignore, escaped, split
from cog.workspace.project import walk

FILES = (
    "a.txt",
    "b.log",
    "a b.txt",
    "star*.txt",
    "[x].txt",
    "x.txt",
    "!bang",
    "#hash",
    "ü.txt",
    ".hidden",
    "dir/a.txt",
    "dir/b.log",
    "dir/deep/a.txt",
    "dir/deep/deeper/c.bin",
    "dir2/a.txt",
    "dirx",
    "src/main.py",
    "src/.cache/x",
)

IGNORES = (
    "",
    "*.txt",
    "**/*.txt",
    "dir",
    "dir/",
    "/dir",
    "dir/*",
    "dir/**",
    "dir/**/*",
    "*\n!src\n!dir/deep",
    "**\n!**/*.py",
    "dir\n!dir/deep/a.txt",
    "!dir\ndir/deep",
    "[a-c].txt\n[^x]*.bin",
    "*/deep",
    "**/deep/**",
    "?.txt",
    "dir?",
    "./dir/../x.txt",
    "# comment\n   a.txt   \n\n",
    ".*\n**/.cache",
    "a b.txt",
    "\n".join(escaped(name) for name in ("star*.txt", "[x].txt", "!bang", "#hash", "ü.txt")),
    "*.txt\n!a.txt\n*a.txt",
    "d*r",
    "src/**/x",
)


@pytest.mark.parametrize("text", IGNORES)
def test_we_hide_what_the_builder_hides(text: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    for name in FILES:
        path = context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "Dockerfile.dockerignore").write_text(text)
    subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--output", f"type=local,dest={tmp_path / 'out'}",
         "--file", str(tmp_path / "Dockerfile"), str(context)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    sent = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert sorted(path for path, _ in walk(context, Ignore(split(text)))) == sent

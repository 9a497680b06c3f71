"""`cog debug`: the Dockerfile as text. No engine, nothing left on the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cog.actions.recipe import ImageOptions, Recipe, image_name, recipe
from cog.dockerfile.instructions import base_of
from cog.engine.interface import Reporter
from cog.workspace.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


def debug(
    project: Project,
    options: ImageOptions,
    reporter: Reporter,
    *,
    name: str = "",
    explain: bool = False,
    environment: Optional[Mapping[str, str]] = None,
) -> str:
    """The text: one Dockerfile, or with separate weights three parts under headings."""
    made = recipe(project, options, image=name or image_name(project), reporter=reporter, environment=environment)
    head = explanation(made) if explain else ""
    if not options.separate_weights:
        return head + made.dockerfile(explain=explain)
    parts = (
        ("Weights Dockerfile", made.weights_dockerfile(explain=explain)),
        ("Runner Dockerfile", made.dockerfile(explain=explain)),
        ("DockerIgnore contents", "\n".join(made.ignore()) + "\n"),
    )
    return head + "\n".join(f"=== {title} ===\n{text}" for title, text in parts)


def explanation(made: Recipe) -> str:
    """What was resolved, and by which rule, as comments on top."""
    lines = []
    for about, reason in made.resolution.reasons.items():
        lines.append(f"# {about}: {reason}")
    if made.resolution.requirements:
        lines.append("# requirements.txt:")
        lines += [f"#     {line}" for line in made.resolution.requirements]
    return "".join(f"{line}\n" for line in [*lines, ""]) if lines else ""


def resolved(
    project: Project,
    options: ImageOptions,
    reporter: Reporter,
    *,
    name: str = "",
    environment: Optional[Mapping[str, str]] = None,
) -> str:
    """The facts as JSON, for tests and scripts."""
    made = recipe(project, options, image=name or image_name(project), reporter=reporter, environment=environment)
    found = made.resolution
    return json.dumps(
        {
            "base_image": base_of(made.instructions()),
            "python_version": found.python_version,
            "gpu": found.gpu,
            "cuda": found.cuda,
            "cudnn": found.cudnn,
            "image_name": image_name(project),
            "requirements": list(found.requirements),
            "system_packages": list(found.system_packages),
            "reasons": dict(found.reasons),
            "driver": found.driver,
            "weights": {"dirs": list(made.weights.directories), "files": list(made.weights.files)},
            "ignore": made.ignore(),
        },
        indent=2,
        ensure_ascii=False,
    )

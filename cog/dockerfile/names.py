"""Names of images: derived from a folder, compared, extended."""

from __future__ import annotations

import re

from cog.records import pattern

LONGEST = 26

# The grammar of image references: perhaps a registry, then parts in lower case, perhaps a tag or digest.
PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REFERENCE = pattern(
    rf"(?:(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?/)?{PART}(?:/{PART})*(?::[\w][\w.-]{{0,127}})?(?:@[\w+.:-]+)?"
)


def derived(folder: str) -> str:
    """`My_Model.v2` -> `cog-mymodelv2`; what remains must be a name that registries accept."""
    name = re.sub(r"[^a-z0-9-]", "", folder.lower().replace(" ", "-"))[:LONGEST]
    name = re.sub(r"-{3,}", "--", name).strip("-")
    if not name.startswith("cog-"):
        name = f"cog-{name}" if name else "cog-model"
    return name


def valid(image: str) -> bool:
    return REFERENCE.fullmatch(image) is not None and len(image) <= 255


def full(image: str) -> str:
    """The name as the engine lists it: with a tag, without the default registry."""
    for prefix in ("docker.io/", "index.docker.io/"):
        if image.startswith(prefix):
            image = image[len(prefix) :]
    if image.startswith("library/"):
        image = image[len("library/") :]
    if "@" in image:
        return image
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def weights_of(image: str) -> str:
    return f"{image.partition('@')[0]}-weights"

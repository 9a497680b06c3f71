"""The second step of a build: the schema file and the labels on top of the finished image.

Strategy: which labels there are is decided here. They are not LABEL lines: the builder takes half a
minute for one of 300 KB, and a line break cannot be written there; as arguments of the build they
cost nothing, and the engine knows what to do with one that is too long for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cog.compat import Resolution
from cog.config import Config
from cog.dockerfile.instructions import Copy, From

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from cog.dockerfile.instructions import Instruction

VERSION = "run.cog.version"
CONFIG = "run.cog.config"
SCHEMA = "run.cog.openapi_schema"
FREEZE = "run.cog.pip_freeze"
HAS_INIT = "run.cog.has_init"
PUSH_ID = "run.cog.push_id"
REVISION = "org.opencontainers.image.revision"
SOURCE_VERSION = "org.opencontainers.image.version"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
COG_BASE_NAME = "run.cog.cog-base-image-name"
COG_BASE_LAST = "run.cog.cog-base-image-last-layer-sha"
COG_BASE_INDEX = "run.cog.cog-base-image-last-layer-idx"

SCHEMA_FILE = "/src/.cog/openapi_schema.json"


def seal(image: str) -> tuple[Instruction, ...]:
    """The build context of this step is a folder with the schema file and nothing else."""
    return (From(image), Copy(("openapi_schema.json",), SCHEMA_FILE))


def config_label(config: Config, resolution: Resolution) -> str:
    """The completed configuration as compact JSON; what is empty is left out."""
    build: dict[str, object] = {
        "gpu": resolution.gpu,
        "python_version": resolution.python_version,
        "python_requirements": config.build.python_requirements,
        "python_packages": list(config.build.python_packages),
        "run": [run_item(item.command, item.mounts) for item in config.build.run],
        "system_packages": list(config.build.system_packages),
        "pre_install": list(config.build.pre_install),
        "cuda": resolution.cuda,
        "cudnn": resolution.cudnn,
    }
    whole: dict[str, object] = {
        "build": filled(build),
        "image": config.image,
        "predict": config.predict,
        "train": config.train,
        "concurrency": filled({"max": config.concurrency.max}) if config.concurrency is not None else None,
        "environment": [f"{name}={value}" for name, value in sorted(config.environment.items())],
    }
    return json.dumps(filled(whole), separators=(",", ":"), ensure_ascii=False)


def run_item(command: str, mounts: Sequence[object]) -> dict[str, object]:
    item: dict[str, object] = {"command": command}
    if mounts:
        item["mounts"] = [{name: getattr(mount, name) for name in ("type", "id", "target")} for mount in mounts]
    return item


def filled(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value}


def labels(
    *,
    version: str,
    config: str,
    schema: Optional[str],
    freeze: Optional[str],
    revision: str = "",
    source_version: str = "",
    base_name: str = "",
    base_digest: str = "",
    push_id: str = "",
    cog_base: str = "",
    base_layers: Sequence[str] = (),
) -> dict[str, str]:
    """All labels of an image, in a fixed order."""
    found = {VERSION: version, CONFIG: config, HAS_INIT: "true"}
    if schema is not None:
        found[SCHEMA] = schema
    if freeze is not None:
        found[FREEZE] = freeze
    optional = {
        REVISION: revision,
        SOURCE_VERSION: source_version,
        BASE_NAME: base_name,
        BASE_DIGEST: base_digest,
        PUSH_ID: push_id,
        COG_BASE_NAME: cog_base,
    }
    if cog_base and base_layers:
        optional |= {COG_BASE_LAST: base_layers[-1], COG_BASE_INDEX: str(len(base_layers) - 1)}
    found.update((name, value) for name, value in optional.items() if value)
    return found

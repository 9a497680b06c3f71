"""The completed configuration as it goes into the image label `run.cog.config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict

from .values import Config, RunItem

if TYPE_CHECKING:
    from ..compat import Resolution

__all__ = ["label"]


def label(config: Config, resolution: Resolution) -> Dict[str, object]:
    """Empty values are left out, as in the labels that deployments already read."""
    build = config.build
    completed: Dict[str, object] = {
        "gpu": build.gpu,
        "python_version": resolution.python_version,
        "python_requirements": build.python_requirements,
        "python_packages": list(build.python_packages),
        "run": [_run_item(item) for item in build.run],
        "system_packages": list(build.system_packages),
        "pre_install": list(build.pre_install),
        "cuda": resolution.cuda if build.gpu else build.cuda,
        "cudnn": resolution.cudnn if build.gpu else build.cudnn,
    }
    concurrency: Dict[str, object] = {}
    if config.concurrency is not None:
        concurrency = {
            "max": config.concurrency.max,
            "default_target": config.concurrency.default_target,
        }
    whole: Dict[str, object] = {
        "build": _kept(completed),
        "image": config.image,
        "predict": config.predict,
        "train": config.train,
        "concurrency": _kept(concurrency),
        "environment": [f"{name}={value}" for name, value in config.environment.items()],
    }
    return _kept(whole)


def _kept(entries: Dict[str, object]) -> Dict[str, object]:
    return {name: value for name, value in entries.items() if value or value is False}


def _run_item(item: RunItem) -> Dict[str, object]:
    mounts = [{"type": m.type, "id": m.id, "target": m.target} for m in item.mounts]
    return _kept({"command": item.command, "mounts": mounts})

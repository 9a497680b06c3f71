"""What `setup(weights=...)` receives: COG_WEIGHTS, or the project's own `weights`, or None."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict


def arguments(setup: Callable[..., Any]) -> Dict[str, Any]:
    """The keyword arguments for setup: nothing, or `weights`.

    Raises ValueError for an annotation that cannot carry weights.
    """
    from .loader import unwrapped

    function = unwrapped(setup)
    code = getattr(function, "__code__", None)
    if code is None or "weights" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return {}
    annotation = getattr(function, "__annotations__", {}).get("weights")
    kind = _kind(annotation, getattr(function, "__globals__", {}))
    source = os.environ.get("COG_WEIGHTS")
    if source:
        if kind == "str":
            return {"weights": source}
        if kind == "file":
            return {"weights": _open(source)}
        if kind == "path":
            return {"weights": _path(source)}
        raise ValueError(_refusal(annotation))
    if not os.path.exists("weights"):
        return {"weights": None}
    if annotation is None:
        return {"weights": None}
    if kind == "file":
        return {"weights": open("weights", "rb")}
    if kind == "path":
        from ..sdk.paths import Path

        return {"weights": Path("weights")}
    raise ValueError(_refusal(annotation))


def _refusal(annotation: Any) -> str:
    return (
        "Predictor.setup() has an argument 'weights' of type %s, but weights can only be passed as cog.Path,"
        " cog.File or (from the COG_WEIGHTS environment variable) str" % (getattr(annotation, "__name__", annotation),)
    )


def _kind(annotation: Any, names: Dict[str, Any]) -> str:
    from ..sdk.files import File
    from ..sdk.paths import Path

    if isinstance(annotation, str):
        text = annotation.strip()
        try:
            annotation = eval(text, dict(names))
        except Exception:  # a name that only a type checker knows
            if text.startswith("Optional[") and text.endswith("]"):
                text = text[9:-1]
            return {"str": "str", "File": "file", "cog.File": "file", "Path": "path", "cog.Path": "path"}.get(text, "")
    members = getattr(annotation, "__args__", None)
    if members:  # Optional[X] and X | None count as X
        kinds = [member for member in members if member is not type(None)]
        annotation = kinds[0] if len(kinds) == 1 else annotation
    if annotation is str:
        return "str"
    if isinstance(annotation, type):
        if issubclass(annotation, File):
            return "file"
        if issubclass(annotation, Path) or issubclass(annotation, os.PathLike):
            return "path"
    return ""


def _is_url(source: str) -> bool:
    return source[:5].lower() == "data:" or "://" in source[:12]


def _fetch(source: str) -> str:
    from ..service.downloads import fetch_one

    return fetch_one(source)


def _open(source: str) -> Any:
    return open(_fetch(source) if _is_url(source) else source, "rb")


def _path(source: str) -> Any:
    from ..sdk.paths import Path

    if not _is_url(source):
        return Path(source)
    try:
        return Path(_fetch(source))
    except Exception as error:
        # Not fatal: a model may never open its weights. The one that does finds no file, and this line above it.
        print("COG_WEIGHTS could not be fetched: %s" % error, file=sys.stderr)
        return Path(os.path.join(os.path.abspath("weights-that-could-not-be-fetched"), os.path.basename(source)))

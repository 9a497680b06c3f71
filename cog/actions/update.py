"""A look, once a day and on a terminal only, whether a newer release is out (decision 27).

Strategy: a thread asks while the command works; what it learns is kept in a file and said after
the *next* command, so nobody waits for it. Everything that goes wrong is silence. A build without
a release address has nothing to ask.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cog.engine.interface import Reporter

DAY = 24 * 3600
SECONDS = 1.0  # for the answer
LONGEST = 64  # characters of a version


def watch(reporter: Reporter, version: str, address: str, *, terminal: bool) -> Callable[[], None]:
    """Start the look, if one is due; returns what to call after the command."""
    if not address or not terminal or not wanted(os.environ):
        return lambda: None
    import threading

    from cog.engine.storage import cache_home

    home = cache_home(os.environ)
    if home is None:
        return lambda: None
    path = home / "update-state.json"
    state = _state(str(path), version)
    if time.time() - _number(state.get("checked")) > DAY:
        threading.Thread(
            target=_look, args=(address, str(path), version), name="look for a newer release", daemon=True
        ).start()
    told = state.get("newest")
    newest = told if isinstance(told, str) else ""

    def news() -> None:
        if newer(newest, version):
            reporter.info(f"cog {newest} is out, this is {version}: {address.rstrip('/')}/cog.pyz")

    return news


def wanted(environment: Mapping[str, str]) -> bool:
    return not environment.get("COG_NO_UPDATE_CHECK") and not environment.get("CI")


def newer(one: str, other: str) -> bool:
    """Whether version `one` comes after `other`; anything unreadable does not."""
    try:
        return _parts(one) > _parts(other)
    except ValueError:
        return False


def _parts(version: str) -> tuple[int, ...]:
    parts = version.strip().split(".")
    if not 2 <= len(parts) <= 4 or max(map(len, parts)) > 6:
        raise ValueError(f"not a version: {version!r}")
    return tuple(map(int, parts))


def _look(address: str, path: str, version: str) -> None:
    import json
    import urllib.request  # the user's proxies apply here, unlike in the client

    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/VERSION", timeout=SECONDS) as answer:
            newest = answer.read(LONGEST).decode("ascii").strip()
        _parts(newest)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "w") as file:
            json.dump({"checked": time.time(), "newest": newest, "version": version}, file)
        os.replace(temporary, path)
    except Exception:
        return  # a thread's boundary: no network, no disk, no news


def _state(path: str, version: str) -> Mapping[str, object]:
    import json

    try:
        with open(path) as file:
            state = json.load(file)
    except (OSError, ValueError):
        return {}
    # What an earlier version was told does not matter to this one.
    return state if isinstance(state, dict) and state.get("version") == version else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0

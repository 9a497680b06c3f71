"""What /health-check and the probes say, as a function of what is the case."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

STARTING = "STARTING"
READY = "READY"
BUSY = "BUSY"
SETUP_FAILED = "SETUP_FAILED"
DEFUNCT = "DEFUNCT"
UNHEALTHY = "UNHEALTHY"


class Setup:
    """How the setup of the model went, as the health document tells it."""

    __slots__ = ("started_at", "completed_at", "logs", "status")

    def __init__(self) -> None:
        self.started_at: Optional[str] = None
        self.completed_at: Optional[str] = None
        self.logs = ""
        self.status: Optional[str] = None  # "succeeded" | "failed"; None while it runs

    def document(self) -> Dict[str, Any]:
        if self.status is None:
            return {}
        return {
            "started_at": self.started_at,
            "completed_at": self.completed_at,
            "logs": self.logs,
            "status": self.status,
        }


def status(*, setup: Optional[str], defunct: bool, workers_ready: int, slots_free: int) -> str:
    """`setup` is Setup.status. A worker that is being restarted counts as starting."""
    if setup == "failed":
        return SETUP_FAILED
    if defunct:
        return DEFUNCT
    if setup is None or workers_ready == 0:
        return STARTING
    return READY if slots_free else BUSY


def document(word: str, setup: Setup) -> bytes:
    return json.dumps({"status": word, "setup": setup.document()}, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


# probe -> statuses that make it fail with 503. Live: only a restart could help. Ready: may take a request in general
# (a busy model is ready: clients see 409). Started: setup is over, well or badly.
FAILING = {
    "livez": (DEFUNCT,),
    "readyz": (STARTING, SETUP_FAILED, DEFUNCT, UNHEALTHY),
    "startupz": (STARTING, SETUP_FAILED),
}


def probe_fails(name: str, word: str, *, draining: bool) -> bool:
    return word in FAILING[name] or (draining and name == "readyz")

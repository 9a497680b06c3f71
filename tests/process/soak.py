"""Many predictions, mixed with cancels and failures; then what the server holds must be what it held early on.

    python tests/process/soak.py 200000          (a few minutes; outside CI)

Prints what was counted after the first thousand and at the end, and ends with 1 when they differ by more than 5 %.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List

from serving import Server, wait_until

MODEL = """
import time
from typing import Any
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, how: str = "ok", doc: Path = None) -> Any:
        if how == "fail":
            raise ValueError("on purpose")
        if how == "sleep":
            time.sleep(30)
        if how == "log":
            print("a line\\n" * 20)
        if how == "items":
            return (str(n) for n in range(20))
        if how == "file":
            out = Path("/tmp") if doc is None else doc
            return out
        return "fine"
"""

DOC = "data:text/plain;base64,aGVsbG8="


def held(server: Server) -> Dict[str, int]:
    """Memory (KiB), descriptors, threads and temporary files of the server and its worker."""
    found = {"rss": 0, "descriptors": 0, "threads": 0, "files": len(server.temporary_files())}
    for pid in server.family():
        status = Path("/proc/%d/status" % pid).read_text()
        found["rss"] += int(status.split("VmRSS:")[1].split()[0])
        found["threads"] += int(status.split("Threads:")[1].split()[0])
        found["descriptors"] += len(os.listdir("/proc/%d/fd" % pid))
    return found


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, method: str, path: str, document: Any, headers: Dict[str, str]) -> int:
        self._connection.request(
            method, path, json.dumps(document).encode(), {"Content-Type": "application/json", **headers}
        )
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        self._connection.close()


def load(server: Server, count: int, seed: int) -> Dict[int, int]:
    """`count` predictions from one client; statuses counted."""
    chance = random.Random(seed)
    client = Client(server.port)
    canceler = Client(server.port)
    statuses: Dict[int, int] = {}
    try:
        for number in range(count):
            how = chance.choices(["ok", "fail", "log", "items", "file", "cancel"], [80, 5, 5, 5, 3, 2])[0]
            if how == "cancel":
                id = "c%d-%d" % (seed, number)
                status = client.send(
                    "PUT", "/predictions/" + id, {"input": {"how": "sleep"}}, {"Prefer": "respond-async"}
                )
                canceler.send("POST", "/predictions/%s/cancel" % id, None, {})
                server.wait_health("READY")
            else:
                values: Dict[str, Any] = {"how": how}
                if how == "file":
                    values["doc"] = DOC
                status = client.send("POST", "/predictions", {"input": values}, {})
            statuses[status] = statuses.get(status, 0) + 1
    finally:
        client.close()
        canceler.close()
    return statuses


def soak(directory: Path, count: int) -> List[Dict[str, int]]:
    """What is held after the first part and after all; raises AssertionError for any answer but 200 and 202."""
    first = max(100, min(1000, count // 4))
    with Server(directory, MODEL, env={"COG_LOG_LEVEL": "error"}) as server:
        statuses = load(server, first, 1)
        assert set(statuses) <= {200, 202}, statuses
        early: Dict[str, int] = {}

        def settle() -> bool:
            early.update(held(server))
            return early["threads"] <= 6

        wait_until(settle, "threads do not end")
        statuses = load(server, count - first, 2)
        assert set(statuses) <= {200, 202}, statuses
        late: Dict[str, int] = {}

        def settled() -> bool:
            late.update(held(server))
            return all(late[key] <= early[key] for key in ("threads", "descriptors", "files"))

        try:
            wait_until(settled, "left over", timeout=10)
        except AssertionError:
            pass
    return [early, late]


def grew(early: Dict[str, int], late: Dict[str, int]) -> List[str]:
    return [key for key in early if late[key] > early[key] * 1.05]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        before, after = soak(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 200000)
    print("after the first thousand:", before)
    print("at the end:              ", after)
    print("grew by more than 5 %:", ", ".join(grew(before, after)) or "nothing")
    sys.exit(1 if grew(before, after) else 0)

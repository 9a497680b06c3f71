"""A real server on a model that the test writes, spoken to with http.client.

The server is a subprocess of the checkout's runtime in a directory of its own. Leaving the `with` block stops it and
insists that no process of it survives.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

# The folder that holds the `cog` to test: the checkout, or what a built file unpacks to.
ROOT = Path(os.environ.get("COG_TEST_RUNTIME") or Path(__file__).resolve().parents[2])
PATIENCE = 30.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Answer:
    """Status, headers (lower case) and body of one reply."""

    def __init__(self, status: int, headers: Dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """One server process. `with Server(...) as server` waits until it is no longer STARTING."""

    def __init__(
        self,
        directory: Path,
        predict: str = "",
        *,
        yaml: str = 'predict: "predict.py:Predictor"\n',
        files: Optional[Dict[str, str]] = None,
        args: Tuple[str, ...] = (),
        env: Optional[Dict[str, str]] = None,
        wait: bool = True,
        prefix: Tuple[str, ...] = (),
        beside_runtime: bool = False,
        pass_fds: Tuple[int, ...] = (),
    ) -> None:
        self._pass_fds = pass_fds
        self.directory = directory / "model"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.tmp = directory / "tmp"
        self.tmp.mkdir(exist_ok=True)
        (self.directory / "cog.yaml").write_text(yaml)
        if predict:
            (self.directory / "predict.py").write_text(textwrap.dedent(predict))
        for name, text in (files or {}).items():
            (self.directory / name).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / name).write_text(textwrap.dedent(text))
        self.port = free_port()
        self.log_path = directory / "server.log"
        self._wait = wait
        self._argv = [*prefix, sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1", *args]
        self._env = {key: value for key, value in os.environ.items() if not key.startswith("COG_")}
        self._env.update(PORT=str(self.port), PYTHONPATH=str(ROOT), TMPDIR=str(self.tmp), PYTHONDONTWRITEBYTECODE="1")
        self._env.update(env or {})
        self._cwd = self.directory
        if beside_runtime:  # as the local engine starts it
            self._cwd = ROOT
            self._env["COG_MODEL_DIR"] = str(self.directory)

    def __enter__(self) -> "Server":
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                self._argv,
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self._pass_fds,
            )
        if self._wait:
            try:
                self.wait_health("READY", "SETUP_FAILED", "BUSY")
            except BaseException:
                self.__exit__(None)
                raise
        return self

    def __exit__(self, kind: Any, *rest: Any) -> None:
        family = self.family()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if kind is None:
            wait_until(lambda: not [pid for pid in family if alive(pid)], "processes of the server survive it")

    # -- talking

    def request(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        headers: Optional[Dict[str, str]] = None,
        body: Optional[bytes] = None,
        timeout: float = PATIENCE,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            sent = dict(headers or {})
            if document is not None:
                body = json.dumps(document).encode()
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            data = response.read()
            return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, data)
        finally:
            connection.close()

    def predict(self, timeout: float = PATIENCE, **values: Any) -> Any:
        """The object of a synchronous prediction."""
        answer = self.request("POST", "/predictions", {"input": values}, timeout=timeout)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json

    def start(self, id: str, document: Optional[Dict[str, Any]] = None, **values: Any) -> Answer:
        """Start an asynchronous prediction with that id."""
        return self.request(
            "PUT", "/predictions/" + id, {"input": values, **(document or {})}, headers={"Prefer": "respond-async"}
        )

    def health(self) -> str:
        return str(self.request("GET", "/health-check").json["status"])

    def wait_health(self, *wanted: str) -> str:
        found = ""

        def there() -> bool:
            nonlocal found
            if self.process.poll() is not None:
                raise AssertionError("the server ended with %s:\n%s" % (self.process.returncode, self.log()))
            try:
                found = self.health()
            except OSError:
                return False
            return found in wanted

        wait_until(there, "health never became %s" % (wanted,))
        return found

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    # -- looking at it from outside

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        return self.process.wait(timeout)

    def workers(self) -> List[int]:
        return children(self.process.pid)

    def family(self) -> List[int]:
        found = []
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += children(pid)
        return found

    def temporary_files(self) -> List[str]:
        return sorted(name for name in os.listdir(self.tmp))


def children(pid: int) -> List[int]:
    found: List[int] = []
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:  # it has ended
        return found
    for task in tasks:
        try:
            with open("/proc/%d/task/%s/children" % (pid, task)) as file:
                found += [int(word) for word in file.read().split()]
        except OSError:  # this thread has ended meanwhile
            continue
    return found


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Any, complaint: str, timeout: float = PATIENCE) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(complaint)
        time.sleep(0.01)

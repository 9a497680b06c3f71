"""What models do to a server. After each: health is right, the next prediction works, nothing is left behind."""

from __future__ import annotations

import glob
import http.client
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from files_peer import Peer
from serving import Server, alive, wait_until

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")

MODEL = """
import ctypes, os, resource, select, signal, subprocess, sys, threading, time
from typing import Any
from cog import BasePredictor

class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no text")
    __repr__ = __str__

class Predictor(BasePredictor):
    def predict(self, how: str = "ok", n: int = 1) -> Any:
        if how == "ok":
            return "fine"
        print("about to", how)
        if how == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "SIGSEGV":
            ctypes.string_at(0)
        if how == "os._exit":
            os._exit(7)
        if how == "sys.exit":
            sys.exit(3)
        if how == "memory":
            resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
            return len(bytearray(4 << 30))
        if how == "fork":
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            return "forked"
        if how == "orphan and die":
            subprocess.Popen(["sleep", "60"])
            os._exit(1)
        if how == "thread":
            threading.Thread(target=time.sleep, args=(60,), daemon=False).start()
            return "left running"
        if how == "flood":
            line = "x" * 1023 + "\\n"
            for _ in range(n << 10):
                sys.stdout.write(line)
            return "flooded"
        if how == "long line":
            sys.stdout.write("y" * (n << 20))
            return "one line"
        if how == "close stdout":
            os.close(1)
            os.close(2)
            return "closed"
        if how == "unspeakable":
            raise Unspeakable()
        if how == "unencodable":
            return threading.Lock()
        if how == "recursion":
            value = []
            value.append(value)
            return value
        if how == "close everything":
            os.closerange(3, 64)
            return "gone"
        if how == "wait":
            select.select([], [], [], n)  # libfaketime's own sleep fails when its clock goes back
            return "waited"
        if how == "thread dies":
            threading.Thread(target=lambda: 1 / 0).start()
            return "noise"
"""

DEADLY = {
    "SIGKILL": ("(exitcode -9)", "SIGKILL"),
    "SIGSEGV": ("(exitcode -11)", "SIGSEGV"),
    "os._exit": ("(exitcode 7)", "about to os._exit"),
    "sys.exit": ("(exitcode 3)", "about to sys.exit"),
    "orphan and die": ("(exitcode 1)", "about to orphan and die"),
    "close everything": ("(exitcode", "Bad file descriptor"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("faults"), MODEL) as running:
        yield running


def works_again(server: Server) -> None:
    server.wait_health("READY")
    document = server.predict()
    assert (document["status"], document["output"]) == ("succeeded", "fine")
    wait_until(lambda: server.temporary_files() == [], "a file is left")


@pytest.mark.parametrize("how", list(DEADLY))
def test_a_worker_that_dies_fails_its_prediction_with_a_report_and_is_replaced(server, how):
    family = set(server.family())
    document = server.predict(how=how)
    assert (document["status"], document["output"]) == ("failed", None)
    for word in DEADLY[how] + ("failed for an unknown reason",):
        assert word in document["error"]
    works_again(server)
    wait_until(lambda: not [pid for pid in family - {server.process.pid} if alive(pid)], "the dead left somebody behind")


@pytest.mark.parametrize(
    "how, status, output",
    [
        ("memory", "failed", None),
        ("fork", "succeeded", "forked"),
        ("thread", "succeeded", "left running"),
        ("close stdout", "succeeded", "closed"),
        ("unspeakable", "failed", None),
        ("unencodable", "failed", None),
        ("recursion", "failed", None),
        ("thread dies", "succeeded", "noise"),
    ],
)
def test_a_fault_inside_the_model_stays_inside_the_prediction(tmp_path, how, status, output):
    with Server(tmp_path, MODEL) as own:
        worker = own.workers()
        document = own.predict(how=how)
        assert (document["status"], document["output"]) == (status, output)
        assert (document["error"] is None) is (status == "succeeded")
        if how == "memory":
            return  # the limit stays with that worker
        works_again(own)
        assert own.workers() == worker


@pytest.mark.parametrize("megabytes", [64, pytest.param(1024, marks=pytest.mark.heavy)])
def test_a_flood_of_log_output_keeps_the_first_and_the_last(tmp_path, megabytes):
    with Server(tmp_path, MODEL, args=("--max-log-bytes", "1000000")) as own:
        document = own.predict(how="flood", n=megabytes, timeout=200)
        assert document["output"] == "flooded"
        assert document["logs"].startswith("about to flood\n")
        assert "characters of log left out" in document["logs"]
        assert document["logs"].endswith("x" * 1023 + "\n")
        assert len(document["logs"]) < 1100000
        assert memory_peak(own) < 200 << 20
        works_again(own)
        # Every byte of it went on to our own output, too.
        flood = own.log_path.stat().st_size - (megabytes << 20)
        assert 0 < flood < 10000
    own.log_path.unlink()


NOBODY_READS = """
import os, sys
read, write = os.pipe()
os.dup2(write, 1)
os.dup2(write, 2)
if sys.argv[1] == "gone":
    os.close(read)
else:
    os.set_inheritable(read, True)
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("reader", ["gone", "stopped"])
def test_nobody_who_reads_our_output_stops_no_prediction(tmp_path, reader):
    with Server(tmp_path, MODEL, prefix=(sys.executable, "-c", NOBODY_READS, reader)) as own:
        document = own.predict(how="flood", n=3)
        assert document["logs"] == "about to flood\n" + ("x" * 1023 + "\n") * (3 << 10)
        works_again(own)


def memory_peak(server: Server) -> int:
    """Bytes that the server's own process held at most."""
    status = Path("/proc/%d/status" % server.process.pid).read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


@pytest.mark.parametrize("megabytes", [20, 100])
def test_a_line_of_many_megabytes_is_one_line(tmp_path, megabytes):
    with Server(tmp_path, MODEL, args=("--max-log-bytes", str(128 << 20))) as own:
        document = own.predict(how="long line", n=megabytes, timeout=200)
        assert document["logs"] == "about to long line\n" + "y" * (megabytes << 20) + "\n"
        works_again(own)


@pytest.mark.skipif(not FAKETIME, reason="libfaketime (Debian's package faketime) is not installed")
def test_a_clock_that_is_set_back_changes_only_the_dates(tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    changes = {
        "LD_PRELOAD": FAKETIME[0],
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    with Peer() as peer, Server(tmp_path, MODEL, env=changes, args=("--predict-timeout", "20")) as own:
        kept = http.client.HTTPConnection("127.0.0.1", own.port, timeout=30)
        kept.request("GET", "/livez")
        assert kept.getresponse().read() == b'{"status":"READY"}'
        own.start("a", {"webhook": peer.url + "/hook", "webhook_events_filter": ["completed"]}, how="wait", n=1)
        clock.write_text("-1d")
        peer.wait_for(1)
        ended = json.loads(peer.requests[0].body)
        assert (ended["status"], ended["output"]) == ("succeeded", "waited")
        assert ended["completed_at"] < ended["started_at"]
        assert 0 < ended["metrics"]["predict_time"] < 20
        kept.request("GET", "/livez")
        assert kept.getresponse().read() == b'{"status":"READY"}'
        kept.close()
        works_again(own)
        (worker,) = own.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: own.workers() not in ([], [worker]), "no new worker")
        works_again(own)


def test_a_worker_killed_between_predictions_is_replaced(server):
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: server.workers() not in ([], [worker]), "no new worker")
    works_again(server)


def test_three_deaths_in_a_row_end_the_server_with_1(tmp_path):
    with Server(tmp_path, MODEL) as own:
        for _ in range(3):
            own.wait_health("READY")
            assert own.predict(how="os._exit")["status"] == "failed"
        assert own.wait_exit() == 1


def test_or_leave_it_defunct_when_it_must_not_end(tmp_path):
    with Server(tmp_path, MODEL, args=("--await-explicit-shutdown",)) as own:
        for _ in range(3):
            own.wait_health("READY")
            own.predict(how="os._exit")
        own.wait_health("DEFUNCT")
        assert own.request("GET", "/livez").status == 503
        assert own.request("POST", "/predictions", {"input": {}}).status == 503
        assert own.request("POST", "/shutdown").json == {}
        assert own.wait_exit() == 0


def test_a_success_between_deaths_forgives_them(tmp_path):
    with Server(tmp_path, MODEL) as own:
        for _ in range(5):
            own.wait_health("READY")
            own.predict(how="os._exit")
            works_again(own)


def test_on_crash_exit_stops_at_the_first_death(tmp_path):
    with Server(tmp_path, MODEL, env={"COG_ON_CRASH": "exit"}) as own:
        assert own.predict(how="SIGKILL")["status"] == "failed"
        assert own.wait_exit() == 0


def test_a_server_that_is_killed_takes_its_worker_with_it(tmp_path):
    with Server(tmp_path, MODEL) as own:
        family = own.family()
        own.process.kill()
        own.process.wait()
        wait_until(lambda: not [pid for pid in family if alive(pid)], "the worker survives its server")


def test_a_prediction_that_takes_too_long_fails_and_says_which_limit(tmp_path):
    model = """
    import time
    class Predictor:
        def predict(self, seconds: float = 0.0) -> str:
            time.sleep(seconds)
            return "done"
    """
    with Server(tmp_path, model, args=("--predict-timeout", "1")) as own:
        document = own.predict(seconds=30.0)
        assert document["status"] == "failed"
        assert document["error"] == "The prediction took longer than 1 s (--predict-timeout) and was stopped"
        assert own.predict()["output"] == "done"


def test_a_setup_that_takes_too_long_fails_and_says_which_limit(tmp_path):
    model = """
    import time
    class Predictor:
        def setup(self):
            print("loading")
            time.sleep(60)
        def predict(self) -> str:
            return "never"
    """
    with Server(tmp_path, model, args=("--await-explicit-shutdown",), env={"COG_SETUP_TIMEOUT": "0.5"}) as own:
        document = own.request("GET", "/health-check").json
        assert document["status"] == "SETUP_FAILED"
        assert document["setup"]["logs"].startswith("loading\n")
        assert "Setup took longer than 0.5 seconds (COG_SETUP_TIMEOUT)" in document["setup"]["logs"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_fails_the_prediction_and_leaves_no_file(tmp_path):
    import subprocess

    model = """
    from cog import Path
    class Predictor:
        def predict(self, doc: Path, n: int = 0) -> int:
            return len(doc.read_bytes())
    """
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        with Server(tmp_path, model, env={"TMPDIR": str(small)}) as own:
            document = own.predict(doc="data:text/plain;base64," + "QUJD" * 200000)
            assert document["status"] == "failed"
            assert "space" in document["error"].lower()
            assert os.listdir(small) == []
            assert own.predict(doc="data:text/plain;base64,QUJD")["output"] == 3
    finally:
        subprocess.run(["umount", str(small)], check=True)



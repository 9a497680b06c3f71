"""The server as a process: signals at every state, process 1, odd environments."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from serving import ROOT, Server, alive, free_port, wait_until

MODEL = """
import os, sys, time
from cog import BasePredictor

class Predictor(BasePredictor):
    def setup(self):
        if os.environ.get("SLOW_SETUP"):
            time.sleep(60)

    def predict(self, seconds: float = 0.0) -> str:
        open("began", "w").close()
        time.sleep(seconds)
        return "done"
"""

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, mounts and namespaces")


def test_sigterm_ends_an_idle_server_with_0(tmp_path):
    with Server(tmp_path, MODEL) as server:
        family = server.family()
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        wait_until(lambda: not [pid for pid in family if alive(pid)], "somebody survives")


def test_sigterm_during_setup_ends_the_server_and_its_worker(tmp_path):
    with Server(tmp_path, MODEL, env={"SLOW_SETUP": "1"}, wait=False) as server:
        server.wait_health("STARTING")
        family = server.family()
        assert len(family) == 2
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        wait_until(lambda: not [pid for pid in family if alive(pid)], "somebody survives")


def test_sigterm_lets_a_running_prediction_finish_and_fails_readiness_meanwhile(tmp_path):
    with Server(tmp_path, MODEL, args=("--drain-timeout", "30")) as server:
        answers = []
        body = {"input": {"seconds": 2.0}}
        thread = threading.Thread(target=lambda: answers.append(server.request("POST", "/predictions", body)))
        thread.start()
        wait_until((server.directory / "began").exists, "the prediction never began")
        assert server.request("GET", "/readyz").status == 200
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.request("GET", "/readyz").status == 503, "still ready while draining")
        assert server.request("GET", "/livez").status == 200
        assert server.request("POST", "/predictions", {"input": {}}).status == 409
        thread.join()
        assert (answers[0].status, answers[0].json["output"]) == (200, "done")
        assert server.wait_exit() == 0


def test_a_prediction_that_outlasts_the_drain_timeout_is_ended(tmp_path):
    with Server(tmp_path, MODEL, args=("--drain-timeout", "0.5")) as server:
        assert server.start("long", seconds=60.0).status == 202
        wait_until((server.directory / "began").exists, "the prediction never began")
        family = server.family()
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        wait_until(lambda: not [pid for pid in family if alive(pid)], "somebody survives")


def test_it_can_be_told_to_end_with_its_standard_input(tmp_path):
    # The test's own pipe: Server gives none.
    read, write = os.pipe()
    says = "return str('COG_STOP_WITH_STDIN' in os.environ)"
    model = "import os\nclass Predictor:\n    def predict(self) -> str:\n        %s\n" % says
    prefix = (sys.executable, "-c", "import os, sys; os.dup2(%d, 0); os.execv(sys.argv[1], sys.argv[1:])" % read)
    os.set_inheritable(read, True)
    with Server(tmp_path, model, prefix=prefix, env={"COG_STOP_WITH_STDIN": "1"}, pass_fds=(read,)) as server:
        os.close(read)
        os.write(write, b"not the end\n")
        assert server.predict()["output"] == "False"
        os.close(write)
        assert server.wait_exit() == 0


def test_a_second_signal_does_not_wait(tmp_path):
    with Server(tmp_path, MODEL, args=("--drain-timeout", "600")) as server:
        assert server.start("long", seconds=60.0).status == 202
        wait_until((server.directory / "began").exists, "the prediction never began")
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.request("GET", "/readyz").status == 503, "not draining")
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0


def test_shutdown_by_http_answers_and_stops(tmp_path):
    with Server(tmp_path, MODEL) as server:
        answer = server.request("POST", "/shutdown")
        assert (answer.status, answer.json) == (200, {})
        assert server.wait_exit() == 0


@pytest.mark.parametrize(
    "flags, complaint",
    [
        (("--no-such-flag",), "unrecognized argument: --no-such-flag"),
        (("--threads", "0"), "--threads"),
        (("--threads", "many"), "--threads"),
        (("--x-mode", "other"), "--x-mode is predict or train"),
        (("--await-explicit-shutdown=maybe",), "true or false"),
        (("--upload-url",), "--upload-url needs a value"),
        (("--max-body-size", "64 parsecs"), "--max-body-size: '64 parsecs' is not a valid number"),
        (("surplus",), "unrecognized argument: surplus"),
    ],
)
def test_bad_flags_end_it_with_2_and_say_which(tmp_path, flags, complaint):
    server = Server(tmp_path, MODEL, args=flags, wait=False)
    found = subprocess.run(server._argv, cwd=server.directory, env=server._env, capture_output=True, text=True, timeout=30)
    assert found.returncode == 2
    assert complaint in found.stderr
    assert found.stdout == ""


def test_a_port_in_use_ends_it_with_1_and_leaves_no_worker(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server(tmp_path, MODEL, env={"PORT": str(port)}, wait=False)
        found = subprocess.run(server._argv, cwd=server.directory, env=server._env, capture_output=True, text=True, timeout=30)
    assert (found.returncode, found.stderr) == (1, "Port %d is already in use\n" % port)


@NEEDS_ROOT
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_as_process_1_it_reaps_orphans_and_obeys_signals(tmp_path):
    model = """
    import os, subprocess
    class Predictor:
        def predict(self, n: int = 5) -> str:
            # A grandchild whose parent ends at once belongs to process 1.
            for _ in range(n):
                subprocess.run(["sh", "-c", "sleep 0.05 & exit 0"])
            return str(os.getppid())
    """
    prefix = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    with Server(tmp_path, model, prefix=prefix) as server:
        assert server.predict()["output"] == "1"
        (init,) = server.workers()

        def zombies():
            found = []
            for name in os.listdir("/proc"):
                if name.isdigit():
                    try:
                        fields = Path("/proc/%s/stat" % name).read_text().rpartition(")")[2].split()
                    except OSError:
                        continue
                    if fields[0] == "Z" and int(fields[1]) == init:
                        found.append(int(name))
            return found

        wait_until(lambda: not zombies(), "process 1 leaves zombies")
        os.kill(init, signal.SIGTERM)
        assert server.wait_exit() == 0


@NEEDS_ROOT
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_it_serves_as_any_user_on_a_read_only_file_system_without_shared_memory(tmp_path):
    model_dir = tmp_path / "m"
    model_dir.mkdir()
    (model_dir / "cog.yaml").write_text('predict: "predict.py:Predictor"\n')
    (model_dir / "predict.py").write_text(
        "from cog import BasePredictor, Path\nclass Predictor(BasePredictor):\n"
        "    def predict(self, doc: Path) -> str:\n        return doc.read_text()\n"
    )
    port = free_port()
    as_nobody = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "env"]
    pythons = [os.path.realpath(sys.executable), "/usr/bin/python3"]
    pythons = [one for one in pythons if os.path.exists(one) and not subprocess.run([*as_nobody, one, "-c", ""]).returncode]
    if not pythons:
        pytest.skip("another user may not run any Python of this machine")
    script = """
    set -e
    mount -t tmpfs -o mode=755 tmpfs /mnt
    mkdir /mnt/runtime /mnt/tmp
    cp -r %(model)s /mnt/model
    cp -r %(runtime)s/cog /mnt/runtime/cog
    chmod -R a+rX /mnt
    mount -t tmpfs -o size=8m,mode=1777 tmpfs /mnt/tmp
    umount -l /dev/shm 2>/dev/null || true
    mount -o remount,ro /mnt
    cd /mnt/model
    exec %(nobody)s -i PATH=/usr/bin:/bin PORT=%(port)d TMPDIR=/mnt/tmp PYTHONPATH=/mnt/runtime \
      %(python)s -m cog.server.http --host 127.0.0.1
    """ % {
        "port": port,
        "model": model_dir,
        "runtime": ROOT,
        "python": pythons[0],
        "nobody": " ".join(as_nobody),
    }
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=log, stderr=log)
    try:
        body = json.dumps({"input": {"doc": "data:text/plain;base64,aGk="}})

        def answered():
            assert process.poll() is None, (tmp_path / "log").read_text()
            import http.client

            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("POST", "/predictions", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                return response.status == 200 and json.loads(response.read())["output"] == "hi"
            except OSError:
                return False
            finally:
                connection.close()

        wait_until(answered, "no prediction")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_sizes_may_have_units(tmp_path):
    with Server(tmp_path, MODEL, args=("--max-body-size", "2K")) as server:
        assert server.predict()["output"] == "done"
        assert server.request("POST", "/predictions", {"input": {}, "pad": "x" * 3000}).status == 413


def test_it_serves_ipv6_alone(tmp_path):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with Server(tmp_path, MODEL, args=("--host", "::1"), wait=False) as server:
        import http.client

        def ready():
            connection = http.client.HTTPConnection("::1", server.port, timeout=10)
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except OSError:
                return False
            finally:
                connection.close()

        wait_until(ready, "no answer over IPv6")


def test_it_serves_with_64_file_descriptors(tmp_path):
    prefix = ("sh", "-c", 'ulimit -n 64; exec "$@"', "sh")
    with Server(tmp_path, MODEL, prefix=prefix) as server:
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
        try:
            assert server.predict()["output"] == "done"
        finally:
            for sock in held:
                sock.close()
        assert server.predict()["output"] == "done"


def test_at_rest_it_is_two_processes_with_at_most_five_threads(tmp_path):
    with Server(tmp_path, MODEL) as server:
        server.predict()
        family = server.family()
        assert len(family) == 2
        # Threads of closed connections stay for a moment, to serve the next.
        wait_until(
            lambda: sum(len(os.listdir("/proc/%d/task" % pid)) for pid in family) <= 5, "more than five threads at rest"
        )


def test_descriptors_threads_and_files_return_to_where_they_were(tmp_path):
    with Server(tmp_path, MODEL) as server:
        server.predict()

        def held():
            return [
                len(os.listdir("/proc/%d/%s" % (pid, kind))) for pid in server.family() for kind in ("fd", "task")
            ]

        before = held()
        for number in range(30):
            server.predict()
            server.start("n%d" % number, seconds=30.0)
            server.request("POST", "/predictions/n%d/cancel" % number)
            server.wait_health("READY")
        wait_until(lambda: all(now <= then for now, then in zip(held(), before)), "more than before: %s" % before)
        assert server.temporary_files() == []

"""Cancelation, wherever the model happens to be."""

from __future__ import annotations

import json
import os
import signal
import socket

import pytest
from serving import Server, children, wait_until

MODEL = """
import os, subprocess, sys, time
from typing import Any
from cog import BasePredictor
from cog.server.exceptions import CancelationException

class Predictor(BasePredictor):
    def predict(self, how: str = "ok") -> Any:
        if how == "ok":
            return "fine"
        if how == "gil-free C":
            import hashlib, threading
            threading.Timer(0.3, lambda: open(how + ".began", "w").close()).start()
            hashlib.pbkdf2_hmac("sha256", b"x", b"y", 200000000)
        if how == "subprocess":
            # The child says so itself, a moment after run() has it: a signal inside Popen() would lose the child.
            subprocess.run(["sh", "-c", "sleep 0.3; touch subprocess.began; exec sleep 60"])
        open(how + ".began", "w").close()
        if how == "sleep":
            time.sleep(60)
        if how == "loop":
            while True:
                pass
        if how == "except Exception":
            try:
                time.sleep(60)
            except Exception:
                return "swallowed by mistake"
        if how == "swallow for good":
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    pass
        if how == "clean up":
            try:
                time.sleep(60)
            except CancelationException:
                time.sleep(0.2)
                open("cleaned", "w").close()
                raise
"""


@pytest.mark.parametrize("how", ["sleep", "loop", "subprocess", "except Exception", "clean up"])
def test_a_canceled_model_stops_and_the_same_worker_serves_on(tmp_path, how):
    with Server(tmp_path, MODEL) as server:
        worker = server.workers()
        assert server.start("c", how=how).status == 202
        wait_until((server.directory / (how + ".began")).exists, "the model never began")
        wait_until(lambda: bool(children(worker[0])) is (how == "subprocess"), "the model's child never began")
        assert server.request("POST", "/predictions/c/cancel").json == {}
        server.wait_health("READY")
        assert server.predict()["output"] == "fine"
        assert server.workers() == worker
        assert (server.directory / "cleaned").exists() is (how == "clean up")
        wait_until(lambda: not children(worker[0]), "a child of the model survives")


@pytest.mark.parametrize("how", ["swallow for good", "gil-free C"])
def test_a_model_that_does_not_end_in_time_is_killed_and_replaced(tmp_path, how):
    with Server(tmp_path, MODEL, args=("--cancel-grace", "1")) as server:
        worker = server.workers()
        assert server.start("c", how=how).status == 202
        wait_until((server.directory / (how + ".began")).exists, "the model never began")
        server.request("POST", "/predictions/c/cancel")
        wait_until(lambda: server.workers() not in ([], worker), "the worker was not replaced")
        server.wait_health("READY")
        assert server.predict()["output"] == "fine"
        wait_until(lambda: '"message": "prediction canceled"' in server.log(), "the log does not say so")


def test_a_synchronous_answer_says_canceled(tmp_path):
    import threading

    with Server(tmp_path, MODEL) as server:
        answers = []
        request = {"id": "s", "input": {"how": "sleep"}}
        thread = threading.Thread(target=lambda: answers.append(server.request("POST", "/predictions", request)))
        thread.start()
        wait_until((server.directory / "sleep.began").exists, "the model never began")
        assert server.request("POST", "/predictions/s/cancel").status == 200
        thread.join()
        assert (answers[0].status, answers[0].json["status"], answers[0].json["error"]) == (200, "canceled", None)


def hang_up_during_a_prediction(server: Server) -> None:
    body = json.dumps({"input": {"how": "sleep"}}).encode()
    head = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(head % len(body) + body)
        wait_until((server.directory / "sleep.began").exists, "the model never began")


def test_a_client_that_hangs_up_cancels_its_prediction(tmp_path):
    with Server(tmp_path, MODEL) as server:
        hang_up_during_a_prediction(server)
        server.wait_health("READY")
        assert server.predict()["output"] == "fine"


def test_unless_the_server_was_told_to_go_on(tmp_path):
    with Server(tmp_path, MODEL, args=("--no-cancel-on-disconnect",)) as server:
        hang_up_during_a_prediction(server)
        assert server.request("GET", "/livez").status == 200
        assert server.health() == "BUSY"


def test_what_is_over_or_unknown_cannot_be_canceled(tmp_path):
    with Server(tmp_path, MODEL) as server:
        assert server.request("PUT", "/predictions/done", {"input": {}}).status == 200
        for id in ("done", "never"):
            answer = server.request("POST", "/predictions/%s/cancel" % id)
            assert (answer.status, answer.json) == (404, {})


def test_a_cancel_that_comes_as_the_prediction_ends_never_hits_the_next(tmp_path):
    model = """
    class Predictor:
        def predict(self, n: int = 0) -> int:
            return n
    """
    with Server(tmp_path, model) as server:
        worker = server.workers()
        for number in range(150):
            assert server.start("c%d" % number, n=number).status == 202
            server.request("POST", "/predictions/c%d/cancel" % number)
            server.wait_health("READY")
            assert server.predict(n=number)["output"] == number
        assert server.workers() == worker


def test_a_signal_from_elsewhere_does_not_end_an_idle_worker(tmp_path):
    with Server(tmp_path, MODEL) as server:
        for number in (signal.SIGUSR1, signal.SIGINT):
            os.kill(server.workers()[0], number)
        assert server.predict()["output"] == "fine"


ASYNC = """
import asyncio
from cog import BasePredictor

class Predictor(BasePredictor):
    async def setup(self):
        await asyncio.sleep(0)

    async def predict(self, seconds: float = 0.0, text: str = "t") -> str:
        print("begin " + text)
        try:
            await asyncio.sleep(seconds)
        finally:
            print("end " + text)
        return text
"""


def test_async_predictions_share_a_worker_and_are_canceled_one_by_one(tmp_path):
    yaml = 'predict: "predict.py:Predictor"\nconcurrency:\n  max: 3\n'
    with Server(tmp_path, ASYNC, yaml=yaml) as server:
        for name in "abc":
            assert server.start(name, seconds=30.0, text=name).status == 202
        assert server.health() == "BUSY"
        wait_until(lambda: server.start("b").json["logs"] == "begin b\n", "b never began")
        assert server.request("POST", "/predictions/b/cancel").status == 200
        server.wait_health("READY")
        assert server.predict(text="new")["logs"] == "begin new\nend new\n"
        for name in "ac":
            assert server.request("POST", "/predictions/%s/cancel" % name).status == 200
        wait_until(lambda: server.log().count("prediction canceled") == 3, "not all were canceled")
        assert len(server.workers()) == 1


class Silent:
    """A server that takes connections and never answers."""

    def __enter__(self) -> str:
        self.sock = socket.create_server(("127.0.0.1", 0))
        return "http://127.0.0.1:%d" % self.sock.getsockname()[1]

    def __exit__(self, *rest: object) -> None:
        self.sock.close()


FILES = """
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, doc: Path = None, out: bool = False) -> Path:
        if doc is not None:
            doc.read_bytes()
        path = Path("result.txt")
        path.write_text("result")
        return path
"""


def test_a_download_is_canceled_at_once_and_leaves_no_file(tmp_path):
    with Silent() as silent, Server(tmp_path, FILES) as server:
        worker = server.workers()
        assert server.start("d", doc=silent + "/file.bin").status == 202
        assert server.health() == "BUSY"
        assert server.request("POST", "/predictions/d/cancel").status == 200
        server.wait_health("READY")
        wait_until(lambda: '"message": "prediction canceled"' in server.log(), "the log does not say so")
        wait_until(lambda: server.temporary_files() == [], "a file is left")
        assert server.workers() == worker


def test_a_client_that_hangs_up_during_a_download_cancels_it(tmp_path):
    with Silent() as silent, Server(tmp_path, FILES) as server:
        body = json.dumps({"input": {"doc": silent + "/file.bin"}}).encode()
        head = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(head % len(body) + body)
            server.wait_health("BUSY")
        server.wait_health("READY")


def test_an_upload_is_canceled_at_once_and_leaves_no_file(tmp_path):
    with Silent() as silent, Server(tmp_path, FILES, args=("--upload-url", silent + "/up")) as server:
        assert server.start("u", out=True).status == 202
        wait_until((server.directory / "result.txt").exists, "the model never ended")
        assert server.request("POST", "/predictions/u/cancel").status == 200
        server.wait_health("READY")
        wait_until(lambda: '"message": "prediction canceled"' in server.log(), "the log does not say so")
        wait_until(lambda: server.temporary_files() == [], "a file is left")


def test_a_silent_webhook_receiver_holds_up_neither_slot_nor_cancel_nor_answer(tmp_path):
    with Silent() as silent, Server(tmp_path, MODEL) as server:
        hook = {"webhook": silent + "/hook"}
        for number in range(3):
            assert server.request("POST", "/predictions", {"input": {}, **hook}).json["output"] == "fine"
        assert server.start("w", hook, how="sleep").status == 202
        wait_until((server.directory / "sleep.began").exists, "the model never began")
        assert server.request("POST", "/predictions/w/cancel").status == 200
        server.wait_health("READY")
        assert server.predict()["output"] == "fine"

"""Predictions over HTTP on a real server with a real worker."""

from __future__ import annotations

import threading

from serving import Server, wait_until

MODEL = """
import os, sys, time
from typing import Iterator
from cog import BasePredictor

class Predictor(BasePredictor):
    def setup(self):
        print("warming up")
        self.count = 0

    def predict(self, text: str = "hi", seconds: float = 0.0) -> str:
        self.count += 1
        if text == "fail":
            raise ValueError("went wrong")
        if seconds:
            print("begin", text)
            time.sleep(seconds)
        return "%s %d" % (text, self.count)
"""


def test_a_synchronous_prediction_answers_with_the_whole_object(tmp_path):
    with Server(tmp_path, MODEL) as server:
        answer = server.request("POST", "/predictions", {"id": "a", "input": {"text": "yes"}})
        document = answer.json
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        for moment in ("started_at", "completed_at"):
            assert document.pop(moment).endswith("+00:00")
        assert document.pop("metrics")["predict_time"] < 30
        assert document == {
            "input": {"text": "yes", "seconds": 0.0},
            "output": "yes 1",
            "id": "a",
            "version": None,
            "created_at": None,
            "logs": "",
            "error": None,
            "status": "succeeded",
        }


def test_a_failure_is_an_answer_with_the_traceback_in_its_logs_and_the_model_lives_on(tmp_path):
    with Server(tmp_path, MODEL) as server:
        document = server.predict(text="fail")
        assert (document["status"], document["error"], document["output"]) == ("failed", "went wrong", None)
        lines = document["logs"].splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == "ValueError: went wrong"
        assert "runtime_stdlib" not in document["logs"]
        assert server.predict(text="next")["output"] == "next 2"


def test_one_at_a_time_and_never_refused_right_after_an_answer(tmp_path):
    with Server(tmp_path, MODEL) as server:
        assert server.start("long", seconds=5.0).status == 202
        busy = server.request("POST", "/predictions", {"input": {}})
        assert (busy.status, busy.json) == (409, {"detail": "Already running a prediction"})
        assert server.health() == "BUSY"
        assert server.request("POST", "/predictions/long/cancel").status == 200
        server.wait_health("READY")
        for number in range(200):
            assert server.request("POST", "/predictions", {"input": {}}).status == 200, number


def test_the_same_id_put_a_hundred_times_at_once_runs_once(tmp_path):
    with Server(tmp_path, MODEL) as server:
        statuses = []

        def put():
            statuses.append(server.request("PUT", "/predictions/same", {"input": {"text": "x", "seconds": 1.5}}).status)

        threads = [threading.Thread(target=put) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] + [202] * 99
        assert server.predict(text="after")["output"] == "after 2"


def test_several_workers_run_that_many_predictions_at_a_time(tmp_path):
    with Server(tmp_path, MODEL, args=("--threads", "3")) as server:
        assert len(server.workers()) == 3
        for name in "abc":
            assert server.start(name, seconds=5.0).status == 202
        assert server.health() == "BUSY"
        assert server.start("d").status == 409
        for name in "abc":
            assert server.request("POST", "/predictions/%s/cancel" % name).status == 200
        server.wait_health("READY")


ITERATOR = """
import time
from typing import Iterator

class Predictor:
    def predict(self, n: int = 3, gap: float = 0.0, fail: bool = False) -> Iterator[str]:
        for i in range(n):
            print("step", i)
            yield "item %d" % i
            time.sleep(gap)
        if fail:
            raise RuntimeError("midway")
"""


def test_an_iterator_gives_all_its_items_in_order(tmp_path):
    with Server(tmp_path, ITERATOR) as server:
        document = server.predict(n=20000)
        assert document["output"] == ["item %d" % number for number in range(20000)]
        assert document["logs"] == "".join("step %d\n" % number for number in range(20000))


def test_an_iterator_that_fails_keeps_what_it_had(tmp_path):
    with Server(tmp_path, ITERATOR) as server:
        document = server.predict(n=2, fail=True)
        assert (document["status"], document["output"], document["error"]) == ("failed", ["item 0", "item 1"], "midway")


def test_items_are_visible_while_the_model_works_on_the_next(tmp_path):
    with Server(tmp_path, ITERATOR) as server:
        assert server.start("it", n=3, gap=8.0).status == 202
        wait_until(lambda: server.start("it").json["output"] == ["item 0"], "the first item never showed")
        server.request("POST", "/predictions/it/cancel")
        server.wait_health("READY")


FILES = """
import os, tempfile
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, mode: str) -> Path:
        if mode == "fixed":
            path = Path("fixed.txt")
        else:
            path = Path(tempfile.mkdtemp()) / "out.bin"
        path.write_bytes(mode.encode() * 1000)
        return path
"""


def test_files_come_as_data_urls_and_only_temporary_ones_are_deleted(tmp_path):
    import base64

    with Server(tmp_path, FILES) as server:
        for mode, media in (("fixed", "text/plain"), ("temporary", "application/octet-stream")):
            url = server.predict(mode=mode)["output"]
            head, _, data = url.partition(",")
            assert head == "data:%s;base64" % media
            assert base64.b64decode(data) == mode.encode() * 1000
        assert (server.directory / "fixed.txt").exists()

        def files():
            return [name for name in server.temporary_files() if (server.tmp / name).is_file()]

        wait_until(lambda: files() == [], "a file is left when the answer is out")


def test_trainings_run_beside_predictions_with_their_own_function(tmp_path):
    yaml = 'predict: "predict.py:Predictor"\ntrain: "train.py:train"\n'
    files = {"train.py": "def train(n: int = 2) -> str:\n    return 'w' * n\n"}
    with Server(tmp_path, MODEL, yaml=yaml, files=files) as server:
        assert server.request("POST", "/trainings", {"input": {"n": 4}}).json["output"] == "wwww"
        assert server.predict(text="p")["output"] == "p 1"
        assert server.request("PUT", "/trainings/t1", {"input": {}}).json["output"] == "ww"


def test_model_files_named_like_the_standard_library_do_no_harm(tmp_path):
    files = {
        name: "raise SystemExit('%s was imported instead of the standard library')\n" % name
        for name in ("queue.py", "types.py", "http.py", "json.py", "random.py", "typing.py", "socket.py", "signal.py")
    }
    with Server(tmp_path, MODEL, files=files, beside_runtime=True) as server:
        assert server.predict(text="fine")["output"] == "fine 1"


def test_packages_that_a_platform_mounts_are_found_by_the_model_and_its_children(tmp_path):
    site = tmp_path / "mounted/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    (site / "mounted_package.py").write_text("WORD = 'found'\n")
    model = """
    import subprocess, sys
    import mounted_package

    class Predictor:
        def predict(self) -> str:
            code = "import mounted_package; print(mounted_package.WORD)"
            return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True).stdout
    """
    env = {"COG_PYENV_PATH": str(tmp_path / "mounted"), "R8_PYTHON_VERSION": "3.11"}
    with Server(tmp_path, model, env=env) as server:
        assert server.predict()["output"] == "found\n"


def test_the_file_to_wait_for_is_waited_for(tmp_path):
    model = "class Predictor:\n    def predict(self) -> str:\n        return open('late.txt').read()\n"
    flag = tmp_path / "there"
    with Server(tmp_path, "", env={"COG_WAIT_FILE": str(flag)}, wait=False) as server:
        (server.directory / "predict.py").write_text(model)
        (server.directory / "late.txt").write_text("late")
        flag.touch()
        server.wait_health("READY")
        assert server.predict()["output"] == "late"


def test_processes_that_a_model_starts_with_multiprocessing_work(tmp_path):
    model = """
    import multiprocessing
    from typing import List

    def double(n):
        return 2 * n

    class Predictor:
        def setup(self):
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                self.numbers = pool.map(double, [1, 2, 3])

        def predict(self, n: int = 4) -> List[int]:
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return self.numbers + pool.map(double, [n])
    """
    with Server(tmp_path, model) as server:
        assert server.predict()["output"] == [2, 4, 6, 8]


def test_metrics_that_json_cannot_say_do_no_harm(tmp_path):
    model = """
    from cog import BasePredictor, current_scope

    class Predictor(BasePredictor):
        def predict(self, how: str = "fine") -> str:
            if how != "fine":
                current_scope().record_metric("score", float(how))
            return "x"
    """
    with Server(tmp_path, model) as server:
        for how in ("nan", "inf", "0.5"):
            document = server.predict(how=how)
            assert document["status"] == "succeeded"
            assert document["metrics"]["score"] == (0.5 if how == "0.5" else None)
        assert server.predict()["output"] == "x"


def test_an_item_that_does_not_fit_its_annotation_is_a_500_for_a_synchronous_client(tmp_path):
    model = """
    from typing import Iterator

    class Predictor:
        def predict(self, good: bool = True) -> Iterator[int]:
            yield 1
            yield 2 if good else {"a": 1}
    """
    with Server(tmp_path, model) as server:
        assert server.predict()["output"] == [1, 2]
        answer = server.request("POST", "/predictions", {"input": {"good": False}})
        assert answer.status == 500
        assert "output" in answer.json["detail"]


def test_weights_for_a_model_without_a_setup_of_its_own_are_no_problem(tmp_path):
    model = """
    from cog import BasePredictor

    class Predictor(BasePredictor):
        def predict(self) -> str:
            return "fine"
    """
    with Server(tmp_path, model, env={"COG_WEIGHTS": "weights.tar"}) as server:
        assert server.predict()["output"] == "fine"

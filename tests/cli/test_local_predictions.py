"""Predictions without Docker: the result on standard output, everything else on standard error."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path

from conftest import Cog

FILES = """\
import tempfile
from typing import List

from cog import BasePredictor, Path


class Predictor(BasePredictor):
    def predict(self, file: Path, many: bool = False) -> List[Path]:
        made = []
        for n in range(2):
            path = Path(tempfile.mkdtemp()) / f"{n}.txt"
            path.write_text(f"{n}: {file.read_text()}")
            made.append(path)
        return made
"""
ONE_FILE = """\
import tempfile

from cog import BasePredictor, Path


class Predictor(BasePredictor):
    def predict(self, file: Path) -> Path:
        path = Path(tempfile.mkdtemp()) / "o.txt"
        path.write_text(file.read_text().upper())
        return path
"""


def test_a_text_goes_to_standard_output_and_nothing_else(cog: Cog) -> None:
    ended = cog("predict", "-i", "text=ab", "-i", "n=2")
    assert (ended.status, ended.stdout) == (0, "abab\n"), ended
    assert ended.stderr == "Starting the model ...\nsetting up\nRunning the prediction ...\npredicting\n"
    assert cog.leftovers() == []


def test_a_text_may_go_to_a_file(tool: Cog) -> None:
    ended = tool("predict", "-i", "text=ab", "-o", "out.txt")
    assert (ended.status, ended.stdout) == (0, ""), ended
    assert (tool.project / "out.txt").read_text() == "ab"
    assert ended.stderr.endswith("Written output to out.txt\n")


def test_a_file_goes_in_and_a_file_comes_out(cog: Cog) -> None:
    cog.write(predict_py=ONE_FILE, in_txt="hello")
    ended = cog("predict", "-i", "file=@in.txt")
    assert (ended.status, ended.stdout) == (0, ""), ended
    assert (cog.project / "output.txt").read_text() == "HELLO"
    assert cog.leftovers() == []


def test_a_big_file_arrives_whole(tool: Cog) -> None:
    tool.write(
        predict_py=(
            "import hashlib\nfrom cog import Path\n"
            "class Predictor:\n    def predict(self, file: Path) -> str:\n"
            "        return hashlib.sha256(file.read_bytes()).hexdigest()\n"
        )
    )
    content = random.Random(1).randbytes(20_000_001)
    (tool.project / "in.bin").write_bytes(content)
    ended = tool("predict", "-i", "file=@in.bin")
    assert (ended.status, ended.stdout) == (0, hashlib.sha256(content).hexdigest() + "\n"), ended


def test_several_files_are_numbered(tool: Cog) -> None:
    tool.write(predict_py=FILES, in_txt="hello")
    assert tool("predict", "-i", "file=@in.txt").status == 0
    assert (tool.project / "output.0.txt").read_text() == "0: hello"
    assert (tool.project / "output.1.txt").read_text() == "1: hello"


def test_an_object_is_printed_as_json_in_the_order_of_the_model(tool: Cog) -> None:
    tool.write(
        predict_py="from typing import Any\n"
        "class Predictor:\n    def predict(self) -> Any:\n        return {'b': '<é>', 'a': [1, 0.1]}\n"
    )
    ended = tool("predict")
    assert ended.stdout == '{\n  "b": "<é>",\n  "a": [\n    1,\n    0.1\n  ]\n}\n', ended


def test_nothing_is_a_warning(tool: Cog) -> None:
    tool.write(predict_py="class Predictor:\n    def predict(self) -> str:\n        return None\n")
    ended = tool("predict")
    assert (ended.status, ended.stdout) == (0, ""), ended
    assert ended.stderr.endswith("warning: no output generated\n")


def test_a_prediction_that_fails_is_a_failure(tool: Cog) -> None:
    tool.write(
        predict_py=(
            "class Predictor:\n    def predict(self) -> str:\n"
            "        print('trying')\n        raise ValueError('no luck')\n"
        )
    )
    ended = tool("predict", "-o", "out.txt")
    assert (ended.status, ended.stdout) == (1, ""), ended
    assert "\ntrying\nTraceback (most recent call last):\n" in ended.stderr
    assert "error: prediction failed: no luck\n" in ended.stderr
    assert not (tool.project / "out.txt").exists()


def test_json_gives_the_whole_answer(tool: Cog) -> None:
    answer = json.loads(tool("predict", "--json", '{"text": "x", "n": 3}').stdout)
    assert (answer["status"], answer["output"], answer["input"]) == ("succeeded", "xxx", {"text": "x", "n": 3})


def test_json_may_come_from_standard_input_and_go_to_a_file(tool: Cog) -> None:
    ended = tool("predict", "--json", "-", "-o", "answer.json", stdin='{"text": "x"}')
    assert (ended.status, ended.stdout) == (0, ""), ended
    assert json.loads((tool.project / "answer.json").read_text())["output"] == "x"


def test_json_of_a_failure_is_printed_and_the_status_is_1(tool: Cog) -> None:
    tool.write(predict_py="class Predictor:\n    def predict(self) -> str:\n        raise ValueError('no luck')\n")
    ended = tool("predict", "--json", "{}")
    assert ended.status == 1
    assert json.loads(ended.stdout)["error"] == "no luck"


def test_files_of_a_json_answer_lie_beside_it(tool: Cog) -> None:
    tool.write(predict_py=ONE_FILE, in_txt="hello")
    ended = tool("predict", "--json", '{"file": "@in.txt"}', "-o", "answer.json")
    assert ended.status == 0, ended
    assert json.loads((tool.project / "answer.json").read_text())["output"] == "answer.txt"
    assert (tool.project / "answer.txt").read_text() == "HELLO"


def test_a_training_writes_the_file_weights_and_a_prediction_gets_it(tool: Cog) -> None:
    tool.write(
        cog_yaml='train: "train.py:train"\npredict: "predict.py:Predictor"\n',
        train_py="from cog import File\nimport io\n\ndef train(param: str) -> File:\n    return io.StringIO('hello ' + param)\n",
        predict_py=(
            "from cog import BasePredictor, File\n"
            "class Predictor(BasePredictor):\n"
            "    def setup(self, weights: File):\n        self.text = weights.read().decode()\n"
            "    def predict(self) -> str:\n        return self.text\n"
        ),
    )
    ended = tool("train", "-i", "param=train")
    assert (ended.status, ended.stdout) == (0, ""), ended
    assert (tool.project / "weights").read_text() == "hello train"
    assert tool("predict").stdout == "hello train\n"


def test_a_project_is_found_from_below(tool: Cog) -> None:
    below = tool.project / "data" / "raw"
    below.mkdir(parents=True)
    (below / "in.txt").write_text("hello")
    tool.write(predict_py=ONE_FILE)
    assert tool("predict", "-i", "file=@in.txt", cwd=below).status == 0
    assert (below / "output.txt").read_text() == "HELLO"


def test_another_configuration_file_may_be_named(tool: Cog) -> None:
    tool.write(
        other_yaml='predict: "other.py:Predictor"\n',
        other_py="class Predictor:\n    def predict(self) -> str:\n        return 'other'\n",
    )
    ended = tool("predict", "-f", "other.yaml")
    assert ended.stdout == "other\n", ended


def test_variables_reach_the_model(tool: Cog) -> None:
    tool.write(
        cog_yaml='predict: "predict.py:Predictor"\nenvironment:\n  - A=yaml\n  - B=yaml\n',
        predict_py=(
            "import os\nclass Predictor:\n    def predict(self) -> str:\n"
            "        return '/'.join(os.environ.get(n, '-') for n in 'ABCD')\n"
        ),
    )
    assert tool("predict", "-e", "B=flag", "-e", "C", "-e", "D=", C="caller").stdout == "yaml/flag/caller/\n"


def test_the_model_does_not_see_the_packages_of_the_tool(tool: Cog) -> None:
    tool.write(
        predict_py=(
            "import sys\nclass Predictor:\n    def predict(self) -> str:\n"
            "        return '\\n'.join(p for p in sys.path if 'vendor' in p or 'cog.pyz' in p or '/app-' in p)\n"
        )
    )
    assert tool("predict").stdout == "\n"


def test_a_model_may_hold_files_named_like_the_standard_library(tool: Cog) -> None:
    for name in ("types", "queue", "json", "http", "socket", "typing"):
        (tool.project / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    ended = tool("predict", "-i", "text=ab")
    assert (ended.status, ended.stdout) == (0, "ab\n"), ended


def test_the_tool_works_without_a_home_and_without_a_cache(tool: Cog) -> None:
    ended = tool("predict", "-i", "text=ab", COG_CACHE_DIR="", HOME="/nonexistent")
    assert (ended.status, ended.stdout) == (0, "ab\n"), ended
    assert (tool.project / ".cog" / ".gitignore").read_text() == "*\n"
    assert tool.leftovers() == []


def test_run_returns_the_status_of_its_command_and_finds_the_model_s_python(tool: Cog) -> None:
    ended = tool("run", "python", "-c", "import sys, os, cog; print(sys.executable, os.getcwd()); sys.exit(3)")
    assert (ended.status, ended.stdout) == (3, f"{sys.executable} {tool.project}\n"), ended


def test_run_passes_standard_input_on(tool: Cog) -> None:
    assert tool("run", "cat", stdin="piped").stdout == "piped"
    assert tool("run", "true", stdin="never read").status == 0


def test_exec_is_run(tool: Cog) -> None:
    assert tool("exec", "echo", "-n", "--debug").stdout == "--debug"


def test_init_makes_a_project_that_predicts(cog: Cog, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    ended = cog("init", cwd=folder)
    assert (ended.status, ended.stdout) == (0, ""), ended
    assert ended.stderr.splitlines()[:4] == [
        "created cog.yaml",
        "created predict.py",
        "created .dockerignore",
        "created .github/workflows/push.yaml",
    ]
    (folder / "in.png").write_bytes(b"\x89PNG")
    ended = cog("predict", "-i", "image=@in.png", cwd=folder)
    assert ended.status == 0, ended
    assert ended.stderr.endswith("warning: no output generated\n")

"""The packed bytecode: it serves alike, and gives way when it does not fit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from serving import ROOT, Server

MODEL = """
import sys
from typing import Any
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, how: str = "") -> Any:
        if how == "die":
            import os
            os._exit(1)
        spec = sys.modules["cog.runtime_stdlib.worker.execute"].__spec__
        return [type(spec.loader).__name__, spec.origin.rpartition("/cog/")[2]]
"""


def installed(tmp_path: Path) -> Path:
    """The runtime as an image has it."""
    runtime = tmp_path / "runtime"
    shutil.copytree(ROOT / "cog", runtime / "cog", ignore=shutil.ignore_patterns("__pycache__"))
    script = runtime / "cog/runtime_stdlib/path_hook.py"
    code = "import runpy, sys; module = runpy.run_path(%r); module['write_bytecode'](%r)" % (str(script), str(runtime))
    subprocess.run([sys.executable, "-I", "-B", "-c", code], check=True)
    assert len([name for name in os.listdir(runtime) if name.startswith("bytecode-")]) == 1
    return runtime


def test_the_runtime_is_imported_from_it_in_the_first_worker_and_in_later_ones(tmp_path):
    runtime = installed(tmp_path)
    env = {"PYTHONPATH": str(runtime)}
    with Server(tmp_path, MODEL, env=env) as server:
        expected = ["Finder", "runtime_stdlib/worker/execute.py"]
        assert server.predict()["output"] == expected
        server.predict(how="die")
        server.wait_health("READY")
        assert server.predict()["output"] == expected
        assert "__pycache__" not in os.listdir(runtime / "cog")


def test_a_source_that_has_changed_is_imported_instead(tmp_path):
    runtime = installed(tmp_path)
    with open(runtime / "cog/runtime_stdlib/worker/execute.py", "a") as file:
        file.write("\n# changed\n")
    with Server(tmp_path, MODEL, env={"PYTHONPATH": str(runtime)}) as server:
        assert server.predict()["output"] == ["SourceFileLoader", "runtime_stdlib/worker/execute.py"]


def test_a_damaged_file_is_left_alone(tmp_path):
    runtime = installed(tmp_path)
    (name,) = [name for name in os.listdir(runtime) if name.startswith("bytecode-")]
    (runtime / name).write_bytes((runtime / name).read_bytes()[:1000])
    with Server(tmp_path, MODEL, env={"PYTHONPATH": str(runtime)}) as server:
        assert server.predict()["output"] == ["SourceFileLoader", "runtime_stdlib/worker/execute.py"]


def test_the_same_runtime_packs_to_the_same_bytes(tmp_path):
    code = "import sys; sys.path.insert(0, sys.argv[1]); from cog.runtime_stdlib.bytecode import packed_alike; import hashlib;"
    code += " print(hashlib.sha256(packed_alike(sys.argv[1])).hexdigest())"
    found = set()
    for _ in range(3):
        run = subprocess.run([sys.executable, "-I", "-B", "-c", code, str(ROOT)], stdout=subprocess.PIPE, check=True)
        found.add(run.stdout)
    assert len(found) == 1

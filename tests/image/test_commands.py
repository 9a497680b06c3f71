"""predict, train, run and serve in containers: terminals, pipes, signals, and nothing left behind."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BASE, PYTHON, Project, answers, containers, docker, eventually, free_port, inspect, interrupt, post


def test_predict_prints_the_output_and_nothing_else_on_standard_output(project: Project) -> None:
    before = project.files()
    ran = project.cog("predict", "--debug", "-i", "s=world")
    assert ran.stdout == "hello world\n"
    assert containers(f"{project.name}-base") == []
    assert project.files() == before, "no bytecode of root's in the project"


def test_predict_of_an_image_works_from_any_folder(project: Project, tmp_path: Path) -> None:
    project.cog("build")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert project.cog("predict", project.name, "-i", "s=you", cwd=elsewhere).stdout == "hello you\n"
    assert containers(project.name) == []


def test_an_image_that_is_no_model_is_refused(project: Project) -> None:
    assert "does not appear to be a Cog model" in project.cog("predict", BASE, "-i", "s=x", status=1).stderr


def test_train_writes_the_weights(project: Project) -> None:
    project.write(
        {
            "cog.yaml": f'build:\n  python_version: "{PYTHON}"\ntrain: train.py:train\n',
            "train.py": """
            from cog import Input, Path

            def train(n: int = Input()) -> Path:
                Path("/tmp/out.bin").write_text("w" * n)
                return Path("/tmp/out.bin")
            """,
        }
    )
    project.cog("train", "-i", "n=3")
    assert (project.folder / "weights").read_text() == "www"
    assert containers(f"{project.name}-base") == []


def test_files_go_in_and_come_out(project: Project) -> None:
    project.write(
        {
            "predict.py": """
            from cog import BasePredictor, Input, Path

            class Predictor(BasePredictor):
                def predict(self, f: Path) -> Path:
                    out = Path("/tmp/shout.txt")
                    out.write_text(f.read_text().upper())
                    return out
            """,
            "in.txt": "quiet",
        }
    )
    project.cog("predict", "-i", "f=@in.txt", "-o", "out.txt")
    assert (project.folder / "out.txt").read_text() == "QUIET"


def test_variables_reach_the_model(project: Project) -> None:
    project.environment["FROM_HERE"] = "caller's"
    ran = project.cog(
        "run", "-e", "A=b c", "-e", "FROM_HERE", "python", "-c", "import os; print(os.environ['A'], os.environ['FROM_HERE'])"
    )
    assert ran.stdout == "b c caller's\n"


def test_run_reads_a_pipe_and_returns_the_commands_status(project: Project) -> None:
    assert project.cog("run", "cat", stdin="through\na pipe").stdout == "through\na pipe"
    assert project.cog("run", "sh", "-c", "exit 3", status=3).stdout == ""
    assert project.cog("run", "true", stdin="nobody reads this\n" * 10000).stdout == ""


def test_run_has_the_project_as_its_working_directory(project: Project) -> None:
    below = project.folder / "below"
    below.mkdir()
    assert project.cog("run", "pwd", cwd=below).stdout == "/src\n"
    project.cog("run", "sh", "-c", "echo made > made.txt")
    assert (project.folder / "made.txt").read_text() == "made\n"


def test_run_has_a_terminal_when_we_have_one(project: Project) -> None:
    """An interactive shell: what is typed is echoed, and the answer comes back."""
    project.cog("run", "true")  # the build, so that only the shell talks below
    master, slave = pty.openpty()
    process = subprocess.Popen(
        project.argv("run", "sh"), cwd=project.folder, env=project.env(), stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    seen = b""

    def shows(text: bytes) -> bool:
        nonlocal seen
        while select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        return text in seen

    try:
        eventually(lambda: shows(b"# "), "a prompt")
        os.write(master, b"test -t 0 && test -t 1 && echo $((40+2))\n")
        eventually(lambda: shows(b"echo $((40+2))"), "the echo of what was typed")
        eventually(lambda: shows(b"\n42"), "the answer")
        os.write(master, b"exit 7\n")
        assert process.wait(30) == 7
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(master)
    assert containers(f"{project.name}-base") == []


def test_serve_answers_over_http_and_stops_on_ctrl_c(project: Project) -> None:
    port = free_port()
    process = project.start("serve", "-p", str(port))
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/health-check"), f"a server: {project.log()}")
        answer = post(f"http://127.0.0.1:{port}/predictions", {"input": {"s": "http"}})
        assert (answer["status"], answer["output"]) == ("succeeded", "hello http")
        published = docker("ps", "--filter", f"ancestor={project.name}-base", "--format", "{{.Ports}}")
        assert f"127.0.0.1:{port}->5000/tcp" in published and "0.0.0.0" not in published
    finally:
        status = interrupt(process)
    assert status == 0, project.log()
    assert containers(f"{project.name}-base") == []
    assert "Traceback" not in project.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_setup_leaves_no_container(project: Project, number: int) -> None:
    project.write(
        {
            "predict.py": """
            import time
            from cog import BasePredictor

            class Predictor(BasePredictor):
                def setup(self) -> None:
                    print("setting up", flush=True)
                    time.sleep(600)

                def predict(self, s: str) -> str:
                    return s
            """
        }
    )
    process = project.start("predict", "-i", "s=x")
    eventually(lambda: "setting up" in project.log() or process.poll() is not None, "the setup")
    assert interrupt(process, number) == 128 + number, project.log()
    assert containers(f"{project.name}-base") == []
    assert "Traceback" not in project.log()


def test_ctrl_c_during_a_prediction_leaves_no_container(project: Project) -> None:
    project.write(
        {
            "predict.py": """
            import time
            from cog import BasePredictor

            class Predictor(BasePredictor):
                def predict(self, s: str) -> str:
                    print("predicting", flush=True)
                    time.sleep(600)
                    return s
            """
        }
    )
    process = project.start("predict", "-i", "s=x")
    eventually(lambda: "predicting" in project.log() or process.poll() is not None, "the prediction")
    assert interrupt(process) == 130, project.log()
    assert containers(f"{project.name}-base") == []
    assert "Traceback" not in project.log()


def test_ctrl_c_during_run_leaves_no_container(project: Project) -> None:
    process = project.start("run", "python", "-c", "import time; print('going', flush=True); time.sleep(600)")
    eventually(lambda: "going\n" in project.log() or process.poll() is not None, "the command")
    assert interrupt(process) == 130, project.log()
    assert containers(f"{project.name}-base") == []


def test_ctrl_c_at_any_moment_before_it_runs_leaves_no_container(project: Project) -> None:
    project.cog("run", "true")
    for tenths in range(2, 12):
        process = project.start("run", "sleep", "600")
        time.sleep(tenths / 10)
        assert interrupt(process) == 130, project.log()
        assert containers(f"{project.name}-base") == [], tenths


def test_ctrl_c_during_a_build_leaves_no_image(project: Project) -> None:
    marker = f"marker-{time.monotonic_ns()}"
    project.write(
        {
            "cog.yaml": f"""
            build:
              python_version: "{PYTHON}"
              run: ["echo {marker} && sleep 600"]
            predict: predict.py:Predictor
            """
        }
    )
    process = project.start("build", "--progress", "plain")
    eventually(lambda: f" {marker}\n" in project.log() or process.poll() is not None, "the command of the build")
    assert interrupt(process) == 130, project.log()
    assert docker("image", "ls", "--quiet", project.name) == ""
    assert "Traceback" not in project.log()


def test_ctrl_c_while_the_schema_is_read_leaves_neither_image_nor_container(project: Project) -> None:
    project.write(
        {
            "predict.py": """
            import time
            from cog import BasePredictor

            time.sleep(600)

            class Predictor(BasePredictor):
                def predict(self, s: str) -> str:
                    return s
            """
        }
    )
    process = project.start("build")
    eventually(lambda: "Reading the model's schema" in project.log() or process.poll() is not None, "the schema step")
    mine = eventually(lambda: schema_containers(project), "its container")
    assert interrupt(process) == 130, project.log()
    assert not set(mine) & set(docker("ps", "--all", "--quiet").split())
    assert docker("image", "ls", "--quiet", project.name) == ""


def test_ctrl_c_while_a_rebuild_reads_the_schema_keeps_the_old_image(project: Project) -> None:
    project.cog("build")
    image = inspect(project.name)["Id"]
    project.write({"predict.py": "import time\ntime.sleep(600)\n"})
    process = project.start("build")
    mine = eventually(lambda: schema_containers(project), "the container of the schema step")
    assert interrupt(process) == 130, project.log()
    assert not set(mine) & set(docker("ps", "--all", "--quiet").split())
    assert inspect(project.name)["Id"] == image
    assert "Traceback" not in project.log()


def schema_containers(project: Project) -> list[str]:
    """Containers of the image under construction: it holds the predictor of this very test."""
    found = []
    for identifier in docker("ps", "--quiet", "--filter", "name=cog-run-").split():
        content = docker("exec", identifier, "cat", "/src/predict.py", check=False)
        if "time.sleep(600)" in content:
            found.append(identifier)
    return found


def test_without_a_gpu_driver_the_model_runs_without_gpu_and_says_so(project: Project, need_image: object) -> None:
    if subprocess.run(["docker", "run", "--rm", "--gpus", "all", BASE, "true"], capture_output=True).returncode == 0:
        pytest.skip("this machine has a GPU")
    project.write({"cog.yaml": f'build:\n  python_version: "{PYTHON}"\n  gpu: true\npredict: predict.py:Predictor\n'})
    ran = project.cog("predict", "--use-cuda-base-image=false", "-i", "s=cpu")
    assert ran.stdout == "hello cpu\n"
    assert "no driver for GPUs" in ran.stderr
    refused = project.cog("run", "--use-cuda-base-image=false", "--gpus", "device=0", "true", status=None)
    assert refused.status not in (0, 126)


def test_a_hardened_container_predicts(project: Project) -> None:
    project.cog("build")
    name = f"{project.name}-hard"
    docker("run", "--detach", "--rm", "--name", name, "--read-only", "--tmpfs", "/tmp", "--user", "1234",
           "--cap-drop", "ALL", "--publish", "127.0.0.1::5000", project.name)  # fmt: skip
    try:
        port = docker("port", name, "5000").strip().rpartition(":")[2]
        eventually(lambda: answers(f"http://127.0.0.1:{port}/health-check"), "a server")
        assert post(f"http://127.0.0.1:{port}/predictions", {"input": {"s": "1234"}})["output"] == "hello 1234"
    finally:
        docker("rm", "--force", name)


def test_the_command_of_the_deployment_guide_works(project: Project) -> None:
    project.cog("build")
    name = f"{project.name}-threads"
    docker("run", "--detach", "--rm", "--name", name, "--publish", "127.0.0.1::5000", project.name,
           "python", "-m", "cog.server.http", "--threads=2")  # fmt: skip
    try:
        port = docker("port", name, "5000").strip().rpartition(":")[2]
        eventually(lambda: answers(f"http://127.0.0.1:{port}/health-check"), "a server")
        assert post(f"http://127.0.0.1:{port}/predictions", {"input": {"s": "two"}})["output"] == "hello two"
    finally:
        docker("rm", "--force", name)


def test_json_comes_back_whole(project: Project) -> None:
    answer = json.loads(project.cog("predict", "--json", '{"s": "json"}').stdout)
    assert (answer["status"], answer["output"]) == ("succeeded", "hello json")

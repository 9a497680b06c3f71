"""Every mistake gets one message that says what to do, the status that was decided, and leaves nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from conftest import Cog, Ended


def message(ended: Ended) -> list[str]:
    """The lines of the error, which is the last that was said."""
    lines = ended.stderr.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    assert len(starts) == 1, ended
    assert "Traceback" not in "\n".join(lines[starts[0] :]), ended
    return lines[starts[0] :]


def refused(ended: Ended, status: int = 1) -> list[str]:
    assert (ended.status, ended.stdout) == (status, ""), ended
    return message(ended)


def test_no_cog_yaml(cog: Cog) -> None:
    (cog.project / "cog.yaml").unlink()
    assert refused(cog("predict")) == [
        "error: no cog.yaml here",
        f"  neither {cog.project} nor any folder above it has one",
        "  fix: cd into your project, or run `cog init` to make one",
    ]


def test_a_typing_error_in_cog_yaml(cog: Cog) -> None:
    cog.write(cog_yaml='build:\n  python_package:\n    - "x"\npredict: "predict.py:Predictor"\n')
    text = "\n".join(refused(cog("predict")))
    assert text.startswith("error: cog.yaml:2:3: ")
    assert "python_packages" in text


def test_cog_yaml_that_is_no_yaml(tool: Cog) -> None:
    tool.write(cog_yaml="build: [\n")
    assert refused(tool("serve"))[0].startswith("error: cog.yaml:")


def test_cog_yaml_without_predict(tool: Cog) -> None:
    tool.write(cog_yaml="build:\n  gpu: false\n")
    assert refused(tool("predict")) == [
        "error: cog.yaml does not say what to run: `predict` is missing",
        "  fix: add a line like",
        '  predict: "predict.py:Predictor"',
    ]


def test_a_missing_predict_py(tool: Cog) -> None:
    (tool.project / "predict.py").unlink()
    assert refused(tool("serve")) == [
        "error: predict.py does not exist",
        f"  cog.yaml says `predict: predict.py:Predictor`, and the file is looked for in {tool.project}",
        "  fix: create it with Predictor in it, or correct `predict`",
    ]


SETUP = "error: the model failed while it was setting up"
SETUP_FIX = "  fix: correct that in the model's code; it happened before any input was looked at"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class Predictr:\n    def predict(self) -> str: ...\n", "AttributeError: module 'predict' has no 'Predictor'"),
        ("class Predictor:\n    def predict(self, s) -> str: ...\n", "TypeError: No input type provided for parameter `s`."),
        ("class Predictor:\n    def predict(self, s: str): ...\n", "TypeError: You must set an output type."),
        ("class Predictor:\n    def setup(self): ...\n", "predict"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("class Predictor\n", "SyntaxError: "),
        (
            "class Predictor:\n    def setup(self): raise RuntimeError('no weights')\n    def predict(self) -> str: ...\n",
            "Predictor errored during setup: no weights",
        ),
        (
            "class Predictor:\n    def setup(self): import os; os._exit(3)\n    def predict(self) -> str: ...\n",
            "(exitcode 3)",
        ),
    ],
    ids=["class", "annotation", "return", "method", "import", "syntax", "setup", "death"],
)
def test_a_model_that_cannot_be_set_up(tool: Cog, code: str, reason: str) -> None:
    tool.write(predict_py=code)
    lines = refused(tool("predict", "-o", "out.txt"))
    assert lines[0] == SETUP
    assert reason in lines[1]
    assert lines[-1] == SETUP_FIX
    assert not (tool.project / "out.txt").exists()
    assert tool.leftovers() == []


def test_unknown_missing_and_wrong_inputs_at_once(cog: Cog) -> None:
    assert refused(cog("predict", "-i", "txt=x", "-i", "n=two")) == [
        "error: the model does not take these inputs:",
        "  - txt: unknown input; did you mean text? The inputs are: text, n",
        "  - n: 'two' is not a whole number",
        "  - text: missing required input",
        "  fix: for example",
        "  cog predict -i blur=3.5",
        "  cog predict -i path=@image.jpg",
    ]
    assert cog.leftovers() == []


def test_wrong_inputs_do_not_wait_for_the_setup(tool: Cog) -> None:
    tool.write(
        predict_py=(
            "import time\nclass Predictor:\n    def setup(self): time.sleep(600)\n"
            "    def predict(self, text: str) -> str: ...\n"
        )
    )
    assert refused(tool("predict", "-i", "txt=x"))[0] == "error: the model does not take these inputs:"


def test_a_value_out_of_range(tool: Cog) -> None:
    assert refused(tool("predict", "-i", "text=x", "-i", "n=4"))[1] == "  - n: 4 is too large: it must be at most 3"


def test_an_input_without_an_equals_sign(tool: Cog) -> None:
    assert refused(tool("predict", "-i", "oops")) == [
        "error: failed to parse input 'oops', expected name=value",
        "  fix: write -i name=value, as in -i prompt=oops",
    ]


def test_a_forgotten_i(tool: Cog) -> None:
    assert refused(tool("predict", "s=world")) == [
        "error: s=world is taken for the name of an image",
        "  an image name has no equals sign, an input needs -i in front",
        "  fix: cog predict -i s=world",
    ]


def test_a_file_that_cannot_be_read(tool: Cog) -> None:
    tool.write(predict_py="from cog import Path\nclass Predictor:\n    def predict(self, file: Path) -> str: ...\n")
    assert refused(tool("predict", "-i", "file=@nowhere.png")) == [
        "error: the input file nowhere.png cannot be read",
        "  No such file or directory",
        "  fix: correct its name after the @; it is looked for from the current folder",
    ]
    assert refused(tool("predict", "-i", "file=nowhere.png"))[1] == (
        "  - file: 'nowhere.png' is not a URL; for a file of this machine write @ before its name: @nowhere.png"
    )


def test_an_output_that_cannot_be_written(tool: Cog) -> None:
    assert refused(tool("predict", "-i", "text=x", "-o", "nowhere/out.txt")) == [
        "error: output path is not writable: nowhere/out.txt",
        "  there is no folder nowhere",
        "  fix: choose another one with -o, or create its folder",
    ]


def test_json_and_inputs_together(tool: Cog) -> None:
    assert refused(tool("predict", "--json", "{}", "-i", "a=b"))[0] == "error: --json and -i are mutually exclusive"
    assert refused(tool("predict", "--json", "{"))[0].startswith("error: --json is not JSON: ")


def test_a_port_that_is_in_use(tool: Cog) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(tool("serve", "-p", str(port))) == [
            f"error: port {port} is already in use",
            f"  127.0.0.1:{port} cannot be listened on: Address already in use",
            f"  fix: stop what is there, or take another port: cog serve -p {port + 1}",
        ]


@pytest.mark.parametrize("port", ["0", "70000", "-1"])
def test_a_port_that_there_is_not(tool: Cog, port: str) -> None:
    assert refused(tool("serve", "-p", port))[0] == f"error: there is no port {port}"


def test_a_port_of_run_is_looked_at_first(tool: Cog) -> None:
    (tool.project / "cog.yaml").unlink()
    assert refused(tool("run", "-p", "http", "ls"))[0] == "error: -p http is not a port"


def test_run_with_inputs_says_that_predict_was_meant(tool: Cog) -> None:
    assert refused(tool("run", "-i", "text=x")) == [
        "error: cog run has no inputs",
        "  it runs a command in the model's environment, such as `cog run python`",
        "  fix: did you mean `cog predict`? It takes -i and --json",
    ]


def test_run_of_a_program_that_is_not_there(tool: Cog) -> None:
    assert refused(tool("run", "no-such-program"))[0] == "error: no-such-program cannot be started"


def test_an_image_without_an_engine_for_images(tool: Cog) -> None:
    assert refused(tool("predict", "some-image")) == [
        "error: cog predict some-image needs an engine for containers, such as Docker",
        "  --engine local has no images",
        "  fix: take --engine docker, or leave --engine out",
    ]


def test_podman_is_refused_clearly(tool: Cog) -> None:
    assert refused(tool("predict", "--engine", "podman"))[0] == "error: podman is not supported yet"


def test_init_overwrites_nothing_and_leaves_nothing(cog: Cog, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "predict.py").write_text("mine")
    assert refused(cog("init", cwd=folder))[0] == "error: found an existing predict.py, exiting without overwriting"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"predict.py": "mine"}


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["predict", "--bogus"], "error: unknown flag --bogus for cog predict"),
        (["predikt"], "error: unknown command predikt for cog"),
        (["serve", "extra"], "error: cog serve does not know what to do with 'extra'"),
        (["run"], "error: cog run needs COMMAND [ARG...]"),
        (["predict", "-i"], "error: -i needs a value"),
        (["completion", "tcsh"], "error: no completion for tcsh"),
        (["help", "predikt"], "error: no help about predikt"),
    ],
)
def test_a_command_line_that_cannot_be_understood_has_status_2(tool: Cog, words: list[str], first: str) -> None:
    assert refused(tool(*words), status=2)[0] == first


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tool: Cog) -> None:
    tool.project.chmod(0o555)
    assert refused(tool("init"))[0].startswith("error: ")

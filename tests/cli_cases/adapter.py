"""Drives the tool through one case file and collects what happened, in the case's own words.

The tool runs in this process, through its front door, so that errors keep their class; a stand-in
`docker` takes notes. How a case is written is explained beside the cases.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import cog.cli.main
from cog.cli.console import Console
from cog.compat import load_tables
from cog.errors import CogError

HERE = Path(__file__).parent


@dataclass
class Outcome:
    exit: int
    stdout: str
    stderr: str
    error: Optional[CogError] = None
    warnings: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    resolved: dict[str, Any] = field(default_factory=dict)
    body: Any = None


class Recorder(Console):
    """A console that also keeps the error and the warnings as they are."""

    seen: list["Recorder"] = []

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.failure: Optional[CogError] = None
        self.warned: list[str] = []
        Recorder.seen.append(self)

    def error(self, error: CogError) -> None:
        self.failure = error
        super().error(error)

    def warning(self, text: str) -> None:
        self.warned.append(text)
        super().warning(text)


def install_docker(folder: Path) -> None:
    script = folder / "docker"
    script.write_text(f"#!{sys.executable}\n" + (HERE / "fake_docker.py").read_text())
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def lay_out(case: dict[str, Any], root: Path) -> Path:
    """The project of a case; the folder to run in."""
    project = root / case.get("project_dir_name", "project")
    project.mkdir(parents=True)
    for name, text in case.get("files", {}).items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, size in case.get("sparse_files", {}).items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.truncate(size)
    return project / case.get("cwd", ".")


def front_door(words: list[str], capfd: Any) -> Outcome:
    Recorder.seen.clear()
    status = cog.cli.main.main(words)
    out, err = capfd.readouterr()
    console = Recorder.seen[-1]
    return Outcome(status, out, err, console.failure, console.warned)


def run_case(case: dict[str, Any], root: Path, monkeypatch: Any, capfd: Any) -> Outcome:
    monkeypatch.setattr(cog.cli.main, "Console", Recorder)
    monkeypatch.setenv("COG_NO_UPDATE_CHECK", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.chdir(lay_out(case, root))
    if case["kind"] == "inputs":
        return run_inputs(case)
    tools = root / "tools"
    tools.mkdir()
    install_docker(tools)
    log = root / "calls.jsonl"
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COG_TEST_DOCKER_LOG", str(log))
    monkeypatch.setenv("COG_TEST_DOCKER_PLAN", json.dumps(case.get("fake_docker", {})))
    outcome = front_door(case["argv"], capfd)
    if log.exists():
        outcome.calls = [json.loads(line) for line in log.read_text().splitlines()]
    if case["kind"] == "dockerfile" and outcome.exit == 0:
        outcome.resolved = json.loads(front_door([*case["argv"], "--json"], capfd).stdout)
    else:
        tags = [value for call in outcome.calls for flag, value in zip(call["argv"], call["argv"][1:]) if flag == "--tag"]
        outcome.resolved = {"image_name": tags[-1]} if tags else {}
    return outcome


def run_inputs(case: dict[str, Any]) -> Outcome:
    from cog.actions import inputs, predict

    document = {
        "openapi": "3.0.2",
        "components": {"schemas": {"Input": {"type": "object", "properties": case["input_schema"]}}},
    }
    try:
        given = predict.Inputs(predict.Request(inputs=tuple(case["flags"])), inputs.read_file, lambda: "")
        return Outcome(0, "", "", body={"input": given.typed(document)})
    except CogError as error:
        return Outcome(error.exit_status, "", str(error), error)


# The cases group errors coarsely; users see codes.
CATEGORIES = {
    "usage": "cli-usage",
    "flags-exclusive": "cli-usage",
    "input-syntax": "cli-usage",
    "input-invalid": "prediction",
    "input-file": "input-file",
    "forgotten-input-flag": "cli-usage",
    "json-and-inputs": "cli-usage",
    "port-invalid": "cli-usage",
    "predict-meant": "cli-usage",
    "not-supported": "cli-usage",
    "not-a-cog-model": "docker",
    "image-engine-needed": "docker",
    "prediction-failed": "prediction",
    "nothing-to-run": "validation",
    "model-file-missing": "validation",
}


def category(error: Optional[CogError]) -> str:
    if error is None:
        return ""
    return error.category or CATEGORIES.get(error.code, error.code)


# --- comparing -----------------------------------------------------------------------------------


def differences(case: dict[str, Any], outcome: Outcome) -> list[str]:
    """Everything that is not as the case expects."""
    expect = case["expect"]
    found: list[str] = []
    if outcome.exit != expect.get("exit", 0) and not ("error" in expect and outcome.exit):
        found.append(f"exit {outcome.exit}, not {expect.get('exit', 0)}: {outcome.stderr[-1500:]}")
    for key, value in expect.get("resolved", {}).items():
        if outcome.resolved.get(key) != value:
            found.append(f"{key}: {outcome.resolved.get(key)!r}, not {value!r}")
    if "requirements" in expect:
        host = load_tables().wheel_host.rstrip("/")
        lines = [line.replace("{TORCH}", host) for line in expect["requirements"]]
        if outcome.resolved.get("requirements") != lines:
            found.append(f"requirements: {outcome.resolved.get('requirements')!r}, not {lines!r}")
    parts = re.split(r"^=== (.*) ===\n", outcome.stdout, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2])) or {"Runner Dockerfile": outcome.stdout}
    found += text_differences("dockerfile", sections.get("Runner Dockerfile", ""), expect.get("dockerfile", {}))
    found += text_differences("weights_dockerfile", sections.get("Weights Dockerfile", ""), expect.get("weights_dockerfile", {}))
    for line in expect.get("ignore", {}).get("contains", []):
        if line not in outcome.resolved.get("ignore", []):
            found.append(f"ignore: no line {line!r}")
    if "weights" in expect and outcome.resolved.get("weights") != expect["weights"]:
        found.append(f"weights: {outcome.resolved.get('weights')!r}, not {expect['weights']!r}")
    for keywords in expect.get("warnings", []):
        if not any(all(word.lower() in text.lower() for word in keywords) for text in outcome.warnings):
            found.append(f"no warning with {keywords}: {outcome.warnings}")
    if expect.get("no_warnings") and outcome.warnings:
        found.append(f"warnings: {outcome.warnings}")
    if "error" in expect:
        found += error_differences(expect["error"], outcome)
    if "body" in expect and outcome.body != expect["body"]:
        found.append(f"body: {outcome.body!r}, not {expect['body']!r}")
    for text in (
        [expect["stderr_contains"]] if isinstance(expect.get("stderr_contains"), str) else expect.get("stderr_contains", [])
    ):
        if text not in outcome.stderr:
            found.append(f"stderr does not say {text!r}")
    for name in [expect["file_unchanged"]] if isinstance(expect.get("file_unchanged"), str) else expect.get("file_unchanged", []):
        if Path(name).read_text() != case["files"][name]:
            found.append(f"{name} was changed")
    return found + call_differences(expect, outcome)


def error_differences(expected: dict[str, Any], outcome: Outcome) -> list[str]:
    found = []
    if outcome.error is None:
        return [f"no error: {outcome.stderr}"]
    if category(outcome.error) != expected["category"]:
        found.append(f"category {category(outcome.error)!r} of {type(outcome.error).__name__}, not {expected['category']!r}")
    told = f"{outcome.error.report()}\n{outcome.stderr}".lower()
    found += [f"the error does not say {word!r}: {told}" for word in expected.get("keywords", []) if word.lower() not in told]
    return found


def text_differences(what: str, text: str, expected: dict[str, Any]) -> list[str]:
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found = [f"{what} lacks {part!r}:\n{plain}" for part in expected.get("contains", []) if part not in plain]
    found += [f"{what} has {part!r}:\n{plain}" for part in expected.get("not_contains", []) if part in plain]
    found += [f"{what} does not match {part!r}:\n{plain}" for part in expected.get("regex", []) if not re.search(part, plain)]
    position = 0
    for part in expected.get("order", []):
        at = plain.find(part, position)
        if at < 0:
            found.append(f"{what}: {part!r} is not there, or too early:\n{plain}")
            break
        position = at + len(part)
    return found


def call_differences(expect: dict[str, Any], outcome: Outcome) -> list[str]:
    found = []
    counted = [call for call in outcome.calls if not asks_the_image(call["argv"])]
    position = 0
    for pattern in expect.get("docker_calls", []):
        at = next((n for n in range(position, len(counted)) if fits(counted[n], pattern)), None)
        if at is None:
            found.append(f"no call fits {pattern}: {[call['argv'] for call in counted]}")
            break
        position = at + 1
    for word, count in expect.get("docker_call_count", {}).items():
        real = sum(call["argv"][:1] == [word] for call in counted)
        if real != count:
            found.append(f"{real} calls of docker {word}, not {count}")
    for name, value in expect.get("label_json", {}).items():
        texts = [labels(call)[name] for call in outcome.calls if name in labels(call)]
        if not texts or json.loads(texts[-1]) != value:
            found.append(f"label {name}: {texts!r}, not {value!r}")
    return found


def asks_the_image(argv: list[str]) -> bool:
    """The schema and freeze steps of a build, which patterns about `run` do not count."""
    return argv[:1] == ["run"] and ("cog.command.openapi_schema" in argv or argv[-2:] == ["pip", "freeze"])


def fits(call: dict[str, Any], pattern: dict[str, Any]) -> bool:
    argv = call["argv"]
    starts, ends = pattern.get("starts", []), pattern.get("ends", [])
    if argv[: len(starts)] != starts or (ends and argv[-len(ends) :] != ends):
        return False
    if any(word not in argv for word in pattern.get("contains", [])):
        return False
    if any(word in argv for word in pattern.get("not_contains", [])):
        return False
    position = 0
    for word in pattern.get("order", []):
        if word not in argv[position:]:
            return False
        position = argv.index(word, position) + 1
    regexes = pattern.get("regex", [])
    if any(not re.search(regex, " ".join(argv)) for regex in ([regexes] if isinstance(regexes, str) else regexes)):
        return False
    if any(name not in labels(call) for name in pattern.get("labels", [])):
        return False
    if pattern.get("stdin_or_file_is_dockerfile") and "FROM " not in (call["dockerfile"] or call["stdin"]):
        return False
    return True


def labels(call: dict[str, Any]) -> dict[str, str]:
    """The labels that a build sets, by argument or by LABEL."""
    found = {}
    for flag, value in zip(call["argv"], call["argv"][1:]):
        if flag == "--label":
            name, _, text = value.partition("=")
            found[name] = text
    joined = re.sub(r"\\\n", "", call["dockerfile"] or "")
    for name, text in re.findall(r'^LABEL ([\w.-]+)="((?:[^"\\]|\\.)*)"', joined, re.M):
        found[name] = re.sub(r"\\(.)", r"\1", text)
    return found

"""The one test command: `python3 tests/run.py` sets up what the tests need and runs everything that needs no Docker.

Stages, in order: build the file, ruff, mypy (the whole tool, then the payload as Python 3.8), every test that needs
no Docker, and the payload's tests on each Python from 3.8 to 3.14 that this machine has. It goes on after a failing
stage, and ends with one line of figures and exit status 1 if anything failed.

    python3 tests/run.py                    everything
    python3 tests/run.py --quick            without tests marked heavy or matrix, and on this Python alone
    python3 tests/run.py --only image       the tests that build and run images, on a real Docker engine
    python3 tests/run.py --only tests -- -k webhook        what follows `--` goes to pytest

Environments go to .venv-test/, one for each Python and set of pins, and are used again. Standard library only,
Python 3.9 or newer.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Optional

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / ".venv-test"
STAGES = ("build", "lint", "types", "tests", "pythons", "image")
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

# Sources that are copied into images; checked once more as Python 3.8.
PAYLOAD = ("cog/runtime_stdlib", "cog/server", "cog/command", "cog/__init__.py")
# The tests that belong to the payload. They know nothing of the host rooms.
PAYLOAD_TESTS = ("tests/runtime", "tests/process")
# Tests that spend their time installing packages: they run beside the others.
PACKAGE_TESTS = ("tests/examples", "tests/process/test_matrix.py")
# Seconds after which a test hangs rather than works.
TEST_TIMEOUT = 300

MINUTE = 60


class Figures:
    """What has passed and failed so far; a stage without tests of its own counts as one."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures: list[str] = []

    def stage(self, name: str, passed: bool) -> None:
        if passed:
            self.passed += 1
        else:
            self.failed += 1
            self.failures.append(name)

    def tests(self, name: str, report: Path, status: int, *, recovered: bool = False) -> None:
        """Add a pytest report. No report, or a status that the report does not explain, is a failure of its own.

        `recovered`: what failed in it has passed by itself since, and is named but not counted as failed.
        """
        try:
            suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
        except (OSError, ElementTree.ParseError):
            self.stage(f"{name}: no report (status {status})", False)
            return
        count = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")}
        bad = count["failures"] + count["errors"]
        self.skipped += count["skipped"]
        self.passed += count["tests"] - count["skipped"] - (0 if recovered else bad)
        self.failed += 0 if recovered else bad
        for suite in suites:
            for case in suite.iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    title = f"{name}: {case.get('classname')}::{case.get('name')}"
                    if not recovered:
                        self.failures.append(title)
                    print(f"\n{'unsteady (passed by itself)' if recovered else 'FAILED'} {title}")
                    for told in (*case.iter("failure"), *case.iter("error")):
                        lines = (told.text or "").splitlines()
                        print("".join(f"  | {line}\n" for line in lines[-MOST_LINES:]), flush=True)
        if status not in (0, 5) and not bad:
            self.stage(f"{name}: pytest ended with {status}", False)


def heading(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def run(
    argv: Sequence[object], *, minutes: float, env: Optional[dict[str, str]] = None, output: Optional[IO[bytes]] = None
) -> int:
    """Run a program in the root of the tree, in a session of its own; end all of it when the time is over."""
    child = subprocess.Popen(
        [str(word) for word in argv],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
    )
    sessions.add(child.pid)
    try:
        return child.wait(timeout=minutes * MINUTE)
    except subprocess.TimeoutExpired:
        print(f"still running after {minutes:g} minutes, ended: {' '.join(map(str, argv[:4]))} ...", flush=True)
        return 124
    finally:
        end(child.pid)
        child.wait()
        sessions.discard(child.pid)


# The sessions that are running, so that being told to stop stops them too.
sessions: set[int] = set()


def end(session: int) -> None:
    try:
        os.killpg(session, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def told_to_stop(number: int, frame: object) -> None:
    for session in list(sessions):
        end(session)
    os._exit(128 + number)


def environment() -> dict[str, str]:
    """The caller's, without what would change the outcome."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("COG_") or name.startswith("COG_TEST_")
    }
    kept.pop("PYTHONPATH", None)
    return kept


def pins(*extras: str) -> list[str]:
    """The requirements of pyproject.toml's extras and of the tool itself (read as text: 3.9 has no TOML reader)."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = []
    for extra in extras:
        block = re.search(rf"^{extra} = \[(.*?)\]", text, re.M | re.S)
        assert block is not None, f"pyproject.toml has no list {extra}"
        found += re.findall(r'"([^"]+)"', block[1])
    return found


def venv(python: str, requirements: Sequence[str]) -> Optional[Path]:
    """The interpreter of an environment with these packages, made when it is not there yet; None when that fails."""
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=True
    ).stdout
    mark = hashlib.sha256(repr((version, python, sorted(requirements))).encode()).hexdigest()[:10]
    home = ENVIRONMENTS / f"{version.split()[0]}-{mark}"
    inside = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / ".complete"
    if ready.exists():
        return inside
    shutil.rmtree(home, ignore_errors=True)
    steps: list[list[object]] = [
        [python, "-m", "venv", home],
        [inside, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *requirements],
    ]
    for step in steps:
        if run(step, minutes=15) != 0:
            return None
    ready.touch()
    return inside


def host_requirements() -> list[str]:
    return pins("test", "check", "dependencies")


def build(figures: Figures, python: Path) -> None:
    heading("build dist/cog.pyz")
    figures.stage("build", run([python, "build_zipapp.py"], minutes=10, env=environment()) == 0)


def lint(figures: Figures, python: Path) -> None:
    heading("ruff")
    figures.stage("ruff", run([python, "-m", "ruff", "check", "."], minutes=5) == 0)
    scripts = [path for path in (ROOT / ".ci" / "run", ROOT / "install.sh") if path.exists()]
    if shutil.which("shellcheck"):
        heading("shellcheck")
        figures.stage("shellcheck", run(["shellcheck", *scripts], minutes=2) == 0)
    else:
        print("skipped: shellcheck is not installed")


def types(figures: Figures, python: Path) -> None:
    heading("mypy --strict: the tool, as Python 3.9")
    figures.stage("mypy (tool)", run([python, "-m", "mypy"], minutes=10) == 0)
    heading("mypy --strict: the payload, as Python 3.8")
    figures.stage("mypy (payload)", run([python, "-m", "mypy", "--python-version", "3.8", *PAYLOAD], minutes=10) == 0)


def tests(
    figures: Figures,
    python: Path,
    name: str,
    paths: Sequence[str],
    options: Sequence[str],
    *,
    minutes: float,
    beside: bool = False,
) -> None:
    """One pytest run. `beside`: another one prints now, so print this one's output whole, when it is over."""
    with tempfile.TemporaryDirectory() as scratch:
        report, printed = Path(scratch) / "report.xml", Path(scratch) / "output"
        plain = [python, "-m", "pytest", "-q", "-o", f"cache_dir={scratch}/cache", f"--timeout={TEST_TIMEOUT}"]
        # hypothesis tries an example that was stopped again, and may hang for good: say where before that.
        plain += ["-o", f"faulthandler_timeout={TEST_TIMEOUT - 20}", *options, *paths]
        # What fails is told from the report, once it is known whether it counts.
        argv = [*plain, f"--junitxml={report}", "--tb=no", "-r", "s"]
        started = time.monotonic()
        if beside:
            with printed.open("wb") as output:
                status = run(argv, minutes=minutes, env=environment(), output=output)
        else:
            status = run(argv, minutes=minutes, env=environment())
        # Real processes on a busy machine: what failed, if it is little, is tried once more by itself.
        retry = status == 1 and 0 < failures_in(report) <= MOST_RETRIED
        recovered = False
        again = Path(scratch) / "again"
        if retry:
            with again.open("wb") as output:
                retried = [*plain, "--last-failed", "--last-failed-no-failures=none"]
                recovered = run(retried, minutes=minutes, env=environment(), output=output) == 0
        with printing:
            if beside:
                heading(name)
                print(printed.read_text(encoding="utf-8", errors="replace"), flush=True)
            figures.tests(name, report, status, recovered=recovered)
            if retry and not recovered:
                print(f"tried once more:\n{again.read_text(encoding='utf-8', errors='replace')}")
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


printing = threading.Lock()

MOST_RETRIED = 6
# Lines printed of one failure: the last ones say what was wrong.
MOST_LINES = 60


def failures_in(report: Path) -> int:
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return 0
    return sum(int(suite.get(key, 0)) for suite in suites for key in ("failures", "errors"))


def all_tests(figures: Figures, python: Path, marks: str, options: Sequence[str]) -> None:
    """Every test that needs no Docker, in two runs at a time: one waits for packages, the other does not."""
    heading("tests")
    tools = venv(sys.executable, pins("fuzz")) if "not heavy" not in marks else None
    if tools is not None:  # behind everything else on the PATH: its python is not the one to find
        os.environ["PATH"] += os.pathsep + str(tools.parent)
    packages = [path for path in PACKAGE_TESTS if (ROOT / path).exists()]
    rest = [f"--ignore={path}" for path in packages]
    with ThreadPoolExecutor(2, thread_name_prefix="tests") as pool:
        slow = pool.submit(
            tests, figures, python, "tests with packages", packages, ["-m", marks, *options], minutes=40, beside=True
        )
        tests(figures, python, "tests", ["tests"], ["-m", marks, *rest, "--durations=15", *options], minutes=40)
        slow.result()


def interpreters() -> dict[str, str]:
    """Version -> a Python that really starts: from the PATH, else from pyenv's folder."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in PYTHONS:
        on_path = shutil.which(f"python{version}")
        candidates = [on_path] if on_path else []
        candidates += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
        for candidate in candidates:
            asked = subprocess.run(
                [candidate, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
            )
            if asked.stdout.strip() == version:
                found[version] = candidate
                break
    return found


def pythons(figures: Figures, options: Sequence[str], *, without: str) -> None:
    """The payload's tests on every Python but `without`, two at a time: most of their time is spent waiting."""
    heading("the payload's tests on each Python")
    present = interpreters()
    paths = [path for path in PAYLOAD_TESTS if any((ROOT / path).rglob("test_*.py"))]
    wanted = ("pytest", "hypothesis", "h11", "pyyaml")
    requirements = [pin for pin in pins("test", "dependencies") if pin.startswith(wanted)]
    versions = []
    for version in PYTHONS:
        if version == without:
            print(f"Python {version}: runs all tests, not again here")
        elif version not in present:
            print(f"skipped: Python {version}: not on PATH nor under pyenv")
        else:
            versions.append(version)

    def one(version: str) -> None:
        python = venv(present[version], requirements)
        if python is None:
            figures.stage(f"Python {version}: no environment", False)
            return
        more = [*options]
        tests(figures, python, f"the payload's tests on Python {version}", paths, more, minutes=12, beside=True)

    with ThreadPoolExecutor(2, thread_name_prefix="python") as pool:
        list(pool.map(one, versions))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Set up and run the tests.", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="no heavy and no matrix tests, and this Python alone")
    parser.add_argument("--only", action="append", choices=STAGES, help="just this stage (may be given again)")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args(argv)
    unasked = {"image", "pythons"} if options.quick else {"image"}
    stages = options.only or [stage for stage in STAGES if stage not in unasked]

    os.chdir(ROOT)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told_to_stop)
    started = time.monotonic()
    figures = Figures()
    heading(f"environment for Python {sys.version.split()[0]}")
    python = venv(sys.executable, host_requirements())
    if python is None:
        figures.stage("the environment of the tests", False)
    else:
        if "build" in stages:
            build(figures, python)
        if "lint" in stages:
            lint(figures, python)
        if "types" in stages:
            types(figures, python)
        if "tests" in stages:
            marks = "not image and not heavy and not matrix" if options.quick else "not image"
            all_tests(figures, python, marks, options.pytest)
        if "pythons" in stages:
            running = "%d.%d" % sys.version_info[:2]
            quick = ["-m", "not image and not heavy and not matrix", *options.pytest]
            pythons(figures, quick, without=running if "tests" in stages else "")
        if "image" in stages:
            heading("tests of images")
            tests(figures, python, "images", ["tests"], ["-m", "image", *options.pytest], minutes=30)

    heading(f"done in {time.monotonic() - started:.0f} s")
    for failure in figures.failures:
        print(f"FAILED {failure}")
    print(f"{figures.passed} passed, {figures.failed} failed, {figures.skipped} skipped")
    return 1 if figures.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

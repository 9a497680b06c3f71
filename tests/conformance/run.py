"""Hold the built runtime against the conformance kit, and fail when a case that once passed no longer does.

    python3 tests/conformance/run.py --kit ../shared/conformance                       this Python
    python3 tests/conformance/run.py --kit ../shared/conformance --python python3.8
    python3 tests/conformance/run.py --kit ../shared/conformance --grow                add new passes to the list

Strategy: the server is set up as in an image, from dist/cog.pyz by its own code: the payload's files in a folder, and
the `.pth` file that makes an interpreter find them. The kit runs its cases and writes a report; the report is
compared with expected_passes.txt, which only ever grows. A listed case that fails is tried once more by itself before
it counts, and the output says so: some cases measure time, and a busy machine is not a regression.

Standard library only, Python 3.9 or newer; the Python under test may be 3.8.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIST = HERE / "expected_passes.txt"
HEADER = """\
# Cases of the conformance kit that pass, one a line. A case that is listed here must go on passing; the list only
# grows: python3 tests/conformance/run.py --kit ../shared/conformance --grow
# Not here on purpose: cancel-class-facts wants CancelationException to be an Exception. Ours is a BaseException, so that
# a model's `except Exception` does not swallow a cancelation.
"""


def expected() -> set[str]:
    lines = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
    return {line for line in lines if line and not line.startswith("#")}


def set_up(pyz: Path, python: str, home: Path) -> Path:
    """An environment that finds the runtime as an image does; its interpreter."""
    payload = home / "payload"
    unpack = "import sys; from cog.workspace.payload import write; write(sys.argv[1])"
    check([sys.executable, "-c", unpack, payload], env={**os.environ, "PYTHONPATH": str(pyz)})
    check([python, "-m", "venv", home / "env"])
    inside = home / "env" / "bin" / "python"
    # One case returns numpy values. Without an index it is skipped, and says so.
    subprocess.run([inside, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "numpy"], stdin=subprocess.DEVNULL)
    check([inside, "-I", "-B", payload / "cog/runtime_stdlib/path_hook.py", payload])
    return inside


def check(argv: Sequence[object], env: dict[str, str] | None = None) -> None:
    subprocess.run([str(word) for word in argv], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def results(kit: Path, python: Path, only: Iterable[str], jobs: int, scratch: Path, minutes: float) -> dict[str, str]:
    """Case -> pass, FAIL or skip. The kit prints its own lines as it goes."""
    report = scratch / "report.json"
    report.unlink(missing_ok=True)
    argv = [sys.executable, kit / "conform.py", "--server", shlex.join([str(python), "-m", "cog.server.http"])]
    argv += ["--jobs", jobs, "--report", report]
    for case in only:
        argv += ["--only", case]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    kit_run = subprocess.Popen(
        [str(word) for word in argv], env=environment, cwd=scratch, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        kit_run.wait(timeout=minutes * 60)
    except subprocess.TimeoutExpired:
        print(f"the kit was still running after {minutes:g} minutes", flush=True)
    finally:
        try:
            os.killpg(kit_run.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        kit_run.wait()
    if not report.exists():
        return {}
    return {case["case"]: case["result"] for case in json.loads(report.read_text(encoding="utf-8"))["cases"]}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Run the conformance kit against dist/cog.pyz.", allow_abbrev=False)
    parser.add_argument("--kit", type=Path, required=True, help="the folder with conform.py")
    parser.add_argument("--python", default=sys.executable, help="the Python that serves (default: this one)")
    parser.add_argument("--pyz", type=Path, default=ROOT / "dist" / "cog.pyz")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="cases or tags; may be given again")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=20, help="end the kit after so long")
    parser.add_argument("--grow", action="store_true", help="add the cases that pass to the list")
    options = parser.parse_args(argv)
    # A shell without job control starts its background jobs with SIGINT ignored; servers must not inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the kit's session is ended, see results()

    with tempfile.TemporaryDirectory(prefix="cog-conformance-") as folder:
        scratch = Path(folder)
        python = set_up(options.pyz.resolve(), options.python, scratch)
        kit = options.kit.resolve()
        outcome = results(kit, python, options.only, options.jobs, scratch, options.minutes)
        listed = expected()
        lost = sorted(case for case in listed & set(outcome) if outcome[case] == "FAIL")
        if lost:
            print(f"again, one at a time: {' '.join(lost)}", flush=True)
            again = results(kit, python, lost, 1, scratch, options.minutes)
            outcome.update({case: again.get(case, "FAIL") for case in lost})

    passed = {case for case, result in outcome.items() if result == "pass"}
    failed = {case for case, result in outcome.items() if result == "FAIL"}
    if not outcome:
        failed.add("(the kit wrote no report)")
    regressions = sorted(listed & failed)
    if not options.only:
        regressions += sorted(f"{case} (no longer run)" for case in listed - set(outcome))
    new = sorted(passed - listed)
    if options.grow and new:
        LIST.write_text(HEADER + "".join(f"{case}\n" for case in sorted(listed | passed)), encoding="utf-8")
        print(f"added to {LIST.relative_to(ROOT)}: {' '.join(new)}")
    elif new:
        print(f"pass and are not listed yet: {' '.join(new)}")
    if failed - listed:
        print(f"fail and have never passed: {' '.join(sorted(failed - listed))}")
    for case in regressions:
        print(f"REGRESSION {case}")
    print(f"{len(passed)} passed, {len(failed)} failed, {len(regressions)} of them regressions")
    return 1 if regressions or not outcome else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

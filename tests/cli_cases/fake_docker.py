"""A `docker` that does nothing but take notes: its arguments, its standard input, the Dockerfile it is given.

Installed under the name `docker` first on PATH. COG_TEST_DOCKER_LOG names the notebook (a JSON line
for each call), COG_TEST_DOCKER_PLAN a JSON object with the answers that a case wants.
"""

from __future__ import annotations

import json
import os
import sys

SCHEMA = {
    "openapi": "3.0.2",
    "info": {"title": "Cog", "version": "0.1.0"},
    "paths": {},
    "components": {"schemas": {"Input": {"title": "Input", "type": "object", "properties": {}}}},
}


def main() -> int:
    argv = sys.argv[1:]
    call = {"argv": argv, "stdin": "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read(), "dockerfile": None}
    for flag, value in zip(argv, argv[1:]):
        if flag in ("--file", "-f") and os.path.isfile(value):
            with open(value, encoding="utf-8") as file:
                call["dockerfile"] = file.read()
    with open(os.environ["COG_TEST_DOCKER_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps(call) + "\n")
    plan = json.loads(os.environ.get("COG_TEST_DOCKER_PLAN", "{}"))
    if argv[:1] == ["run"]:
        if any("cog.command.openapi_schema" in word for word in argv):
            print(json.dumps(SCHEMA))
            return 0
        if argv[-2:] == ["pip", "freeze"]:
            print("numpy==1.26.4")
            return 0
        answer = plan.get("run", {})
        if "--gpus" in argv:
            answer = plan.get("run_with_gpus", answer)
        sys.stderr.write(answer.get("stderr", ""))
        return int(answer.get("exit", 0))
    if argv[:2] == ["image", "inspect"]:
        print(json.dumps([{"Config": {"Labels": {}}}]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

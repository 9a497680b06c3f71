"""Whatever stands in the file: a Config or a list of problems, never a traceback."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cog.compat import CompatError, load_tables, resolve
from cog.config import Build, Config, ConfigInvalid, parse

TABLES = load_tables()

WORDS = st.sampled_from(
    "build: gpu python_version python_packages predict: run: command mounts environment concurrency max : - [ ] { } , "
    "true no ~ 3.10 0x1f 1e3 '3 \" ' # & * ! | > >- << &a *a ? @ ` % \t \n \n\n  \n    \r\n \u2028 --- ... é \x85 \\ "
    "12:30 2024-01-01 !!int !!binary !x".split(" ")
)
LINES = st.lists(WORDS, max_size=25).map(" ".join) | st.lists(WORDS, max_size=25).map("".join)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=LINES | st.text(max_size=60))
@example(text='build:\n  python_version: "' + "9" * 5000 + '.1"')
@example(text="concurrency:\n  max: " + "9" * 5000)
@example(text="build: {gpu: true, cuda: '" + "9" * 5000 + ".1'}")
@example(text="a: " + "[" * 200 + "]" * 200)
def test_any_text_is_a_config_or_a_list_of_problems(text: str) -> None:
    try:
        assert isinstance(parse(text), Config)
    except ConfigInvalid as error:
        assert error.problems
        for problem in error.problems:
            assert problem.code and problem.message and problem.category
            assert problem.report().startswith(problem.headline)
        assert error.report()


PIECES = st.sampled_from(
    "torch torchvision tensorflow cog == === >= 2.3 2.3.1 2.3.1+cu118 +cpu 0.18.1 2.12.0 ; # \\ [x] @ https://x.example/y "
    "-e . -r -c --hash=sha256:a -f --extra-index-url=https://x python_version < '3.11' sys_platform and or ( ) \n \t".split(" ")
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    lines=st.lists(st.lists(PIECES, max_size=8).map(" ".join) | st.lists(PIECES, max_size=8).map("".join), max_size=4),
    gpu=st.booleans(),
    cuda=st.sampled_from([None, "11.8", "12.4.1", "12.7"]),
)
@example(lines=["torch==" + "9" * 5000 + ".1"], gpu=True, cuda=None)
def test_any_requirement_is_resolved_or_refused(lines: "list[str]", gpu: bool, cuda: "str | None") -> None:
    try:
        got = resolve(Config(build=Build(gpu=gpu, cuda=cuda)), lines, TABLES)
    except CompatError as error:
        assert error.code and error.what and error.fix
    else:
        assert got.base_image and got.python_version

"""Every example of docs/python.md and docs/training.md runs, and describes an interface where it defines one."""

import pathlib
import re
import sys
import types

import pytest

from cog.runtime_stdlib.schema import openapi
from cog.runtime_stdlib.schema.introspect import describe

DOCS = pathlib.Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"(?:<!-- needs (\w+) -->\n)?```python\n(.*?)```", re.DOTALL)


def examples():
    for name in ("python.md", "training.md"):
        text = (DOCS / name).read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start(2))
            yield pytest.param(match[2], match[1], id="%s:%d" % (name, line))


@pytest.mark.parametrize("code, needs", examples())
def test_the_example_runs(code, needs, monkeypatch):
    if needs:
        pytest.importorskip(needs)
    if sys.version_info < (3, 9):
        code = code.replace("import Annotated", "import Any as Annotated").replace("Annotated[dict, Opaque]", "str")
    module = types.ModuleType("docs_example")
    monkeypatch.setitem(sys.modules, "docs_example", module)
    try:
        exec(compile(code, "<docs>", "exec", dont_inherit=True), module.__dict__)
        predict = train = None
        for value in list(vars(module).values()):
            method = getattr(value, "predict", None) if isinstance(value, type) else None
            if method is not None and getattr(method, "__cog_stub__", False):
                method = getattr(value, "run", None)
            if method is not None and not getattr(method, "__cog_stub__", False):
                predict = describe(method, mode="predict", skip_self=True)
        if callable(getattr(module, "predict", None)):
            predict = describe(module.predict, mode="predict")
        if callable(getattr(module, "train", None)):
            train = describe(module.train, mode="train")
        if predict or train:
            assert openapi.document(predict, train)["components"]
    finally:
        coder = sys.modules.get("cog.runtime_stdlib.sdk.coder")
        if coder is not None:
            coder.Coder._known.clear()
            coder.Coder._found.clear()

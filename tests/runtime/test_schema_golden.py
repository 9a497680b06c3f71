"""The OpenAPI document of whole predictors, as files: tests/golden/openapi/NAME/{predict.py,openapi.json}.

A new case needs only its predict.py. `COG_TEST_UPDATE_GOLDEN=1` writes the documents; the diff is what gets reviewed.
"""

import importlib.util
import json
import os
import pathlib
import sys

import pytest

from cog.runtime_stdlib.schema import docs_page, openapi
from cog.runtime_stdlib.schema.introspect import describe
from cog.runtime_stdlib.schema.spec import Spec

try:
    import openapi_spec_validator as validator
except (ImportError, TypeError):  # not installed; on Python 3.8 what it needs does not load
    validator = None

needs_validator = pytest.mark.skipif(validator is None, reason="openapi-spec-validator does not load here")
CASES = sorted((pathlib.Path(__file__).parents[1] / "golden" / "openapi").iterdir())


def load(case, monkeypatch):
    name = "golden_" + case.name.replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, str(case / "predict.py"))
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def specs(case, monkeypatch):
    """What the worker would send: read, sent as data, and read again."""
    module = load(case, monkeypatch)
    found = []
    if hasattr(module, "Predictor"):
        found.append(describe(module.Predictor.predict, mode="predict", skip_self=True))
    elif hasattr(module, "predict"):
        found.append(describe(module.predict, mode="predict"))
    else:
        found.append(None)
    found.append(describe(module.train, mode="train") if hasattr(module, "train") else None)
    return [None if spec is None else Spec.from_data(spec.to_data()) for spec in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_document_is_the_recorded_one(case, monkeypatch):
    document = openapi.document(*specs(case, monkeypatch))
    golden = case / "openapi.json"
    if os.environ.get("COG_TEST_UPDATE_GOLDEN"):
        golden.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    assert document == json.loads(golden.read_text(encoding="utf-8"))


@needs_validator
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_document_is_valid_openapi_3_0(case):
    document = json.loads((case / "openapi.json").read_text(encoding="utf-8"))
    validator.validate(document, cls=validator.OpenAPIV30SpecValidator)
    if case.name != "training-alone":
        names = set(document["components"]["schemas"])
        assert {"Input", "Output", "PredictionRequest", "PredictionResponse"} <= names


@needs_validator
def test_the_document_of_a_failed_start_is_valid_too():
    document = openapi.failed_document()
    assert sorted(document["paths"]) == ["/health-check", "/shutdown"]
    assert "components" not in document
    validator.validate(document, cls=validator.OpenAPIV30SpecValidator)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_document_makes_a_page_that_needs_no_network(case):
    page = docs_page.page(json.loads((case / "openapi.json").read_text(encoding="utf-8"))).decode()
    assert page.startswith("<!doctype html>")
    assert "<script" not in page and "<link" not in page and "@import" not in page and " src=" not in page
    assert "never shown" not in page


def test_the_page_escapes_what_the_model_says():
    def predict(x: str) -> str: ...

    document = openapi.document(describe(predict, mode="predict"), None)
    document["components"]["schemas"]["Input"]["properties"]["x"]["description"] = "<script>alert('&')</script>"
    page = docs_page.page(document).decode()
    assert "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;" in page and "<script>" not in page


def test_the_page_of_a_failed_start_says_where_to_look():
    assert b"/health-check" in docs_page.page(openapi.failed_document())

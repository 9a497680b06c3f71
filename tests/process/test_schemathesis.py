"""schemathesis against ten models: whatever it sends, no 5xx and no answer that breaks the document.

The document equals the recorded one of release 0.14, which cannot say everything that its own answers do: that
unknown fields are null, that ids must agree, which statuses there are besides 200 and 422. `truthful()` adds exactly
that before schemathesis reads it. Not checked: that data outside the schema is refused, because the recorded rules
coerce much of it ("3" is a fine int), and header names that schemathesis invents.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from serving import Server

MODELS = {
    "text": "def predict(self, text: str = Input(min_length=1, max_length=10)) -> str:\n        return text",
    "numbers": "def predict(self, n: int = Input(ge=-5, le=5), f: float = Input(default=0.5, ge=0, le=1)) -> float:\n"
    "        return n * f",
    "flags": "def predict(self, a: bool, b: bool = True) -> bool:\n        return a and b",
    "choices": 'def predict(self, kind: str = Input(choices=["ink", "oil"]), size: int = Input(choices=[1, 2], default=1)'
    ") -> str:\n        return kind * size",
    "lists": "def predict(self, names: List[str], counts: List[int] = [1]) -> List[str]:\n        return names",
    "optional": "def predict(self, a: Optional[int] = None, b: Optional[str] = None) -> Optional[str]:\n        return b",
    "unions": "def predict(self, u: Union[int, str] = 1) -> Any:\n        return u",
    "literals": 'def predict(self, l: Literal["a", "b"] = "a") -> str:\n        return l',
    "objects": "def predict(self, n: int = 1) -> Output:\n        return Output(n=n, text=str(n))",
    "streams": "def predict(self, n: int = Input(default=3, ge=0, le=50)) -> Iterator[str]:\n"
    "        for i in range(n):\n            yield str(i)",
    "secrets": "def predict(self, token: Secret, other: str = 'x') -> int:\n        return len(token)",
    "fails": "def predict(self, n: int = 1) -> int:\n        raise ValueError('always')",
}

HEAD = """from typing import Any, Iterator, List, Literal, Optional, Union
from cog import BaseModel, BasePredictor, Input, Secret

class Output(BaseModel):
    n: int
    text: Optional[str]

class Predictor(BasePredictor):
    """


def truthful(document: dict) -> dict:
    """The document with what the recorded one leaves out."""
    schemas = document["components"]["schemas"]
    for key, schema in schemas["PredictionResponse"]["properties"].items():
        if "$ref" not in schema:
            schema["nullable"] = True
    schemas["Output"]["nullable"] = True
    if "required" in schemas["Input"]:
        schemas["PredictionRequest"]["required"] = ["input"]
        document["paths"]["/predictions"]["post"]["requestBody"]["required"] = True
    for name, schema in schemas["Input"].get("properties", {}).items():
        if "default" not in schema and name not in schemas["Input"].get("required", ()):
            schema["nullable"] = True
    request = schemas["PredictionRequest"]["properties"]
    for key in ("id", "webhook", "output_file_prefix", "created_at"):
        del request[key]  # ids must agree, the others are addresses and moments: the process tests send those
    for path in document["paths"].values():
        for operation in path.values():
            for status in ("400", "404", "405", "409"):
                operation["responses"][status] = {"description": "see docs/http.md"}
    del document["paths"]["/shutdown"]
    return document


@pytest.mark.heavy
@pytest.mark.parametrize("name", list(MODELS))
def test_whatever_is_sent_the_answers_keep_to_the_document(tmp_path, name):
    found = Path(sys.executable).with_name("st")
    program = str(found) if found.exists() else shutil.which("st")
    if program is None:
        pytest.skip("schemathesis is not installed (it needs Python 3.10)")
    with Server(tmp_path, HEAD + MODELS[name] + "\n") as server:
        document = truthful(server.request("GET", "/openapi.json").json)
        schema = tmp_path / "schema.json"
        schema.write_text(json.dumps(document))
        run = subprocess.run(
            [program, "run", str(schema), "--url", "http://127.0.0.1:%d" % server.port, "--checks", "all"]
            + ["--exclude-checks", "negative_data_rejection"]
            + ["--max-examples", "20", "--seed", "7", "--no-color"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
        assert "internal error" not in server.log()

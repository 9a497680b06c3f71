"""Models beside other people's packages: old and new pydantic, fastapi, typing-extensions, numpy, pandas.

Each environment is a real one, made with venv and pip. Two things are shown in each: `import cog` neither imports what
is installed there nor is disturbed by it, and a model that uses those packages for its outputs is served.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Dict, List

import pytest
from serving import ROOT, Server

pytestmark = [pytest.mark.matrix, pytest.mark.heavy]

ENVIRONMENTS: Dict[str, List[str]] = {
    "pydantic-1": ["pydantic==1.10.24"],
    "pydantic-2": ["pydantic>=2.8,<3"],
    "fastapi": ["fastapi>=0.110"],
    "fastapi-pydantic-1": ["fastapi==0.99.1", "pydantic==1.10.24"],
    "typing-extensions-old": ["typing-extensions==4.1.1"],
    "typing-extensions-new": ["typing-extensions>=4.12"],
    "numpy-1": ["numpy<2"],
    "numpy-2": ["numpy>=2", "pandas"],
}
UNAVAILABLE = {
    "numpy-1": sys.version_info >= (3, 13),
    "numpy-2": sys.version_info < (3, 9),
    "fastapi": sys.version_info < (3, 9),
}
FOREIGN = "pydantic pydantic_core fastapi starlette typing_extensions numpy pandas torch yaml".split()


class InEnvironment(Server):
    """The server under another interpreter than the tests'."""

    def __init__(self, python: Path, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._argv[0] = str(python)


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    return {}


@pytest.fixture
def python(environments: Dict[str, Path], tmp_path_factory: pytest.TempPathFactory, request: Any) -> Path:
    """The interpreter of an environment, made when it is first asked for."""
    name = request.param
    if UNAVAILABLE.get(name):
        pytest.skip("%s does not exist for this Python" % name)
    if name not in environments:
        home = tmp_path_factory.mktemp(name)
        venv.create(str(home), with_pip=True, symlinks=True)
        found = home / "bin" / "python"
        subprocess.run([str(found), "-m", "pip", "install", "-q", *ENVIRONMENTS[name]], check=True)
        environments[name] = found
    return environments[name]


def within(*names: str) -> Any:
    return pytest.mark.parametrize("python", names, indirect=True)


def run(python: Path, code: str) -> str:
    done = subprocess.run(
        [str(python), "-W", "error", "-c", code],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@within(*ENVIRONMENTS)
def test_importing_all_of_cog_imports_nothing_that_is_installed(python: Path) -> None:
    code = """
import sys
import cog
for name in dir(cog):
    getattr(cog, name)
import cog.types, cog.files, cog.base_predictor, cog.server.exceptions
import cog.runtime_stdlib.schema.introspect, cog.runtime_stdlib.worker.encode, cog.runtime_stdlib.worker.bind
import cog.runtime_stdlib.validation, cog.runtime_stdlib.schema.openapi
print(sorted(set(%r) & {name.partition(".")[0] for name in sys.modules}))
"""
    assert run(python, code % FOREIGN) == "[]"


PLAIN = """
import sys
from typing import Any
from cog import BaseModel, BasePredictor, Path

class Output(BaseModel):
    loaded: list
    n: int

class Predictor(BasePredictor):
    def predict(self, n: int = 1) -> Output:
        return Output(loaded=[name for name in %r if name in sys.modules], n=str(n))
"""


@within(*ENVIRONMENTS)
def test_a_model_that_uses_none_of_them_has_none_in_its_process(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, PLAIN % FOREIGN) as server:
        assert server.predict(n=3)["output"] == {"loaded": [], "n": 3}


PYDANTIC = """
import tempfile
from typing import Any, Dict, List, Optional
from pydantic import BaseModel, Field
from cog import BasePredictor, Input, Path, Secret

class Box(BaseModel):
    x: int
    label: Optional[str] = None

class Output(BaseModel):
    "What comes out."
    text: str = Field(description="the text")
    score: Optional[float] = None
    picture: Path
    boxes: List[Box] = []
    table: Dict[str, Box] = {}
    token: Optional[Secret] = None

class Predictor(BasePredictor):
    def predict(self, text: str, wrong: bool = False) -> Output:
        picture = Path(tempfile.mkdtemp()) / "o.txt"
        picture.write_text("file")
        if wrong:
            return Output(text=text, picture=picture, score="no number")
        return Output(text=text, picture=picture, boxes=[{"x": "1"}, Box(x=2, label="b")], table={"k": Box(x=3)}, token="secret")
"""


@within("pydantic-1", "pydantic-2", "fastapi", "fastapi-pydantic-1")
def test_models_of_pydantic_are_outputs(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, PYDANTIC) as server:
        assert server.predict(text="t")["output"] == {
            "text": "t",
            "score": None,
            "picture": "data:text/plain;base64,ZmlsZQ==",
            "boxes": [{"x": 1, "label": None}, {"x": 2, "label": "b"}],
            "table": {"k": {"x": 3, "label": None}},
            "token": "**********",
        }
        failed = server.predict(text="t", wrong=True)
        assert failed["status"] == "failed" and "score" in failed["error"]
        schemas = server.request("GET", "/openapi.json").json["components"]["schemas"]
        output = schemas["Output"]
        assert (output["title"], output["type"], output["description"]) == ("Output", "object", "What comes out.")
        assert output["required"] == ["text", "picture"]
        properties = output["properties"]
        assert properties["text"] == {"title": "Text", "type": "string", "description": "the text"}
        assert properties["score"] == {"title": "Score", "type": "number"}
        assert properties["picture"] == {"title": "Picture", "type": "string", "format": "uri"}
        assert properties["boxes"]["items"] == {"$ref": "#/components/schemas/Box"}
        assert schemas["Box"]["properties"]["x"] == {"title": "X", "type": "integer"}
        assert schemas["Box"]["required"] == ["x"]
        assert "token" in properties and "definitions" not in output and "$defs" not in output


SERIALIZERS = """
from typing import Any, List
import pydantic
from cog import BasePredictor

class Shouted(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    text: str
    hidden: int = pydantic.Field(default=1, exclude=True)

    @pydantic.computed_field
    @property
    def length(self) -> int:
        return len(self.text)

class Own(pydantic.BaseModel):
    text: str

    @pydantic.field_serializer("text")
    def shout(self, text: str) -> str:
        return text.upper()

class Words(pydantic.RootModel[List[str]]):
    pass

class Predictor(BasePredictor):
    def predict(self) -> Any:
        return [Shouted(text="abc", more=[1]), Own(text="abc"), Words(["a"])]
"""


@within("pydantic-2", "fastapi")
def test_what_pydantic_2_serializes_its_own_way_is(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, SERIALIZERS) as server:
        assert server.predict()["output"] == [{"text": "abc", "length": 3, "more": [1]}, {"text": "ABC"}, ["a"]]


INSIDE = """
from typing import Any, List
import pydantic
from cog import BasePredictor, BaseModel

class Theirs(pydantic.BaseModel):
    x: int = 1

class Ours(BaseModel):
    inner: Theirs
    many: List[Theirs] = []

class Predictor(BasePredictor):
    def predict(self) -> List[Ours]:
        return [Ours(inner={"x": "2"}, many=[Theirs(x=3)]), {"inner": Theirs()}]
"""


@within("pydantic-1", "pydantic-2")
def test_their_models_may_stand_inside_ours(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, INSIDE) as server:
        assert server.predict()["output"] == [{"inner": {"x": 2}, "many": [{"x": 3}]}, {"inner": {"x": 1}}]


OURS_INSIDE = """
from typing import Any, List
import pydantic
from cog import BasePredictor, BaseModel, File
import io

class Ours(BaseModel):
    x: int = 1

class Output(pydantic.BaseModel):
    inner: Ours
    many: List[Ours] = []
    sound: File

class Predictor(BasePredictor):
    def predict(self) -> Output:
        return Output(inner={"x": "2"}, many=[Ours(x=3)], sound=io.BytesIO(b"x"))
"""


@within("pydantic-1", "pydantic-2")
def test_our_models_may_stand_inside_theirs(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, OURS_INSIDE) as server:
        file = "data:application/octet-stream;base64,eA=="
        assert server.predict()["output"] == {"inner": {"x": 2}, "many": [{"x": 3}], "sound": file}
        properties = server.request("GET", "/openapi.json").json["components"]["schemas"]["Output"]["properties"]
        assert properties["inner"]["type"] == "object" and properties["sound"]["format"] == "uri"


FASTAPI = """
import fastapi, fastapi.testclient
from cog import BasePredictor

class Predictor(BasePredictor):
    def setup(self):
        self.app = fastapi.FastAPI()

    def predict(self) -> dict:
        return {"title": self.app.openapi()["info"]["title"]}
"""


@within("fastapi", "fastapi-pydantic-1")
def test_a_model_may_use_fastapi_for_itself(python: Path, tmp_path: Path) -> None:
    model = FASTAPI.replace(", fastapi.testclient", "")
    with InEnvironment(python, tmp_path, model) as server:
        assert server.predict()["output"] == {"title": "FastAPI"}


EXTENSIONS = """
from typing import List
from typing_extensions import Annotated, Literal, NotRequired, Required, TypedDict
from cog import BasePredictor, Input, Opaque

class Size(TypedDict):
    width: int
    height: NotRequired[int]

class Partial(TypedDict, total=False):
    must: Required[str]
    may: int

class Predictor(BasePredictor):
    def predict(
        self,
        kind: Literal["a", "b"] = "a",
        number: Annotated[int, "a note"] = Input(default=2, ge=1),
        size: Size = Input(default={"width": 1}),
        anything: Annotated[dict, Opaque] = Input(default={}),
    ) -> Partial:
        return {"must": "%s %d %s %s" % (kind, number, size, anything)}
"""


@within("typing-extensions-old", "typing-extensions-new")
def test_types_of_typing_extensions_are_understood(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, EXTENSIONS) as server:
        given = {"kind": "b", "number": "3", "size": {"width": "4"}, "anything": {"deep": [1]}}
        assert server.predict(**given)["output"] == {"must": "b 3 {'width': 4} {'deep': [1]}"}
        refused = server.request("POST", "/predictions", {"input": {"kind": "c", "number": 0, "size": {}}})
        assert [item["loc"][2:] for item in refused.json["detail"]] == [["kind"], ["number"], ["size", "width"]]
        properties = server.request("GET", "/openapi.json").json["components"]["schemas"]["Input"]["properties"]
        assert properties["kind"]["enum"] == ["a", "b"] and properties["number"]["minimum"] == 1.0


NUMPY = """
import dataclasses
from typing import Any, Dict, List, NamedTuple
import numpy as np
from cog import BaseModel, BasePredictor

class Output(BaseModel):
    score: float
    count: int
    name: str
    flag: bool
    vector: List[float]
    raw: Any

class Predictor(BasePredictor):
    def predict(self, kind: str = "model") -> Any:
        if kind == "array":
            return np.array([[1, 2], [3, 4]], dtype=np.int8)
        if kind == "scalar":
            return np.float32(0.5)
        if kind == "text":
            return np.str_("text")
        if kind == "flag":
            return np.bool_(True)
        if kind == "nan":
            return np.array([np.nan, 1.0])
        if kind == "time":
            return np.array(["2020-01-01"], dtype="datetime64[D]")
        if kind == "mixed":
            return {"f": np.float64(1.5), "i": np.int64(3), "l": [np.int8(1)], "t": (np.uint16(2),), "d": {"k": np.zeros(2)}}
        return Output(
            score=np.float32(0.25), count=np.int64(2), name=np.str_("n"), flag=np.bool_(False),
            vector=np.ones(2), raw=np.arange(2),
        )
"""


@within("numpy-1", "numpy-2")
def test_values_of_numpy_are_outputs(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, NUMPY) as server:
        found = {kind: server.predict(kind=kind)["output"] for kind in "array scalar text flag nan time mixed model".split()}
        assert found == {
            "array": [[1, 2], [3, 4]],
            "scalar": 0.5,
            "text": "text",
            "flag": True,
            "nan": [None, 1.0],
            "time": ["2020-01-01"],
            "mixed": {"f": 1.5, "i": 3, "l": [1], "t": [2], "d": {"k": [0.0, 0.0]}},
            "model": {"score": 0.25, "count": 2, "name": "n", "flag": False, "vector": [1.0, 1.0], "raw": [0, 1]},
        }


PROMISED = """
import numpy as np
from typing import List
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, kind: str = "list") -> List[float]:
        return {"list": np.array([1.0, 2.0]), "scalar": np.float32(1)}[kind]
"""


@within("numpy-1", "numpy-2")
def test_an_array_fits_where_a_list_was_promised_and_a_scalar_does_not(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, PROMISED) as server:
        assert server.predict()["output"] == [1.0, 2.0]
        wrong = server.request("POST", "/predictions", {"input": {"kind": "scalar"}})
        assert wrong.status == 500
        assert "predict() returned numpy.float32, but its return annotation promises a list of float" in wrong.json["detail"]


PANDAS = """
import pandas as pd
from typing import Any
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self) -> Any:
        frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "t": [pd.Timestamp("2020-01-02"), pd.NaT]})
        mean = frame["a"].mean()
        return {"frame": frame, "series": frame["a"], "time": pd.Timestamp("2020-01-02"), "none": pd.NaT, "mean": mean}
"""


@within("numpy-2")
def test_values_of_pandas_are_outputs(python: Path, tmp_path: Path) -> None:
    with InEnvironment(python, tmp_path, PANDAS) as server:
        at = "2020-01-02T00:00:00"
        assert server.predict()["output"] == {
            "frame": [{"a": 1, "b": "x", "t": at}, {"a": 2, "b": None, "t": None}],
            "series": [1, 2],
            "time": at,
            "none": None,
            "mean": 1.5,
        }

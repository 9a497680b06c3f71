"""Any JSON at all, against any annotation: a value of that type, or the problems; never anything else."""

import json
import math
from typing import Dict, List, Optional, Union

import pytest

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from cog import File, Input, Path, Secret  # noqa: E402
from cog.runtime_stdlib.schema.introspect import describe  # noqa: E402
from cog.runtime_stdlib.schema.spec import Spec  # noqa: E402
from cog.runtime_stdlib.validation import InputInvalid, check_prediction  # noqa: E402
from cog.runtime_stdlib.worker.bind import Binder  # noqa: E402

try:
    from typing import Literal
except ImportError:
    from typing_extensions import Literal

texts = st.one_of(
    st.text(max_size=8),
    st.text(st.characters(min_codepoint=0xD7FF, max_codepoint=0xE000), max_size=3),
    st.sampled_from(["yes", "off", "1", "1e3", "nan", "-inf", " 7 ", "1_0", "data:,x", "http://h/a", "ftp://h", "data:x", "٣"]),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**330),
    st.floats(),
    texts,
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3), max_leaves=10
)


def is_list_of(check):
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def is_a(*kinds):
    return lambda value: type(value) in kinds


ANNOTATIONS = {
    "str": (str, is_a(str)),
    "int": (int, is_a(int)),
    "float": (float, is_a(float)),
    "bool": (bool, is_a(bool)),
    "list of str": (List[str], is_list_of(is_a(str))),
    "list of int": (List[int], is_list_of(is_a(int))),
    "list of float": (List[float], is_list_of(is_a(float))),
    "list of lists": (List[List[bool]], is_list_of(is_list_of(is_a(bool)))),
    "optional": (Optional[int], is_a(int, type(None))),
    "union": (Union[int, str], is_a(int, str)),
    "union of list": (Union[float, List[int]], lambda v: type(v) is float or is_list_of(is_a(int))(v)),
    "json union": (
        Union[str, int, float, bool, dict, List[str], None],
        is_a(str, int, float, bool, dict, list, type(None)),
    ),
    "literal": (Literal["yes", 1, True], lambda value: value in ("yes", 1)),
    "dict": (Dict[str, float], lambda v: type(v) is dict and all(type(item) is float for item in v.values())),
    "secret": (Secret, is_a(Secret)),
    "list of secrets": (List[Secret], is_list_of(is_a(Secret))),
    "path": (Path, is_a(Path)),
    "file": (File, lambda value: hasattr(value, "read")),
    "paths": (List[Path], is_list_of(is_a(Path))),
    "path or str": (Union[Path, str], is_a(Path, str)),
}


def prepared(annotation, default=Input()):
    def predict(x=default) -> str: ...

    predict.__annotations__["x"] = annotation
    spec = describe(predict, mode="predict")
    return Spec.from_data(spec.to_data()), Binder(predict, spec)


PREPARED = {name: prepared(annotation) for name, (annotation, _) in ANNOTATIONS.items()}


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    path = tmp_path_factory.mktemp("fetched") / "file"
    path.write_bytes(b"content")
    return str(path)


@pytest.mark.parametrize("name", sorted(ANNOTATIONS))
def test_any_json_gives_a_value_of_the_type_or_a_422(name, fetched):
    spec, binder = PREPARED[name]
    fits = ANNOTATIONS[name][1]

    @settings(max_examples=60, deadline=None)
    @given(values)
    def check(value):
        try:
            request = check_prediction(spec, {"input": {"x": value}})
        except InputInvalid as invalid:
            detail = json.loads(invalid.body())["detail"]
            assert detail and all(item["loc"][:3] == ["body", "input", "x"] for item in detail)
            return
        leaves = [(leaf.where, leaf.kind, fetched, "name") for leaf in request.leaves]
        arguments = binder.bind(request.values, leaves)
        opened = arguments["x"]
        try:
            assert fits(arguments["x"])
        finally:
            if hasattr(opened, "close"):
                opened.close()
        assert isinstance(json.loads(request.echo), dict)

    check()


@settings(max_examples=150, deadline=None)
@given(values, st.booleans(), st.sampled_from([None, "id"]))
def test_any_json_as_a_body_is_a_request_or_a_422(body, put, path_id):
    spec, _ = PREPARED["optional"]
    try:
        request = check_prediction(spec, body, path_id, put=put)
    except InputInvalid as invalid:
        assert all(item["loc"][0] == "body" for item in json.loads(invalid.body())["detail"])
    else:
        assert json.loads(request.echo).get("x") is None


fields = st.sampled_from(
    ["input", "id", "created_at", "output_file_prefix", "webhook", "webhook_events_filter", "context", "other"]
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(fields, values))
def test_any_json_in_the_envelope_is_a_request_or_a_422(body):
    spec, _ = PREPARED["optional"]
    try:
        request = check_prediction(spec, body)
    except InputInvalid as invalid:
        assert json.loads(invalid.body())["detail"]
    else:
        assert request.id is None or isinstance(request.id, str)
        assert request.webhook_events_filter


numbers = st.one_of(st.floats(), st.integers(min_value=-(10**6), max_value=10**6))


@settings(max_examples=100, deadline=None)
@given(st.lists(numbers, max_size=20), st.one_of(st.none(), st.integers(-5, 5)), st.one_of(st.none(), st.floats(-9, 9)))
def test_a_list_judged_as_a_whole_is_judged_like_its_items(items, ge, le):
    whole, _ = prepared(List[float], Input(ge=ge, le=le))
    single, _ = prepared(float, Input(ge=ge, le=le))

    def problems(spec, value):
        try:
            return check_prediction(spec, {"input": {"x": value}}).values["x"], []
        except InputInvalid as invalid:
            return None, [(item["msg"], item["type"]) for item in invalid.problems]

    one_by_one = [problems(single, item) for item in items]
    value, found = problems(whole, items)
    assert found == [problem for _, listed in one_by_one for problem in listed]
    if not found:
        assert value == [item for item, _ in one_by_one] and all(map(math.isfinite, value))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_a_secret_is_nowhere_in_the_echo(secret):
    spec, _ = PREPARED["secret"]
    echo = json.loads(check_prediction(spec, {"input": {"x": secret}}).echo)
    assert echo == {"x": "**********" if secret else ""}

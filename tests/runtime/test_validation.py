"""Request bodies against a Spec: what is accepted, what it becomes, and what is said otherwise."""

import json
import math
from typing import Dict, List, Optional, Union

import pytest

from cog import File, Input, Path, Secret
from cog.runtime_stdlib.schema.introspect import describe
from cog.runtime_stdlib.schema.spec import Spec
from cog.runtime_stdlib.validation import NO_BODY, InputInvalid, check_prediction

try:
    from typing import Literal, TypedDict
except ImportError:
    from typing_extensions import Literal, TypedDict


def spec_for(annotation, default=Input(), mode="predict"):
    def predict(x=default) -> str: ...

    predict.__annotations__["x"] = annotation
    return Spec.from_data(describe(predict, mode=mode).to_data())


def spec_of(function, mode="predict"):
    return Spec.from_data(describe(function, mode=mode).to_data())


def accepted(spec, value):
    request = check_prediction(spec, {"input": {"x": value}})
    return request.values["x"]


def echoed(spec, value, **options):
    return json.loads(check_prediction(spec, {"input": {"x": value}}, **options).echo)["x"]


def refused(spec, body, *arguments, **options):
    with pytest.raises(InputInvalid) as caught:
        check_prediction(spec, body, *arguments, **options)
    return json.loads(caught.value.body())["detail"]


def refusal(spec, value):
    return [(item["loc"][2:], item["msg"], item["type"]) for item in refused(spec, {"input": {"x": value}})]


@pytest.mark.parametrize(
    "annotation, given, value",
    [
        (str, "a", "a"),
        (str, 12, "12"),
        (str, 1.5, "1.5"),
        (str, True, "True"),
        (int, 3, 3),
        (int, 2.9, 2),
        (int, -2.9, -2),
        (int, True, 1),
        (int, " 18 ", 18),
        (int, "1_000", 1000),
        (int, 2**70, 2**70),
        (float, 4, 4.0),
        (float, "1e3", 1000.0),
        (float, False, 0.0),
        (bool, 1.0, True),
        (bool, "OFF", False),
        (bool, "t", True),
        (List[str], [1, "a", True], ["1", "a", "True"]),
        (List[int], ["3", 4.0], [3, 4]),
        (List[float], [1, "2"], [1.0, 2.0]),
        (List[bool], ["yes", 0], [True, False]),
        (List[List[int]], [[1], ["2"]], [[1], [2]]),
        (List[Optional[int]], [None, "2"], [None, 2]),
        (Optional[str], None, None),
        (Union[int, str], "1", 1),
        (Union[int, str], 1.5, 1),
        (Union[int, str], "x", "x"),
        (Union[str, int], 2, "2"),
        (Union[int, List[int]], [1, "2"], [1, 2]),
        (Union[float, None], "1", 1.0),
        (Literal["a", "b"], "a", "a"),
        (Literal[1, 2], 1.0, 1),
        (Dict[str, int], {"a": "1"}, {"a": 1}),
        (Union[str, int, dict], {"a": [1]}, {"a": [1]}),
        (Union[str, int, float, bool, dict, List[int], None], True, True),
        (Union[str, int, float, bool, dict, List[int], None], 3, 3),
        (Union[str, int, float, bool, dict, List[int], None], 3.5, 3.5),
        (Union[int, str, dict], "7", "7"),
        (Union[int, str, dict], [], None),
    ],
)
def test_values_become_what_was_promised(annotation, given, value):
    if value is None and given is not None:
        assert refusal(spec_for(annotation), given)
        return
    found = accepted(spec_for(annotation), given)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity"])
def test_not_a_number_may_be_spelt_out_and_is_null_in_the_echo(text):
    spec = spec_for(float)
    assert not math.isfinite(accepted(spec, text))
    assert echoed(spec, text) is None


@pytest.mark.parametrize(
    "annotation, default, given, problems",
    [
        (str, Input(), ["a"], [(["x"], "str type expected", "type_error.str")]),
        (str, Input(), None, [(["x"], "none is not an allowed value", "type_error.none.not_allowed")]),
        (str, "d", None, [(["x"], "none is not an allowed value", "type_error.none.not_allowed")]),
        (str, Input(), math.nan, [(["x"], "ensure this value is a finite number", "value_error.number.not_finite_number")]),
        (int, Input(), "2.5", [(["x"], "value is not a valid integer", "type_error.integer")]),
        (int, Input(), math.inf, [(["x"], "value is not a valid integer", "type_error.integer")]),
        (int, Input(), "9" * 5000, [(["x"], "value is not a valid integer", "type_error.integer")]),
        (float, Input(), "", [(["x"], "value is not a valid float", "type_error.float")]),
        (float, Input(), 10**400, [(["x"], "value is not a valid float", "type_error.float")]),
        (float, Input(), math.nan, [(["x"], "ensure this value is a finite number", "value_error.number.not_finite_number")]),
        (bool, Input(), 2, [(["x"], "value could not be parsed to a boolean", "type_error.bool")]),
        (bool, Input(), {}, [(["x"], "value could not be parsed to a boolean", "type_error.bool")]),
        (List[str], Input(), "abc", [(["x"], "value is not a valid list", "type_error.list")]),
        (List[str], Input(), [None], [(["x", 0], "none is not an allowed value", "type_error.none.not_allowed")]),
        (
            List[int],
            Input(),
            ["a", 1, []],
            [
                (["x", 0], "value is not a valid integer", "type_error.integer"),
                (["x", 2], "value is not a valid integer", "type_error.integer"),
            ],
        ),
        (
            List[float],
            Input(),
            [1.0, math.nan],
            [(["x", 1], "ensure this value is a finite number", "value_error.number.not_finite_number")],
        ),
        (
            Union[int, List[int]],
            Input(),
            ["z"],
            [
                (["x"], "value is not a valid integer", "type_error.integer"),
                (["x", 0], "value is not a valid integer", "type_error.integer"),
            ],
        ),
        (Union[int, str], Input(), None, [(["x"], "none is not an allowed value", "type_error.none.not_allowed")]),
        (Dict[str, int], Input(), [], [(["x"], "value is not a valid dict", "type_error.dict")]),
        (Dict[str, int], Input(), {"a": "b"}, [(["x", "a"], "value is not a valid integer", "type_error.integer")]),
        (float, Input(ge=0), math.nan, [(["x"], "ensure this value is greater than or equal to 0", "value_error.number.not_ge")]),
        (int, Input(ge=2), 1, [(["x"], "ensure this value is greater than or equal to 2", "value_error.number.not_ge")]),
        (float, Input(le=1.0), 2, [(["x"], "ensure this value is less than or equal to 1.0", "value_error.number.not_le")]),
        (
            str,
            Input(min_length=2),
            "é",
            [(["x"], "ensure this value has at least 2 characters", "value_error.any_str.min_length")],
        ),
        (
            str,
            Input(max_length=2),
            123,
            [(["x"], "ensure this value has at most 2 characters", "value_error.any_str.max_length")],
        ),
        (str, Input(regex="^k$"), "kk", [(["x"], 'string does not match regex "^k$"', "value_error.str.regex")]),
        (
            str,
            Input(choices=["a", "b"]),
            3,
            [(["x"], "value is not a valid enumeration member; permitted: 'a', 'b'", "type_error.enum")],
        ),
        (int, Input(choices=[1, 2]), "x", [(["x"], "value is not a valid integer", "type_error.integer")]),
        (
            int,
            Input(choices=[1, 2]),
            "3",
            [(["x"], "value is not a valid enumeration member; permitted: 1, 2", "type_error.enum")],
        ),
        (Literal["a", 1], Input(), "1", [(["x"], "unexpected value; permitted: 'a', 1", "value_error.const")]),
        (Literal["a"], Input(), [], [(["x"], "unexpected value; permitted: 'a'", "value_error.const")]),
        (
            List[int],
            Input(ge=0),
            [1, -1],
            [(["x", 1], "ensure this value is greater than or equal to 0", "value_error.number.not_ge")],
        ),
        (Path, Input(), 5, [(["x"], "str type expected", "type_error.str")]),
        (Path, Input(), ["data:,x"], [(["x"], "str type expected", "type_error.str")]),
        (
            Path,
            Input(),
            "file:///etc/passwd",
            [(["x"], "'file' is not a valid URL scheme. 'data', 'http', or 'https' is supported.", "value_error")],
        ),
        (
            List[Path],
            Input(),
            ["data:,x", "nope"],
            [(["x", 1], "'' is not a valid URL scheme. 'data', 'http', or 'https' is supported.", "value_error")],
        ),
        (File, Input(), None, [(["x"], "none is not an allowed value", "type_error.none.not_allowed")]),
        (Secret, Input(), ["s"], [(["x"], "str type expected", "type_error.str")]),
    ],
)
def test_what_does_not_fit_is_said_in_the_references_words(annotation, default, given, problems):
    assert refusal(spec_for(annotation, default), given) == problems


def test_details_are_in_ctx():
    assert refused(spec_for(int, Input(ge=2)), {"input": {"x": 1}}) == [
        {
            "loc": ["body", "input", "x"],
            "msg": "ensure this value is greater than or equal to 2",
            "type": "value_error.number.not_ge",
            "ctx": {"limit_value": 2},
        }
    ]
    assert refused(spec_for(str, Input(choices=["a"])), {"input": {"x": "b"}})[0]["ctx"] == {"enum_values": ["a"]}
    assert refused(spec_for(str, Input(regex="a")), {"input": {"x": "b"}})[0]["ctx"] == {"pattern": "a"}
    assert refused(spec_for(Literal["a"]), {"input": {"x": "b"}})[0]["ctx"] == {"given": "b", "permitted": ["a"]}


def test_optional_choices_accept_null():
    spec = spec_for(Optional[str], Input(choices=["a"], default=None))
    assert accepted(spec, None) is None and accepted(spec, "a") == "a"
    assert refusal(spec, "b")


def test_limits_hold_for_long_lists_too():
    spec = spec_for(List[float], Input(ge=0, le=1))
    fine = [0.5] * 1000
    assert accepted(spec, fine) is fine
    assert refusal(spec, [*fine, 1.5]) == [
        (["x", 1000], "ensure this value is less than or equal to 1", "value_error.number.not_le")
    ]


def test_a_list_whose_sum_overflows_is_still_a_list_of_numbers():
    assert accepted(spec_for(List[float]), [1e308, 1e308]) == [1e308, 1e308]


def test_a_million_problems_are_not_all_told():
    assert len(refused(spec_for(List[int]), {"input": {"x": ["a"] * 2000}})) == 1000


class Size(TypedDict):
    width: int
    height: int


def test_typed_dicts_are_checked_by_key_and_keep_the_rest():
    spec = spec_for(Size)
    assert accepted(spec, {"width": "1", "height": 2, "depth": [None]}) == {"width": 1, "height": 2, "depth": [None]}
    assert refusal(spec, {"width": "a"}) == [
        (["x", "width"], "value is not a valid integer", "type_error.integer"),
        (["x", "height"], "field required", "value_error.missing"),
    ]


# -- all fields together


def many(a: int, b: float = Input(ge=0), c: str = Input(max_length=2), d: bool = False) -> str: ...


def test_every_bad_field_is_reported_in_declaration_order():
    found = refused(spec_of(many), {"input": {"d": "x", "c": "xxx", "b": -1, "a": "q"}})
    assert [item["loc"][-1] for item in found] == ["a", "b", "c", "d"]
    assert [item["loc"][-1] for item in refused(spec_of(many), {"input": {}})] == ["a", "b", "c"]


def test_values_are_only_what_was_given_and_the_echo_has_the_defaults():
    request = check_prediction(spec_of(many), {"input": {"a": "1", "b": 2, "c": 3, "more": 4}})
    assert request.values == {"a": 1, "b": 2.0, "c": "3"}
    assert request.echo == b'{"a":1,"b":2.0,"c":"3","d":false}'
    assert request.leaves == ()


def test_defaults_are_echoed_as_they_are():
    def predict(f: float = 2, n: Optional[int] = None, s: str = Input(default=None), m: List[int] = [1]) -> str: ...  # noqa: B006

    assert check_prediction(spec_of(predict), {"input": {}}).echo == b'{"f":2,"n":null,"s":null,"m":[1]}'


def optional(s: str = "dflt") -> str: ...


@pytest.mark.parametrize("body, echo", [(None, {"s": "dflt"}), (NO_BODY, {"s": "dflt"}), ({}, {}), ({"input": None}, {})])
def test_a_body_may_be_missing_or_say_nothing(body, echo):
    request = check_prediction(spec_of(optional), body)
    assert (request.values, json.loads(request.echo)) == ({}, echo)


def test_put_needs_a_body():
    missing = [{"loc": ["body"], "msg": "field required", "type": "value_error.missing"}]
    for body in (None, NO_BODY):
        assert refused(spec_of(optional), body, "id", put=True) == missing
    assert check_prediction(spec_of(optional), {}, "id", put=True).id == "id"
    assert refused(spec_of(optional), b"", body_missing=True, put=True) == missing


@pytest.mark.parametrize("body", ["x", 17, True, [], [1], b"raw"])
def test_a_body_that_is_no_object(body):
    assert refused(spec_of(optional), body) == [{"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}]


@pytest.mark.parametrize("given", ["x", 17, False, []])
def test_an_input_that_is_no_object(given):
    assert refused(spec_of(optional), {"input": given}) == [
        {"loc": ["body", "input"], "msg": "value is not a valid dict", "type": "type_error.dict"}
    ]


# -- the envelope


def enveloped(**fields):
    return check_prediction(spec_of(optional), dict(fields, input={}))


def wrong_envelope(*arguments, mode="predict", **fields):
    found = refused(spec_of(optional, mode), dict(fields, input={}), *arguments)
    return [(item["loc"][1:], item["msg"], item["type"]) for item in found]


def test_ids_are_texts():
    assert enveloped(id="a").id == "a" and enveloped(id=17).id == "17" and enveloped(id=None).id is None
    assert wrong_envelope(id=["x"]) == [(["id"], "str type expected", "type_error.str")]


def test_the_id_in_the_body_is_the_one_in_the_path():
    assert check_prediction(spec_of(optional), {"input": {}, "id": "a"}, "a").id == "a"
    assert wrong_envelope("b", id="a") == [(["id"], "prediction ID must match the ID supplied in the URL", "value_error")]
    assert wrong_envelope("b", id="a", mode="train") == [
        (["id"], "training ID must match the ID supplied in the URL", "value_error")
    ]


@pytest.mark.parametrize(
    "given, kept",
    [
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05+00:00"),
        ("2024-01-02T03:04:05.678+02:00", "2024-01-02T03:04:05.678000+02:00"),
        ("2024-01-02 03:04:05", "2024-01-02T03:04:05"),
        ("2024-01-02T03:04-0530", "2024-01-02T03:04:00-05:30"),
        (0, "1970-01-01T00:00:00+00:00"),
        ("1704164645.5", "2024-01-02T03:04:05.500000+00:00"),
        (1704164645500, "2024-01-02T03:04:05.500000+00:00"),
        (3e20, "1979-07-05T05:20:00+00:00"),
        (3.1e20, "9999-12-31T23:59:59.999999"),
        (10**330, "9999-12-31T23:59:59.999999"),
        (-(10**330), "0001-01-01T00:00:00"),
        (float("inf"), "9999-12-31T23:59:59.999999"),
        ("-Infinity", "0001-01-01T00:00:00"),
        (None, None),
    ],
)
def test_created_at_is_a_time(given, kept):
    assert enveloped(created_at=given).created_at == kept


@pytest.mark.parametrize("given", ["yesterday", "", "2024-13-01T00:00:00", "nan", "2024-01-02", "2024-01-02T25:00:00Z"])
def test_created_at_that_is_no_time(given):
    assert wrong_envelope(created_at=given) == [(["created_at"], "invalid datetime format", "value_error.datetime")]


def test_created_at_of_the_wrong_kind():
    assert wrong_envelope(created_at=[])[0][2] == "type_error"


@pytest.mark.parametrize(
    "given, code",
    [
        ("not a url", "value_error.url.scheme"),
        ("", "value_error.any_str.min_length"),
        ("nohost://", "value_error.url.host"),
        ("http://", "value_error.url.host"),
        ("http:///path", "value_error.url.host"),
        ("http://:80/", "value_error.url.host"),
        (5, "value_error.url.scheme"),
        (["http://a/"], "type_error.str"),
        ("http://a/" + "x" * 65536, "value_error.any_str.max_length"),
    ],
)
def test_webhooks_that_are_no_urls(given, code):
    assert [(loc, kind) for loc, _, kind in wrong_envelope(webhook=given)] == [(["webhook"], code)]


@pytest.mark.parametrize("given", ["http://a/", "https://user:pw@host:1/x?y#z", "http://[::1]:5/", "HTTP://A"])
def test_webhooks(given):
    assert enveloped(webhook=given).webhook == given


def test_events():
    everything = frozenset(["start", "output", "logs", "completed"])
    assert enveloped().webhook_events_filter == everything
    assert enveloped(webhook_events_filter=[]).webhook_events_filter == everything
    assert enveloped(webhook_events_filter=["start", "start"]).webhook_events_filter == {"start"}
    enum = "value is not a valid enumeration member; permitted: 'start', 'output', 'logs', 'completed'"
    assert wrong_envelope(webhook_events_filter=["start", "finished", 1]) == [
        (["webhook_events_filter", 1], enum, "type_error.enum"),
        (["webhook_events_filter", 2], enum, "type_error.enum"),
    ]
    assert wrong_envelope(webhook_events_filter="start")[0][2] == "type_error.list"


def test_context_is_an_object_of_texts():
    assert enveloped(context={"user": 1}).context == {"user": "1"}
    assert enveloped().context == {}
    assert wrong_envelope(context=3) == [(["context"], "value is not a valid dict", "type_error.dict")]


def test_the_envelope_and_the_input_are_reported_together():
    assert [item["loc"] for item in refused(spec_of(many), {"input": {"b": 1, "c": ""}, "id": []})] == [
        ["body", "input", "a"],
        ["body", "id"],
    ]


# -- files and secrets


class Blob:
    """A long data URL that stayed on disk."""

    head = "data:image/png;base64,"

    def text(self):
        return self.head + "A" * 100


def test_files_are_leaves():
    def predict(image: Path, more: List[Path] = None, doc: File = None) -> str: ...

    body = {"image": "HTTPS://h/a.png", "more": ["data:,x", "http://h/b"], "doc": "data:,y"}
    request = check_prediction(spec_of(predict), {"input": body})
    assert request.values == {"image": None, "more": [None, None], "doc": None}
    assert [(leaf.where, leaf.kind, leaf.source) for leaf in request.leaves] == [
        (("image",), "path", "HTTPS://h/a.png"),
        (("more", 0), "path", "data:,x"),
        (("more", 1), "path", "http://h/b"),
        (("doc",), "file", "data:,y"),
    ]
    assert json.loads(request.echo) == body


def test_secrets_are_masked_in_the_echo_and_leaves_in_the_values():
    def predict(token: Secret, more: List[Secret] = None, fallback: Secret = Input(default="hunter2")) -> str: ...

    request = check_prediction(spec_of(predict), {"input": {"token": "hunter1", "more": ["", "hunter3"]}})
    assert request.values == {"token": "hunter1", "more": ["", "hunter3"]}
    assert [(leaf.where, leaf.kind, leaf.source) for leaf in request.leaves] == [
        (("token",), "secret", None),
        (("more", 0), "secret", None),
        (("more", 1), "secret", None),
    ]
    assert json.loads(request.echo) == {"token": "**********", "more": ["", "**********"], "fallback": "**********"}


def test_a_secret_is_not_told_in_a_problem():
    spec = spec_for(Secret, Input(min_length=20, regex="^a"))
    with pytest.raises(InputInvalid) as caught:
        check_prediction(spec, {"input": {"x": "hunter2"}})
    assert b"hunter2" not in caught.value.body()


def test_the_branch_of_a_union_that_was_not_taken_leaves_no_leaf():
    spec = spec_for(Union[List[Path], List[str]])
    request = check_prediction(spec, {"input": {"x": ["data:,x", "plain"]}})
    assert (request.values, request.leaves) == ({"x": ["data:,x", "plain"]}, ())


LONG = "data:image/png;base64," + "A" * 20000


def test_long_data_urls_are_cut_in_the_echo_unless_asked_for():
    for annotation, given, cut, whole in (
        (Path, LONG, "data:image/png;base64,...", LONG),
        (List[Path], [LONG], ["data:image/png;base64,..."], [LONG]),
        (str, LONG, "data:image/png;base64,...", LONG),
        (Path, Blob(), "data:image/png;base64,...", Blob().text()),
        (str, "text " + LONG, "text " + LONG, "text " + LONG),
    ):
        spec = spec_for(annotation)
        assert echoed(spec, given) == cut
        assert echoed(spec, given, full_echo=True) == whole


def test_a_data_url_on_disk_may_be_the_value_of_anything():
    assert accepted(spec_for(str), Blob()) == Blob().text()
    assert accepted(spec_for(List[str]), [Blob()]) == [Blob().text()]
    assert accepted(spec_for(Union[int, str]), Blob()) == Blob().text()
    assert accepted(spec_for(Dict[str, str]), {"a": Blob()}) == {"a": Blob().text()}
    assert refusal(spec_for(int), Blob()) == [(["x"], "value is not a valid integer", "type_error.integer")]
    assert check_prediction(spec_for(Path), {"input": {"x": Blob()}}).leaves[0].source.head == Blob.head
    assert wrong_envelope(webhook_events_filter=Blob())[0][2] == "type_error.list"
    assert enveloped(id=Blob()).id == Blob().text()


@pytest.mark.parametrize("text", ["\ud83d", "a\udc80b"])
def test_half_a_surrogate_pair_does_not_break_the_echo(text):
    assert json.loads(check_prediction(spec_for(str), {"input": {"x": text}}).echo) == {"x": text}
    assert json.loads(check_prediction(spec_for(Optional[str]), {"input": {"x": text}}).echo) == {"x": text}
    body = refused(spec_for(Literal["a"]), {"input": {"x": text}})
    assert body[0]["ctx"]["given"] == text


def test_the_checks_are_made_once():
    spec = spec_for(int)
    check_prediction(spec, {"input": {"x": 1}})
    made = spec.checker
    check_prediction(spec, {"input": {"x": 2}})
    assert spec.checker is made

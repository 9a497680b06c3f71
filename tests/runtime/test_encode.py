"""From what predict() returned to JSON text, files cut out of it."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import io
import json
import os
import pathlib
import sys
import types
import uuid
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

import pytest

from cog import BaseModel, Coder, File, Input, Path, Secret
from cog.runtime_stdlib.schema.introspect import describe
from cog.runtime_stdlib.worker.bind import Binder
from cog.runtime_stdlib.worker.encode import EncodeFailed, Encoder, FileMissing, OutFile


def encoder(annotation=Any, mode="predict"):
    def predict(): ...

    predict.__annotations__["return"] = annotation
    return Encoder(describe(predict, mode=mode))


def text_of(value, annotation=Any):
    segments = encoder(annotation).encode(value).segments
    assert len(segments) == 1 and type(segments[0]) is bytes
    return segments[0].decode()


def sent(value, annotation=Any):
    return json.loads(text_of(value, annotation))


class Tone(enum.Enum):
    WARM = "warm"


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    A = "a"


class Box(BaseModel):
    x: int
    note: Optional[str] = None


@dataclasses.dataclass
class Point:
    x: float
    inner: Any = None


class Pair(NamedTuple):
    a: int
    b: str


AT = datetime.datetime(2020, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    "value, text",
    [
        ('héllo \u2028 \x00 "\\/', '"héllo \u2028 \\u0000 \\"\\\\/"'),
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (2**70, "1180591620717411303424"),
        (0.1, "0.1"),
        (-1.5e-7, "-1.5e-07"),
        ([], "[]"),
        ({}, "{}"),
        ("", '""'),
        (0, "0"),
        (False, "false"),
        ([1, 2.0, None, [True]], "[1,2.0,null,[true]]"),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        (frozenset([4]), "[4]"),
        (collections.deque([1]), "[1]"),
        (range(3), "[0,1,2]"),
        ((n for n in "ab"), '["a","b"]'),
        ({"a": (n for n in "ab")}, '{"a":["a","b"]}'),
        ({"a": 1, 7: True, 1.5: 2, None: 3, True: 4}, '{"a":1,"7":true,"1.5":2,"null":3,"true":4}'),
        ({(1, 2): 1, Tone.WARM: 2, AT: 3}, '{"(1, 2)":1,"warm":2,"2020-01-02T03:04:05":3}'),
        (collections.OrderedDict(a=1), '{"a":1}'),
        (types.MappingProxyType({"a": 1}), '{"a":1}'),
        (AT, '"2020-01-02T03:04:05"'),
        (AT.date(), '"2020-01-02"'),
        (AT.time(), '"03:04:05"'),
        (datetime.timedelta(seconds=90), "90.0"),
        (Tone.WARM, '"warm"'),
        ([Level.LOW, Word.A], '[1,"a"]'),
        (b"bytes", '"bytes"'),
        (decimal.Decimal("1.50"), "1.5"),
        (decimal.Decimal("3"), "3"),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (array.array("i", [1, 2]), "[1,2]"),
        (Box(x=1), '{"x":1,"note":null}'),
        ([Box(x=1, note="n")], '[{"x":1,"note":"n"}]'),
        (Point(1.5, Point(2)), '{"x":1.5,"inner":{"x":2,"inner":null}}'),
        (Pair(1, "b"), '[1,"b"]'),
        (Secret("hunter2"), '"**********"'),
        (float("nan"), "null"),
        ({"a": [float("inf"), 1.0]}, '{"a":[null,1.0]}'),
        ({"a": (n for n in (1, float("nan")))}, '{"a":[1,null]}'),
        ({"nan": float("nan"), "items": (n for n in "ab")}, '{"nan":null,"items":["a","b"]}'),
        (Point(float("nan")), '{"x":null,"inner":null}'),
        ("\ud83d", '"\\ud83d"'),
        (["a\udc80"], '["a\\udc80"]'),
    ],
)
def test_values_as_json(value, text):
    assert text_of(value) == text


def test_an_object_with_attributes_alone_cannot_be_sent():
    class Odd:
        pass

    for value in (Odd(), [Odd()], {"a": {1: Odd()}}, lambda: 1, print, Odd, 1j):
        with pytest.raises(EncodeFailed, match="cannot send a value of type .* as JSON: return a str"):
            encoder().encode(value)


def test_bytes_that_are_no_text_say_what_to_do():
    with pytest.raises(EncodeFailed, match=r"not UTF-8 text: write binary data to a file .* io\.BytesIO"):
        encoder().encode({"a": b"\xff"})


def test_a_value_that_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    nan_loop = {"a": float("nan")}
    nan_loop["b"] = nan_loop
    for value in (loop, nan_loop):
        with pytest.raises(EncodeFailed, match="contains itself"):
            encoder().encode(value)


def test_a_number_of_too_many_digits_is_a_clear_failure():
    if hasattr(sys, "set_int_max_str_digits"):
        with pytest.raises(EncodeFailed, match="4300"):
            encoder().encode([10**5000])


def test_a_decimal_that_no_memory_could_hold_is_null():
    assert text_of([decimal.Decimal("1E+999999999"), decimal.Decimal("1E+20")]) == "[null,100000000000000000000]"
    assert mismatch(decimal.Decimal("1E+999999999"), int) is None


def test_subclasses_of_plain_types_are_plain():
    class Text(str):
        pass

    class Number(int):
        pass

    class Real(float):
        pass

    class Items(list):
        pass

    class Table(dict):
        pass

    assert text_of([Text("a"), Number(1), Real(0.5), Items([1]), Table(a=1)]) == '["a",1,0.5,[1],{"a":1}]'


def test_an_object_that_knows_tolist_or_to_dict_is_asked():
    class Array:
        def tolist(self):
            return [[1, 2], [3, 4]]

    class Table:
        columns = ("a",)

        def to_dict(self, orient):
            assert orient == "records"
            return [{"a": 1}]

    class Model:
        model_fields = {}
        __pydantic_core_schema__ = {}

        def model_dump(self):
            return {"text": "t", "at": AT}

    assert sent({"array": Array(), "table": Table(), "model": Model()}) == {
        "array": [[1, 2], [3, 4]],
        "table": [{"a": 1}],
        "model": {"text": "t", "at": "2020-01-02T03:04:05"},
    }


def test_a_coder_of_the_models_own():
    class Money:
        def __init__(self, cents):
            self.cents = cents

    @Coder.register
    class MoneyCoder(Coder):
        @staticmethod
        def factory(tpe):
            return MoneyCoder() if tpe is Money else None

        def encode(self, value):
            return {"cents": value.cents}

    try:
        assert sent([Money(5)], List[Money]) == [{"cents": 5}]
    finally:
        Coder._known.clear()
        Coder._found.clear()


# -- files


def cut(value, annotation=Any):
    return encoder(annotation).encode(value).segments


def test_a_path_is_cut_out_of_the_text(tmp_path):
    where = tmp_path / "o.png"
    where.write_bytes(b"png")
    before, file, after = cut({"text": "a", "picture": Path(where), "n": 1})
    assert (before, after) == (b'{"text":"a","picture":', b',"n":1}')
    assert (file.path, file.name, file.mime, file.data, file.delete) == (str(where), "o.png", "image/png", None, False)


def test_files_anywhere_are_found_and_kept_in_order(tmp_path):
    for name in ("a.txt", "b"):
        (tmp_path / name).write_text(name)
    found = cut(
        [Path(tmp_path / "a.txt"), {"deep": [pathlib.PurePosixPath(tmp_path / "b")]}, io.BytesIO(b"x"), Path(tmp_path / "a.txt")]
    )
    files = [part for part in found if isinstance(part, OutFile)]
    assert [(file.name, file.mime) for file in files] == [
        ("a.txt", "text/plain"),
        ("b", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("a.txt", "text/plain"),
    ]
    assert b"".join(part if isinstance(part, bytes) else b'"URL"' for part in found) == b'["URL",{"deep":["URL"]},"URL","URL"]'


def test_a_file_alone_is_one_segment(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    only = cut(Path(tmp_path / "a.txt"), Path)
    assert len(only) == 1 and isinstance(only[0], OutFile)


def test_a_relative_path_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    assert cut(Path("a.txt"))[0].path == str(tmp_path / "a.txt")


def test_a_file_beside_a_nan_is_still_cut_out(tmp_path):
    stream = io.StringIO("text")
    (tmp_path / "a.txt").write_text("a")
    found = cut({"nan": float("nan"), "file": stream, "path": Path(tmp_path / "a.txt")})
    assert [part if isinstance(part, bytes) else part.name for part in found] == [
        b'{"nan":null,"file":',
        "",
        b',"path":',
        "a.txt",
        b"}",
    ]
    assert found[1].data == b"text"


def test_file_objects_are_read_from_the_beginning(tmp_path):
    half_read = io.BytesIO(b"abcdef")
    half_read.read(3)
    named = io.BytesIO(b"x")
    named.name = "dir/picture.png"
    text = io.StringIO("some text \u2603")
    (tmp_path / "page.html").write_text("<p>")
    with open(str(tmp_path / "page.html"), "rb") as handle:
        found = [cut(value, File)[0] for value in (half_read, named, text, handle)]
    assert [(file.name, file.mime, file.data) for file in found] == [
        ("", "application/octet-stream", b"abcdef"),
        ("picture.png", "image/png", b"x"),
        ("", "application/octet-stream", "some text \u2603".encode()),
        ("page.html", "text/html", b"<p>"),
    ]


def test_a_file_that_was_written_but_not_flushed_is_whole(tmp_path):
    with open(str(tmp_path / "a.txt"), "w+") as handle:
        handle.write("pending")
        assert cut(handle)[0].data == b"pending"


def test_a_large_file_object_goes_to_disk():
    size = (1 << 20) + 5
    file = cut(io.BytesIO(b"x" * size))[0]
    try:
        assert file.data is None and file.delete and os.path.getsize(file.path) == size
    finally:
        os.unlink(file.path)


def test_a_file_that_is_not_there_is_its_own_kind_of_failure(tmp_path):
    for path in ("never-written.txt", str(tmp_path), "a\0b"):
        with pytest.raises(FileMissing):
            encoder(Path).encode(Path(path))
    with pytest.raises(FileMissing) as caught:
        encoder(Path).encode(Path("never-written.txt"))
    assert str(caught.value) == "[Errno 2] No such file or directory: 'never-written.txt'"


def test_a_text_that_looks_like_a_mark_or_a_path_stays_a_text(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    text = "cog-file-00000000000000000000000000000000-00000000"
    found = cut({"text": text, "path": Path(tmp_path / "a.txt"), "string": str(tmp_path / "a.txt")})
    assert json.loads(found[0] + b"1" + found[2]) == {"text": text, "path": 1, "string": str(tmp_path / "a.txt")}


# -- what was promised


def mismatch(value, annotation, mode="predict"):
    return encoder(annotation, mode).encode(value).mismatch


class Output(BaseModel):
    n: int
    boxes: List[Box] = []


@pytest.mark.parametrize(
    "annotation, value",
    [
        (str, "a"),
        (str, None),
        (str, 12),
        (int, "12"),
        (int, 2.5),
        (int, True),
        (int, None),
        (float, 3),
        (bool, "yes"),
        (bool, 1),
        (List[int], [1, "2"]),
        (List[int], (1, 2)),
        (List[float], array.array("d", [1.5])),
        (List[Optional[int]], [None, 1]),
        (List[int], (n for n in (1, 2))),
        (Dict[str, int], {"a": 1, "b": None}),
        (dict, Box(x=1)),
        (Box, Box(x=1)),
        (Box, {"x": 1}),
        (List[Box], [Box(x=1)]),
        (Point, Point(1)),
        (Pair, (1, "a")),
        (Tuple[int, str], (1, "a")),
        (Union[int, List[str]], ["a"]),
        (Optional[Box], None),
        (Tone, Tone.WARM),
        (Tone, "warm"),
        (str, Tone.WARM),
        (Optional[str], AT),
        (List[str], [AT, Tone.WARM]),
        (datetime.datetime, AT),
        (datetime.datetime, "2020-01-01"),
        (File, io.BytesIO(b"")),
        (Path, "https://example.com/a.png"),
        (Iterator[str], ["a", "b"]),
        (Any, {"a": 1}),
        (decimal.Decimal, decimal.Decimal(1)),
    ],
)
def test_what_could_be_coerced_fits(annotation, value):
    assert mismatch(value, annotation) is None


@pytest.mark.parametrize(
    "annotation, value, lines",
    [
        (
            int,
            "not a number",
            [
                "1 validation error for PredictionResponse",
                "output -> __root__",
                "  value is not a valid integer (type=type_error.integer)",
                "predict() returned str, but its return annotation promises int there: change one of the two",
            ],
        ),
        (
            str,
            {"a": 1},
            [
                "1 validation error for PredictionResponse",
                "output -> __root__",
                "  str type expected (type=type_error.str)",
                "predict() returned dict, but its return annotation promises str there: change one of the two",
            ],
        ),
        (
            List[int],
            [1, "x"],
            [
                "1 validation error for PredictionResponse",
                "output -> __root__ -> 1",
                "  value is not a valid integer (type=type_error.integer)",
                "predict() returned str at output[1], but its return annotation promises int there: change one of the two",
            ],
        ),
        (
            Output,
            {"n": "x", "boxes": [{}]},
            [
                "2 validation errors for PredictionResponse",
                "output -> n",
                "  value is not a valid integer (type=type_error.integer)",
                "output -> boxes -> 0 -> x",
                "  field required (type=value_error.missing)",
                "predict() returned str at output['n'], but its return annotation promises int there: change one of the two",
            ],
        ),
        (
            Box,
            {"x": []},
            [
                "1 validation error for PredictionResponse",
                "output -> __root__ -> x",
                "  value is not a valid integer (type=type_error.integer)",
                "predict() returned list at output['x'], but its return annotation promises int there: change one of the two",
            ],
        ),
        (
            Output,
            3,
            [
                "1 validation error for PredictionResponse",
                "output",
                "  value is not a valid dict (type=type_error.dict)",
                "predict() returned int, but its return annotation promises Output there: change one of the two",
            ],
        ),
    ],
)
def test_what_does_not_fit_is_told_with_both_sides(annotation, value, lines):
    assert mismatch(value, annotation).splitlines() == lines


@pytest.mark.parametrize(
    "annotation, value",
    [
        (float, "half"),
        (bool, "perhaps"),
        (List[str], "abc"),
        (List[int], {"a": 1}),
        (List[str], [None]),
        (Dict[str, int], [1]),
        (Dict[str, int], {"a": "b"}),
        (Box, 3),
        (Box, {"note": "n"}),
        (Pair, (1,)),
        (Tuple[int, str], "ab"),
        (Union[int, List[int]], ["a"]),
        (Tone, "loud"),
        (int, Tone.WARM),
        (str, AT.date()),
        (Path, "a.txt"),
        (Path, 3),
        (datetime.datetime, []),
        (None, 3),
        (bytes, []),
    ],
)
def test_other_values_do_not_fit(annotation, value):
    assert mismatch(value, annotation)


def test_a_training_says_so():
    assert mismatch([], int, mode="train").splitlines()[0] == "1 validation error for TrainingResponse"


def test_yielded_items_are_checked_with_their_place():
    writer = encoder(Iterator[int])
    assert writer.encode_item(1).mismatch is None
    assert writer.encode_item(1).segments == [b"1"]
    assert writer.encode_item("x", 3).mismatch.splitlines()[1] == "output -> __root__ -> 3"
    assert encoder(List[Box]).encode_item(Box(x=1)).segments == [b'{"x":1,"note":null}']
    assert encoder(Any).encode_item("a").segments == [b'"a"']


def test_the_first_problems_of_a_long_list_are_told():
    assert len(mismatch(["x"] * 1000, List[int]).splitlines()) < 50


# -- arguments


def bound(function, values, leaves=()):
    return Binder(function, describe(function, mode="predict")).bind(values, leaves)


def test_mutable_defaults_are_each_predictions_own():
    def predict(a: List[int] = [1], b: List[int] = Input(default=[2]), c: str = "c") -> str: ...  # noqa: B006

    binder = Binder(predict, describe(predict, mode="predict"))
    first = binder.bind({})
    first["a"].append(9)
    first["b"].append(9)
    assert binder.bind({}) == {"a": [1], "b": [2], "c": "c"}
    assert binder.bind({"a": [5], "c": "d"}) == {"a": [5], "b": [2], "c": "d"}


def test_files_and_secrets_are_built(tmp_path):
    def predict(image: Path, token: Secret, more: List[Path], doc: File, left: Secret = Input(default="hunter2")) -> str: ...

    (tmp_path / "f").write_bytes(b"content")
    where = str(tmp_path / "f")
    values = {"image": None, "token": "hunter1", "more": [None, None], "doc": None}
    leaves = [
        (("image",), "path", where, "f"),
        (("token",), "secret", None, None),
        (("more", 0), "path", where, "f"),
        (("more", 1), "path", where, "f"),
        (("doc",), "file", where, "letter.txt"),
    ]
    made = bound(predict, values, leaves)
    assert made["image"] == Path(where) and type(made["image"]) is Path
    assert made["token"] == Secret("hunter1") and made["left"] == Secret("hunter2")
    assert [type(path) for path in made["more"]] == [Path, Path]
    with made["doc"] as doc:
        assert (doc.read(), doc.name) == (b"content", "letter.txt")


def test_none_is_what_an_absent_optional_gets():
    def predict(a: Optional[str] = None, b: Optional[int] = Input(description="b"), c: Path = None) -> str: ...

    assert bound(predict, {}) == {"a": None, "b": None, "c": None}

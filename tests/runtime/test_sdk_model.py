"""cog.BaseModel: records that check what they are made of."""

import collections
import dataclasses
import datetime
import decimal
import enum
import io
import pathlib
import pickle
import uuid
from typing import Any, ClassVar, Dict, FrozenSet, List, NamedTuple, Optional, Set, Tuple, Union

import pytest

from cog import BaseModel, File, Input, Path, Secret, ValidationError


class Tone(enum.Enum):
    WARM = "warm"
    COLD = "cold"


class Box(BaseModel):
    x: int
    y: int = 0
    label: Optional[str] = None


class Everything(BaseModel):
    text: str
    boxes: List[Box] = []
    tone: Tone = Tone.WARM
    at: Optional[datetime.datetime]
    table: Dict[str, int] = {}
    anything: Any
    pair: Tuple[int, str] = (1, "a")


def problems(model, **values):
    with pytest.raises(ValidationError) as caught:
        model(**values)
    return str(caught.value).splitlines()


def test_fields_are_coerced_like_inputs():
    box = Box(x="5", y=2.9, label=12)
    assert (box.x, box.y, box.label) == (5, 2, "12")
    assert repr(box) == "Box(x=5, y=2, label='12')"


def test_what_is_left_out_gets_its_default_or_none():
    made = Everything(text="t")
    assert made.dict() == {
        "text": "t",
        "boxes": [],
        "tone": Tone.WARM,
        "at": None,
        "table": {},
        "anything": None,
        "pair": (1, "a"),
    }


def test_mutable_defaults_are_each_records_own():
    one, two = Everything(text="1"), Everything(text="2")
    one.boxes.append(Box(x=1))
    one.table["k"] = 1
    assert (two.boxes, two.table) == ([], {})


def test_nested_records_may_be_given_as_dicts():
    made = Everything(text="t", boxes=[{"x": 1}, Box(x=2, y=3)], tone="cold", at="2021-05-06T07:08:09Z")
    assert made.boxes == [Box(x=1), Box(x=2, y=3)]
    assert made.tone is Tone.COLD
    assert made.at == datetime.datetime(2021, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
    assert made.dict()["boxes"] == [{"x": 1, "y": 0, "label": None}, {"x": 2, "y": 3, "label": None}]


def test_unknown_fields_are_ignored_and_positions_refused():
    assert not hasattr(Box(x=1, z=2), "z")
    with pytest.raises(TypeError):
        Box(1)


def test_the_error_counts_names_and_places():
    assert problems(Everything, boxes=[{"x": "a"}, {}], tone="loud") == [
        "4 validation errors for Everything",
        "text",
        "  field required (type=value_error.missing)",
        "boxes -> 0 -> x",
        "  value is not a valid integer (type=type_error.integer)",
        "boxes -> 1 -> x",
        "  field required (type=value_error.missing)",
        "tone",
        "  value is not a valid enumeration member; permitted: 'warm', 'cold' "
        "(type=type_error.enum; enum_values=[<Tone.WARM: 'warm'>, <Tone.COLD: 'cold'>])",
    ]


def test_one_error_is_singular_and_a_value_error():
    assert problems(Box, x=None) == [
        "1 validation error for Box",
        "x",
        "  none is not an allowed value (type=type_error.none.not_allowed)",
    ]
    assert issubclass(ValidationError, ValueError)
    with pytest.raises(ValidationError) as caught:
        Box()
    assert caught.value.errors() == [{"loc": ("x",), "msg": "field required", "type": "value_error.missing"}]


def test_an_error_survives_pickling():
    with pytest.raises(ValidationError) as caught:
        Box()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_attributes_may_be_assigned_but_not_invented():
    box = Box(x=1)
    box.x = 5
    assert box.x == 5
    with pytest.raises(ValueError, match='"Box" object has no field "z"'):
        box.z = 1


def test_records_are_equal_when_their_content_is():
    class Other(BaseModel):
        x: int
        y: int = 0
        label: Optional[str] = None

    assert Box(x=1) == Box(x=1) == Other(x=1) == {"x": 1, "y": 0, "label": None}
    assert Box(x=1) != Box(x=2)
    assert dict(Box(x=1)) == {"x": 1, "y": 0, "label": None}


def test_inherited_fields_come_first_and_may_get_other_defaults():
    class Base(BaseModel):
        a: int
        b: str = "base"

    class Child(Base):
        c: float = 1
        b = "child"

    assert Child(a=1).dict() == {"a": 1, "b": "child", "c": 1}
    assert list(Child(a=1).dict()) == ["a", "b", "c"]
    assert Base(a=1).b == "base"


def test_classes_may_name_themselves_and_each_other_in_quotes():
    assert Tree(children=[{"children": []}]).dict() == {"children": [{"children": [], "above": None}], "above": None}


class Tree(BaseModel):
    children: "List[Tree]" = []
    above: Optional["Tree"] = None


def test_names_that_are_not_fields():
    class Odd(BaseModel):
        shared: ClassVar[int] = 3
        _private: int = 4
        self: int = 5

        def method(self):
            return 6

    assert Odd(self=7).dict() == {"self": 7}
    assert Odd.shared == 3


def test_defaults_described_by_input_count():
    class Described(BaseModel):
        a: int = Input(description="needed")
        b: int = Input(default=3, description="not needed")

    assert Described(a=1).dict() == {"a": 1, "b": 3}
    assert problems(Described)[1:] == ["a", "  field required (type=value_error.missing)"]


def test_dict_and_json_have_the_usual_options():
    box = Box(x=1)
    assert box.dict(exclude_none=True) == {"x": 1, "y": 0}
    assert box.dict(exclude_unset=True) == {"x": 1}
    assert box.dict(exclude_defaults=True) == {"x": 1}
    assert box.dict(include={"x"}) == box.model_dump(exclude={"y", "label"}) == {"x": 1}
    assert box.json() == box.model_dump_json() == '{"x": 1, "y": 0, "label": null}'
    at = datetime.datetime(2020, 1, 2)
    assert Everything(text="t", at=at).json(include={"tone", "at"}) == '{"tone": "warm", "at": "2020-01-02T00:00:00"}'


def test_a_record_survives_pickling_and_its_dict_is_its_fields():
    box = pickle.loads(pickle.dumps(Box(x=1)))
    assert box == Box(x=1) and vars(box) == {"x": 1, "y": 0, "label": None}
    assert box.dict(exclude_unset=True) == {"x": 1}
    box.y = 3
    assert box.dict(exclude_unset=True) == {"x": 1, "y": 3}


def test_a_field_may_be_called_like_a_method():
    class Odd(BaseModel):
        dict: int
        json: str = "j"
        copy: List[int] = []

    made = Odd(dict=1)
    assert (made.dict, made.json, made.copy) == (1, "j", [])
    assert BaseModel.json(made) == '{"dict": 1, "json": "j", "copy": []}'
    assert made == Odd(dict="1")


def test_copies():
    box = Box(x=1)
    assert box.copy(update={"y": 2}).dict() == {"x": 1, "y": 2, "label": None}
    assert box.model_copy() == box and box.model_copy() is not box
    made = Everything(text="t", boxes=[box])
    assert made.copy(deep=True).boxes[0] is not box and made.copy().boxes[0] is box
    assert Box.parse_obj({"x": 1}) == Box.model_validate(box) == box
    with pytest.raises(ValidationError, match="value is not a valid dict"):
        Box.parse_obj(3)


@dataclasses.dataclass
class Point:
    x: int


class Pair(NamedTuple):
    a: int
    b: str


class Kinds(BaseModel):
    path: Path = None
    file: File = None
    secret: Secret = None
    union: Union[int, str] = None
    items: Set[int] = None
    frozen: FrozenSet[str] = None
    many: Tuple[int, ...] = None
    point: Point = None
    pair: Pair = None
    day: datetime.date = None
    span: datetime.timedelta = None
    number: decimal.Decimal = None
    key: uuid.UUID = None
    raw: bytes = None
    plain: list = None
    mapping: dict = None
    flag: bool = None
    ordered: collections.OrderedDict = None


STREAM = io.StringIO("x")


@pytest.mark.parametrize(
    "field, given, kept",
    [
        ("path", "a/b", Path("a/b")),
        ("path", pathlib.Path("a"), pathlib.Path("a")),
        ("file", STREAM, STREAM),
        ("secret", "s", Secret("s")),
        ("union", "7", 7),
        ("union", "seven", "seven"),
        ("items", ["1", 1, 2.0], {1, 2}),
        ("frozen", ["a"], frozenset(["a"])),
        ("many", [1, "2"], (1, 2)),
        ("point", {"x": 1}, Point(1)),
        ("point", Point(2), Point(2)),
        ("pair", (1, "b"), Pair(1, "b")),
        ("day", "2020-02-03", datetime.date(2020, 2, 3)),
        ("day", datetime.datetime(2020, 2, 3, 4), datetime.date(2020, 2, 3)),
        ("span", 90, datetime.timedelta(seconds=90)),
        ("number", "1.10", decimal.Decimal("1.10")),
        ("key", "12345678123456781234567812345678", uuid.UUID(int=0x12345678123456781234567812345678)),
        ("raw", "é", "é".encode()),
        ("plain", (1, "a"), [1, "a"]),
        ("mapping", {"a": 1}, {"a": 1}),
        ("flag", "yes", True),
        ("ordered", {"a": 1}, {"a": 1}),
    ],
)
def test_what_fields_take(field, given, kept):
    value = getattr(Kinds(**{field: given}), field)
    assert value == kept and type(value) is type(kept)


@pytest.mark.parametrize(
    "field, given",
    [
        ("path", 3),
        ("file", "no such thing"),
        ("secret", 3),
        ("union", []),
        ("items", "abc"),
        ("many", {"a": 1}),
        ("point", 3),
        ("point", {"y": 1}),
        ("pair", (1, 2, 3)),
        ("day", "yesterday"),
        ("number", "one"),
        ("key", "short"),
        ("raw", []),
        ("plain", 3),
        ("mapping", [1]),
        ("flag", "perhaps"),
    ],
)
def test_what_fields_refuse(field, given):
    with pytest.raises(ValidationError):
        Kinds(**{field: given})


def test_a_number_of_endless_digits_is_refused_at_once():
    for endless in ("9" * 5000, decimal.Decimal("1E+999999999")):
        assert problems(Box, x=endless)[2] == "  value is not a valid integer (type=type_error.integer)"


def test_a_secret_does_not_show_in_an_error_or_a_repr():
    assert "hunter2" not in repr(Kinds(secret="hunter2"))
    assert "hunter2" not in Kinds(secret="hunter2").json()

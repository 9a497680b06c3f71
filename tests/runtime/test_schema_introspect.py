"""From a function's signature to its Spec."""

import collections.abc
import datetime
import enum
import functools
import marshal
import os
import pathlib
import sys
import textwrap
import types
from typing import (
    Any,
    AsyncIterator,
    Dict,
    Generator,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import pytest

from cog import (
    AsyncConcatenateIterator,
    BaseModel,
    BasePredictor,
    ConcatenateIterator,
    File,
    Input,
    Path,
    Secret,
    concurrent,
    streaming,
)
from cog.runtime_stdlib.schema.introspect import defaults_of, describe
from cog.runtime_stdlib.schema.spec import MISSING, Shape, Spec

if sys.version_info >= (3, 9):
    from typing import Annotated, Literal
else:
    from typing import Literal


def shape_of(annotation):
    def predict(x) -> str: ...

    predict.__annotations__["x"] = annotation
    return describe(predict, mode="predict").inputs[0].shape


def output_of(annotation):
    def predict(): ...

    predict.__annotations__["return"] = annotation
    return describe(predict, mode="predict").output


def from_source(source, name="predict", mode="predict", module=None):
    module = module or types.ModuleType("predict_source")
    exec(compile(textwrap.dedent(source), "<model>", "exec", dont_inherit=True), module.__dict__)
    found = getattr(module, name)
    if isinstance(found, type):
        return describe(found.predict, mode=mode, skip_self=True)
    return describe(found, mode=mode)


UserId = NewType("UserId", int)
STR, INT = Shape("str"), Shape("int")


@pytest.mark.parametrize(
    "annotation, shape",
    [
        (str, STR),
        (int, INT),
        (float, Shape("float")),
        (bool, Shape("bool")),
        (Path, Shape("path")),
        (pathlib.Path, Shape("path")),
        (os.PathLike, Shape("path")),
        (File, Shape("file")),
        (Secret, Shape("secret")),
        (UserId, INT),
        (List[str], Shape("list", (STR,))),
        (List[List[int]], Shape("list", (Shape("list", (INT,)),))),
        (Optional[str], Shape("str", nullable=True)),
        (Union[int, None], Shape("int", nullable=True)),
        (Union[int, str], Shape("union", (INT, STR))),
        (Union[int, str, None], Shape("union", (INT, STR), nullable=True)),
        (Optional[List[Path]], Shape("list", (Shape("path"),), nullable=True)),
        (Union[int, List[int]], Shape("union", (INT, Shape("list", (INT,))))),
        (List[Optional[int]], Shape("list", (Shape("int", nullable=True),))),
        (Literal["a", "b"], Shape("literal", options=("a", "b"))),
        (Literal["a", 1, True], Shape("literal", options=("a", 1, True))),
        (Literal["a", None], Shape("literal", options=("a",), nullable=True)),
        (Optional[Literal["a"]], Shape("literal", options=("a",), nullable=True)),
        (Dict[str, int], Shape("dict", (INT,))),
        (Dict[str, Any], Shape("dict", (Shape("any"),))),
        ("str", STR),
        ("Optional[str]", Shape("str", nullable=True)),
        ("List['int']", Shape("list", (INT,))),
        (List["int"], Shape("list", (INT,))),
        (Optional["Path"], Shape("path", nullable=True)),
        # newer notation in quotes works on any Python
        ("str | None", Shape("str", nullable=True)),
        ("int | str", Shape("union", (INT, STR))),
        ("list[int]", Shape("list", (INT,))),
        ("list[Path] | None", Shape("list", (Shape("path"),), nullable=True)),
        ("dict[str, float]", Shape("dict", (Shape("float"),))),
        ("Optional[list[str]]", Shape("list", (STR,), nullable=True)),
        ("'int' | None", Shape("int", nullable=True)),
    ],
)
def test_annotations_of_inputs(annotation, shape):
    assert shape_of(annotation).to_data() == shape.to_data()


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the notation is newer")
def test_the_bar_notation():
    assert shape_of(eval("str | None")) == Shape("str", nullable=True)
    assert shape_of(eval("int | list[int]")) == Shape("union", (INT, Shape("list", (INT,))))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the notation is newer")
def test_type_aliases():
    names = {}
    exec("type Size = int | None\ntype Sizes = list[Size]", names)
    assert shape_of(names["Size"]) == Shape("int", nullable=True)
    assert shape_of(names["Sizes"]) == Shape("list", (Shape("int", nullable=True),))


@pytest.mark.skipif(sys.version_info < (3, 9), reason="the notation is newer")
def test_annotated_is_what_it_annotates_and_opaque_is_handed_on():
    from cog import Opaque

    assert shape_of(Annotated[int, "note"]) == INT
    assert shape_of(Annotated[Any, Opaque]) == Shape("opaque")
    assert shape_of(Annotated[List[Any], Opaque]) == Shape("opaque", (Shape("opaque"),))


class Own:
    pass


class Colour(enum.Enum):
    RED = "red"


T = TypeVar("T")


@pytest.mark.parametrize(
    "annotation, named",
    [
        (Any, "typing.Any"),
        (dict, "dict"),
        (list, "list"),
        (tuple, "tuple"),
        (set, "set"),
        (bytes, "bytes"),
        (object, "object"),
        (Own, __name__ + ".Own"),
        (Colour, __name__ + ".Colour"),
        (BasePredictor, "cog.BasePredictor"),
        (datetime.datetime, "datetime.datetime"),
        (Tuple[int, str], "typing.Tuple[int, str]"),
        (List[Any], "typing.Any"),
        (List, "List"),
        (Optional[dict], None),
        (Iterator[str], "Iterator"),
        (T, "~T"),
        ("list[Own]", __name__ + ".Own"),
        (3, "3"),
    ],
)
def test_what_cannot_be_an_input_is_named_with_what_can(annotation, named):
    if named is None:
        return
    with pytest.raises(TypeError) as caught:
        shape_of(annotation)
    text = str(caught.value)
    assert text.startswith("Unsupported input type ") and named in text
    assert text.endswith(
        " for parameter `x`. Supported input types are: str, int, float, bool, cog.File, cog.Path, "
        "cog.Secret, or a Union or List of those types."
    )


def test_a_parameter_without_annotation_is_refused():
    with pytest.raises(TypeError, match="No input type provided for parameter `x`. Supported input types are"):
        from_source("def predict(x) -> str: ...")
    with pytest.raises(TypeError, match="No input type provided for parameter `rest`"):
        from_source("def predict(*rest) -> str: ...")
    with pytest.raises(TypeError, match="No input type provided for parameter `more`"):
        from_source("def predict(a: int, **more) -> str: ...")
    with pytest.raises(TypeError, match=r"The parameter `\*\*more` cannot be an input"):
        from_source("def predict(a: int, **more: int) -> str: ...")
    with pytest.raises(TypeError, match="positional-only"):
        from_source("def predict(a: int, /) -> str: ...")


def test_a_missing_return_annotation_is_refused():
    with pytest.raises(TypeError, match="You must set an output type") as caught:
        from_source("def predict(x: str): ...")
    assert "-> Any:" in str(caught.value)


def test_an_unknown_name_in_quotes_says_which():
    with pytest.raises(TypeError, match="Input `x`: The annotation 'Missing' uses the name 'Missing'.*TYPE_CHECKING"):
        from_source("def predict(x: 'Missing') -> str: ...")
    with pytest.raises(TypeError, match="not a Python expression"):
        from_source("def predict(x: 'a b c') -> str: ...")
    with pytest.raises(TypeError, match="Return type: .*'Missing'"):
        from_source("def predict(x: str) -> 'Missing': ...")


def test_postponed_annotations_are_looked_up_in_their_own_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "predict_source", types.ModuleType("predict_source"))
    source = """
        from __future__ import annotations
        from typing import List as L
        from cog import BaseModel, BasePredictor, Input, Path as P

        class Output(BaseModel):
            picture: P
            boxes: L[Box] = []

        class Box(BaseModel):
            x: int

        class Predictor(BasePredictor):
            def predict(self, image: P = Input(description="in"), sizes: L[int] = [1]) -> L[Output]: ...
    """
    spec = from_source(source, name="Predictor", module=sys.modules["predict_source"])
    assert [(item.name, item.shape) for item in spec.inputs] == [("image", Shape("path")), ("sizes", Shape("list", (INT,)))]
    output = spec.output.args[0]
    assert [field.name for field in output.fields] == ["picture", "boxes"]
    assert output.fields[1].shape.args[0].name == "Box"


def test_positions_defaults_and_what_is_required():
    def predict(
        a: str, b: int = 3, c: Optional[str] = None, d: Optional[int] = Input(description="d"), *, e: float = 0.5, f: bool
    ) -> str: ...

    found = [(i.name, i.order, i.required, i.nullable, i.default) for i in describe(predict, mode="predict").inputs]
    assert found == [
        ("a", 0, True, False, MISSING),
        ("b", 1, False, False, 3),
        ("c", 2, False, True, MISSING),
        ("d", 3, False, True, MISSING),
        ("e", 4, False, False, 0.5),
        ("f", 5, True, False, MISSING),
    ]


def test_a_bare_optional_is_required_and_may_be_null():
    def predict(a: Optional[str]) -> str: ...

    only = describe(predict, mode="predict").inputs[0]
    assert (only.required, only.nullable) == (True, True)


def test_null_is_accepted_wherever_the_default_is_none():
    def predict(a: int = None, b: Path = Input(default=None)) -> str: ...

    assert [(i.required, i.nullable) for i in describe(predict, mode="predict").inputs] == [(False, True)] * 2


def test_options_of_input():
    def predict(
        n: int = Input(default=2, ge=1, le=5, description="how many", deprecated=True),
        s: str = Input(min_length=1, max_length=9, regex="^a"),
        c: str = Input(choices=["a", "b"], default="a"),
        p: Path = Input(accept=["image/*", ".pdf"]),
    ) -> str: ...

    n, s, c, p = describe(predict, mode="predict").inputs
    assert (n.ge, n.le, n.description, n.deprecated) == (1, 5, "how many", True)
    assert (s.min_length, s.max_length, s.regex) == (1, 9, "^a")
    assert (c.choices, c.default, p.accept) == (("a", "b"), "a", "image/*,.pdf")


@pytest.mark.parametrize(
    "annotation, options, error",
    [
        (str, {"ge": 3}, "The input x uses the option ge, which only fits int and float, not str."),
        (int, {"max_length": 3}, "The input x uses the option max_length, which only fits str, not int."),
        (bool, {"le": 3}, "The input x uses the option le"),
        (Path, {"regex": "a"}, "The input x uses the option regex"),
        (float, {"choices": [0.5]}, "The input x uses the option choices. Choices can only be used with str or int types."),
        (bool, {"choices": [True]}, "Choices can only be used with str or int types."),
        (List[str], {"choices": ["a"]}, "Choices can only be used with str or int types."),
        (int, {"choices": ["a"]}, "The input x is int, but its choice 'a' is not."),
        (str, {"choices": []}, "The input x has an empty list of choices."),
        (str, {"regex": "("}, "The input x has a regex that does not compile"),
    ],
)
def test_options_that_do_not_fit_are_refused(annotation, options, error):
    def predict(x=Input(**options)) -> str: ...

    predict.__annotations__["x"] = annotation
    with pytest.raises((TypeError, ValueError)) as caught:
        describe(predict, mode="predict")
    assert error in str(caught.value)


def test_limits_reach_the_items_of_lists():
    def predict(x: List[int] = Input(ge=1)) -> str: ...

    assert describe(predict, mode="predict").inputs[0].ge == 1


# -- outputs


class Box(BaseModel):
    x: int
    note: Optional[str] = None


class Pair(NamedTuple):
    a: int
    b: str


BOX = output_of(Box)


@pytest.mark.parametrize(
    "annotation, shape",
    [
        (str, STR),
        (None, Shape("none")),
        (Any, Shape("any")),
        (object, Shape("any")),
        (T, Shape("any")),
        (Optional[str], Shape("str", nullable=True)),
        (Union[int, str], Shape("union", (INT, STR))),
        (list, Shape("list", (Shape("any"),))),
        (List, Shape("list", (Shape("any"),))),
        (List[int], Shape("list", (INT,))),
        (Sequence[int], Shape("list", (INT,))),
        (dict, Shape("dict")),
        (Dict, Shape("dict")),
        (Dict[str, int], Shape("dict", (INT,))),
        (Tuple[int, str], Shape("tuple", (INT, STR))),
        (Tuple[int, ...], Shape("list", (INT,))),
        (Set[int], Shape("set", (INT,))),
        (Pair, Shape("tuple", (INT, STR))),
        (Iterator[str], Shape("iterator", (STR,))),
        (AsyncIterator[str], Shape("iterator", (STR,))),
        (Generator[int, None, None], Shape("iterator", (INT,))),
        (Iterable[int], Shape("list", (INT,))),
        (ConcatenateIterator[str], Shape("iterator", (STR,), raw="concatenate")),
        (ConcatenateIterator, Shape("iterator", (STR,), raw="concatenate")),
        (AsyncConcatenateIterator[str], Shape("iterator", (STR,), raw="concatenate")),
        (Path, Shape("path")),
        (pathlib.Path, Shape("path")),
        (List[Path], Shape("list", (Shape("path"),))),
        (datetime.datetime, Shape("datetime")),
        (bytes, Shape("bytes")),
        (Colour, Shape("enum", name="Colour", options=("red",))),
        (List[Box], Shape("list", (BOX,))),
        (Iterator[Box], Shape("iterator", (BOX,))),
        (Literal["a"], Shape("literal", options=("a",))),
        ("list[Box]", Shape("list", (BOX,))),
        ("int | None", Shape("int", nullable=True)),
        ("Iterator['str']", Shape("iterator", (STR,))),
    ],
)
def test_annotations_of_outputs(annotation, shape):
    assert output_of(annotation).to_data() == shape.to_data()


@pytest.mark.skipif(sys.version_info < (3, 9), reason="the notation is newer")
def test_collections_abc_may_be_subscripted():
    assert output_of(collections.abc.Iterator[str]) == Shape("iterator", (STR,))
    assert output_of(collections.abc.AsyncGenerator[str, None]) == Shape("iterator", (STR,))


def test_an_output_of_an_unknown_class_says_what_can_be_returned():
    with pytest.raises(TypeError, match=r"Unsupported output type .*Own\. Return a simple type.*`-> Any`"):
        output_of(Own)


def test_records_that_contain_themselves_end():
    class Node(BaseModel):
        below: "List[Node]" = []

    shape = output_of(Node)
    assert shape.fields[0].shape.args[0].raw == "again"


# -- what else a function is


class Model:
    @functools.lru_cache(maxsize=None)  # noqa: B019
    def cached(self, x: int) -> str: ...

    async def later(self, x: int) -> str: ...

    async def stream(self, x: int) -> AsyncIterator[str]:
        yield ""

    def items(self) -> Iterator[str]:
        yield ""

    @staticmethod
    def static(x: int) -> str: ...

    @classmethod
    def of_class(cls, x: int) -> str: ...

    def __call__(self, x: int) -> str: ...


def test_async_and_generators_are_seen():
    facts = [
        (spec.is_async, spec.is_generator)
        for spec in (
            describe(Model().later, mode="predict"),
            describe(Model().stream, mode="predict"),
            describe(Model().items, mode="predict"),
        )
    ]
    assert facts == [(True, False), (True, True), (False, True)]


@pytest.mark.parametrize("found", [Model().cached, Model().static, Model().of_class, Model.of_class, Model(), Model.static])
def test_self_is_no_input(found):
    assert [item.name for item in describe(found, mode="predict").inputs] == ["x"]


def test_an_unbound_method_is_told_to_skip_self():
    assert [i.name for i in describe(Model.later, mode="predict", skip_self=True).inputs] == ["x"]
    assert [i.name for i in describe(Model.of_class, mode="predict", skip_self=True).inputs] == ["x"]
    assert [i.name for i in describe(Model.static, mode="predict", skip_self=True).inputs] == ["x"]


def test_decorators_are_seen_through():
    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @streaming
    @logged
    @logged
    def predict(x: int = Input(ge=1)) -> str:
        """Say it."""

    spec = describe(predict, mode="predict")
    assert [(i.name, i.ge) for i in spec.inputs] == [("x", 1)]
    assert spec.streaming

    @logged
    @concurrent(max=3)
    async def later(x: int) -> str: ...

    assert describe(later, mode="predict").max_concurrency == 3
    assert describe(later, mode="predict").is_async


def test_partials_and_callable_objects_work():
    def predict(x: int, y: str = "a") -> str: ...

    assert [i.name for i in describe(functools.partial(predict, y="b"), mode="predict").inputs] == ["x", "y"]


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="is not a callable object"):
        describe(object(), mode="predict")


def test_a_spec_survives_the_wire():
    def predict(
        a: Literal["x", 1] = "x",
        b: Optional[List[Path]] = None,
        c: int = Input(default=2, choices=[1, 2]),
        d: Dict[str, float] = Input(default={}),
        e: Secret = Input(default="hunter2"),
    ) -> List[Box]: ...

    spec = describe(predict, mode="train")
    sent = marshal.dumps(spec.to_data())
    assert b"hunter2" not in sent
    assert Spec.from_data(marshal.loads(sent)) == spec


def test_defaults_are_real_and_the_mutable_ones_known():
    box = Box(x=1)

    def predict(
        a: int,
        b: List[int] = [1],  # noqa: B006
        c: Path = Path("here"),
        d: Secret = Input(default="hunter2"),
        e: str = Input(default="t"),
        f: str = None,
        g: List[Secret] = Input(default=["s"]),
    ) -> str: ...

    values, mutable = defaults_of(predict, describe(predict, mode="predict"))
    assert values == {
        "b": [1],
        "c": Path("here"),
        "d": Secret("hunter2"),
        "e": "t",
        "f": None,
        "g": [Secret("s")],
    }
    assert sorted(mutable) == ["b", "g"] and box


def test_defaults_of_a_bound_method():
    class Predictor(BasePredictor):
        def predict(self, a: int, b: int = 2) -> str: ...

    spec = describe(Predictor.predict, mode="predict", skip_self=True)
    assert defaults_of(Predictor().predict, spec) == ({"b": 2}, {})
    assert defaults_of(Predictor.predict, spec) == ({"b": 2}, {})


def test_what_a_model_computes_its_options_from_may_be_of_any_type():
    class Size(int):
        pass

    class Style(str, enum.Enum):
        INK = "ink"

    class Real(float):
        pass

    def predict(
        a: str = Input(choices=list(Style), default=Style.INK, description=Style.INK),
        b: int = Input(ge=Size(2), le=Real(5.0)),
        c: float = Input(default=float("nan")),
        d: Tuple[int, ...] = None,
    ) -> Literal["a", b"b"]: ...

    predict.__annotations__["d"] = List[int]
    spec = describe(predict, mode="predict")
    assert Spec.from_data(marshal.loads(marshal.dumps(spec.to_data()))) == spec
    a, b, c, _ = spec.inputs
    assert (a.choices, a.default, b.ge, b.le, c.default) == (("ink",), "ink", 2, 5.0, MISSING)
    assert spec.output.options == ("a", "b'b'")

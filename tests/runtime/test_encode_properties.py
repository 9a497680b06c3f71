"""Whatever JSON can say comes back as it went; whatever else a model returns is JSON or a clear failure."""

import io
import json
import math
from typing import Any, List, Optional

import pytest

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from cog import BaseModel, Secret  # noqa: E402
from cog.runtime_stdlib.schema.introspect import describe  # noqa: E402
from cog.runtime_stdlib.worker.encode import EncodeFailed, Encoder  # noqa: E402


class Record(BaseModel):
    number: float = 0
    inner: Optional["Record"] = None
    items: List[Any] = []


def predict() -> Any: ...


ENCODER = Encoder(describe(predict, mode="predict"))
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)
anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters()),
        st.binary(max_size=4),
        st.datetimes(),
        st.timedeltas(),
        st.decimals(),
        st.complex_numbers(),
        st.builds(Secret, st.text(max_size=3)),
        st.builds(io.BytesIO, st.binary(max_size=5)),
        st.builds(Record, number=st.floats()),
        st.just(object()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(), st.none(), st.tuples(st.integers())), inner, max_size=3),
        st.builds(Record, items=st.lists(inner, max_size=3)),
        st.lists(inner, max_size=3).map(iter),
    ),
    max_leaves=12,
)


def joined(segments):
    return b"".join(part if isinstance(part, bytes) else b'"URL"' for part in segments)


@settings(max_examples=100, deadline=None)
@given(plain)
def test_plain_values_make_the_round_trip(value):
    assert json.loads(joined(ENCODER.encode(value).segments)) == value
    assert json.loads(joined(ENCODER.encode_item(value).segments)) == value


@settings(max_examples=150, deadline=None)
@given(anything)
def test_anything_is_json_or_a_clear_failure(value):
    try:
        text = joined(ENCODER.encode(value).segments)
    except EncodeFailed as failed:
        assert str(failed)
        return
    json.loads(text.decode(), parse_constant=lambda name: pytest.fail("%s is not JSON" % name))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(), max_size=30))
def test_numbers_that_json_cannot_say_are_null(numbers):
    expected = [number if math.isfinite(number) else None for number in numbers]
    assert json.loads(joined(ENCODER.encode(numbers).segments)) == expected

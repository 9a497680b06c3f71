"""Frames between the server and its workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.runtime_stdlib.wire.codec import Decoder, encode

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.integers(), plain), max_size=5), st.data())
def test_messages_survive_any_slicing(messages, data):
    stream = b"".join(encode(message) for message in messages)
    decoder = Decoder()
    found = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert found == messages


def test_a_decoder_says_how_much_of_a_frame_is_owed():
    frame = encode((1, b"x" * 100))
    decoder = Decoder()
    assert decoder.feed(frame[:10]) == []
    assert decoder.missing() == len(frame) - 10


def test_what_is_not_plain_data_is_refused_before_it_is_sent():
    with pytest.raises(ValueError):
        encode((1, object()))

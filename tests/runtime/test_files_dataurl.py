"""Data URLs: the same bytes as the standard library gives, in whatever slices they come."""

import base64
import binascii
import json
import tempfile
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cog.runtime_stdlib.service.dataurl import (
    Blob,
    DataUrlInvalid,
    Decoder,
    Spool,
    decode_to,
    parse_head,
    unescape,
    whole_escapes,
)


def decode(url):
    parts = []
    decode_to(url, parts.append)
    return b"".join(parts)


def slices(data, cuts):
    """The data cut at those places."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in zip(places, places[1:])]


def feed(decoder, pieces):
    return b"".join(map(decoder.feed, pieces)) + decoder.finish()


CUTS = st.lists(st.integers(0, 1000), max_size=6)


@pytest.mark.parametrize(
    "url, data",
    [
        ("data:text/plain;base64,aGVsbG8gZmlsZQ==", b"hello file"),
        ("data:,plain%20text", b"plain text"),
        ("data:text/plain,a+b", b"a+b"),
        ("DATA:;base64,aGk=", b"hi"),
        ("data:text/plain;base64,", b""),
        ("data:text/plain;base64,@@@", b""),
        ("data:text/plain;charset=utf-8;base64,YSxi", b"a,b"),
        ("data:text/plain;base64,aG\r\nk\t=", b"hi"),
        ("data:text/plain;base64,aGk%3D", b"hi"),
        ("data:text/plain;base64,aGk", b"hi"),
        ("data:,caf%C3%A9 é", "café é".encode()),
        ("data:,100%", b"100%"),
        ("data:,%zz%4", b"%zz%4"),
        ("data:x,y;base64,z", b"y;base64,z"),
        ("data:text/plain;base64,YQ==YQ==", b"a"),
    ],
)
def test_data_urls_in_many_spellings(url, data):
    assert decode(url) == data


@pytest.mark.parametrize("url", ["data:nonsense", "data:", "nonsense,x"])
def test_what_is_no_data_url_is_refused(url):
    with pytest.raises(DataUrlInvalid):
        decode(url)


def test_base64_that_was_cut_is_refused():
    with pytest.raises(DataUrlInvalid, match="one character is left over"):
        decode("data:;base64,aGVsbG8gZ")


@pytest.mark.parametrize(
    "head, media_type, base64_",
    [
        ("data:image/png;base64,", "image/png", True),
        ("data:IMAGE/PNG,", "image/png", False),
        ("data:,", "text/plain", False),
        ("data:;base64,", "text/plain", True),
        ("data:;charset=utf-8,", "text/plain", False),
        ("data:nonsense;base64,", "text/plain", True),
        ("data:text/csv;charset=utf-8;base64,", "text/csv", True),
        ("data:text/plain;base64;x,", "text/plain", False),
    ],
)
def test_the_head_names_type_and_coding(head, media_type, base64_):
    assert parse_head(head) == (media_type, base64_)


@settings(deadline=None)
@given(st.binary(max_size=200), CUTS)
def test_base64_is_decoded_in_any_slices(data, cuts):
    assert feed(Decoder(True), slices(base64.b64encode(data), cuts)) == data


@settings(deadline=None)
@given(st.binary(max_size=200), CUTS)
def test_percent_signs_are_undone_in_any_slices(data, cuts):
    assert feed(Decoder(False), slices(quote_from_bytes(data).encode(), cuts)) == data
    assert feed(Decoder(False), slices(data, cuts)) == unquote_to_bytes(data)


ALMOST_BASE64 = st.lists(
    st.sampled_from([b"A", b"b", b"+", b"/", b"=", b"==", b"QUJD", b"\n", b"-", b"%", b"%3D", b"%4", b"\xc3\xa9", b"%41"]),
    max_size=30,
).map(b"".join)  # fmt: skip


@settings(deadline=None)
@given(ALMOST_BASE64, CUTS)
def test_almost_base64_is_decoded_as_the_standard_library_does(data, cuts):
    try:
        want = binascii.a2b_base64(unquote_to_bytes(data))
    except binascii.Error as error:
        # Missing padding is made up for, unless a character is left over.
        if "padding" not in str(error):
            with pytest.raises(DataUrlInvalid):
                feed(Decoder(True), slices(data, cuts))
            return
        want = None
    got = feed(Decoder(True), slices(data, cuts))
    assert got == want if want is not None else isinstance(got, bytes)


# --- JSON strings in a file

ESCAPED = st.lists(
    st.sampled_from([b"a", b"\\n", b"\\\\", b"\\/", b'\\"', b"\\u00e9", b"\\ud83d", b"\\uDE00", b"\xc3\xa9", b"\xf0\x9f\x98\x80",
                     b"\xe2\x82\xac", b"u0041", b"AAAA"]),
    max_size=40,
).map(b"".join)  # fmt: skip


@settings(deadline=None)
@given(ESCAPED, st.integers(1, 60))
def test_a_literal_can_be_unescaped_in_slices(literal, size):
    text, held = [], b""
    for start in range(0, len(literal), size):
        block = held + literal[start : start + size]
        cut = whole_escapes(block) if start + size < len(literal) else len(block)
        text.append(unescape(block[:cut]))
        held = block[cut:]
    assert "".join(text) == json.loads(b'"' + literal + b'"')


def wrapped(data):
    return b"\\n".join(data[start : start + 76] for start in range(0, len(data), 76))


WRITTEN = {
    "base64": lambda data: b";base64," + base64.b64encode(data),
    "base64 as PHP writes it": lambda data: b";base64," + base64.b64encode(data).replace(b"/", b"\\/"),
    "base64 as mail programs write it": lambda data: b";base64," + wrapped(base64.b64encode(data)),
    "base64 as Java writes it": lambda data: b";base64," + base64.b64encode(data).replace(b"=", b"\\u003d"),
    "percent signs": lambda data: b"," + quote_from_bytes(data).encode(),
}


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(WRITTEN)))
def test_a_blob_stands_for_its_text_and_decodes_to_its_data(data, how):
    literal = b"data:image/png" + WRITTEN[how](data)
    with tempfile.TemporaryFile() as file:
        file.write(b'{"a":"' + literal + b'"}')
        file.flush()
        blob = Blob(Spool(file.fileno()), 6, len(literal), b"\\" not in literal)
    text = json.loads(b'"' + literal + b'"')
    assert (blob.text(), len(blob), "".join(blob.pieces(13))) == (text, len(text), text)
    assert decode(blob) == decode(text) == data

"""Request bodies: in memory or spooled, the same document or the same refusal as json gives."""

import contextlib
import json
import math
import tempfile

import pytest
from descriptors import open_files
from hypothesis import given, settings
from hypothesis import strategies as st

from cog.runtime_stdlib.service.dataurl import Blob, Spool
from cog.runtime_stdlib.web import document
from cog.runtime_stdlib.web.document import DocumentInvalid, load


class InMemory:
    def __init__(self, data):
        self.data = data
        self.file = None


class Spooled:
    def __init__(self, data):
        self.data = None
        self.file = tempfile.TemporaryFile()
        self.file.write(data)
        self.file.flush()


@contextlib.contextmanager
def spooled(data):
    body = Spooled(data)
    try:
        yield body
    finally:
        body.file.close()


def parse_spooled(data, long=8, block=16, depth=64):
    with spooled(data) as body:
        return document.parse_spooled(Spool(body.file.fileno()), depth, long=long, block=block)


def plain(value):
    """The value with every Blob turned back into the text it stands for."""
    if isinstance(value, Blob):
        text = value.text()
        assert len(value) == len(text)
        assert text.startswith(value.head)
        return text
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def blobs(value):
    if isinstance(value, Blob):
        return [value]
    if isinstance(value, list):
        return [blob for item in value for blob in blobs(item)]
    if isinstance(value, dict):
        return [blob for item in value.values() for blob in blobs(item)]
    return []


def refusal(read, *arguments, **named):
    with pytest.raises(DocumentInvalid) as caught:
        read(*arguments, **named)
    return caught.value.status, json.loads(caught.value.body)


def broken(why, position):
    return 422, {
        "detail": [
            {
                "loc": ["body", position],
                "msg": "JSON decode error",
                "type": "json_invalid",
                "ctx": {"error": why},
                "input": {},
            }
        ]
    }


NOT_AN_OBJECT = (
    422,
    {"detail": [{"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}]},
)


# --- what is read as JSON


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/vnd.api+json",
        " application/json ;x=y",
    ],
)
def test_json_content_types_are_read(content_type):
    assert load(InMemory(b'{"a": 1}'), content_type, depth=9) == {"a": 1}
    with spooled(b'{"a": 1}') as body:
        assert load(body, content_type, depth=9) == {"a": 1}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "nonsense", "text/json", "json"],
)
def test_other_content_types_are_no_object(content_type):
    assert refusal(load, InMemory(b'{"a": 1}'), content_type, depth=9) == NOT_AN_OBJECT
    with spooled(b'{"a": 1}') as body:
        assert refusal(load, body, content_type, depth=9) == NOT_AN_OBJECT


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_an_empty_body_is_nothing_whatever_its_type(content_type):
    assert load(InMemory(b""), content_type, depth=9) is None
    with spooled(b"") as body:
        assert load(body, content_type, depth=9) is None


# --- what is broken


@pytest.mark.parametrize(
    "data, why, position",
    [
        (b'{"input": ', "Expecting value", 10),
        (b"{'input': {}}", "Expecting property name enclosed in double quotes", 1),
        (b'{"input": {}} trailing', "Extra data", 14),
        (b"hello", "Expecting value", 0),
        (b'{"a": 1,}', "Expecting property name enclosed in double quotes", 8),
        (b'{"a": 1 , \n }', "Expecting property name enclosed in double quotes", 12),
        (b"[1, ]", "Expecting value", 4),
        (b'{"a": "x\ny"}', "Invalid control character at", 8),
    ],
)
def test_broken_json_is_refused_at_its_place(data, why, position):
    assert refusal(load, InMemory(data), None, depth=9) == broken(why, position)
    assert refusal(parse_spooled, data) == broken(why, position)


def test_a_byte_order_mark_is_skipped():
    assert load(InMemory(b"\xef\xbb\xbf{}"), None, depth=9) == {}
    assert parse_spooled(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize("data", [b"\xff", b'{"a": "\xc3"}', b'"\xed\xa0\x80"', '{"a": 1}'.encode("utf-16")])
def test_undecodable_bytes_are_a_bad_request(data):
    answer = 400, {"detail": "There was an error parsing the body"}
    assert refusal(load, InMemory(data), None, depth=9) == answer
    assert refusal(parse_spooled, data) == answer


def test_undecodable_bytes_inside_a_long_data_url_are_a_bad_request():
    assert refusal(parse_spooled, b'{"a": "data:text/plain,\xff\xff"}')[0] == 400


@pytest.mark.parametrize("digits", [4301, 100_000])
def test_integers_of_absurd_length_are_refused(digits):
    status, _ = refusal(load, InMemory(b"[" + b"9" * digits + b"]"), None, depth=9)
    assert status == 422


def test_long_integers_within_reason_are_exact():
    assert load(InMemory(b"[" + b"9" * 4300 + b"]"), None, depth=9) == [int("9" * 4300)]


def test_numbers_that_are_none_are_read_as_json_reads_them():
    value = load(InMemory(b"[NaN, Infinity, -Infinity, 1e999]"), None, depth=9)
    assert math.isnan(value[0]) and value[1:] == [math.inf, -math.inf, math.inf]


# --- depth


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_allowed_to_the_limit_and_no_further(opening, closing):
    inner = b"0" if opening != b"[" else b""
    assert load(InMemory(opening * 20 + inner + closing * 20), None, depth=20)
    assert refusal(load, InMemory(opening * 21 + inner + closing * 21), None, depth=20) == broken(
        "nested deeper than 20 levels", 0
    )


def test_many_brackets_side_by_side_are_not_deep():
    data = b"[" + b",".join([b"[]"] * 1000) + b"]"
    assert load(InMemory(data), None, depth=2) == [[]] * 1000


def test_brackets_inside_strings_are_text():
    text = '[[["\\' * 50
    assert load(InMemory(json.dumps({"a": text}).encode()), None, depth=1) == {"a": text}


@pytest.mark.parametrize("data", [b"[" * 1_000_000, b'{"a":' * 300_000, b'["' + b"[" * 2000])
def test_a_million_brackets_are_refused_without_harm(data):
    assert refusal(load, InMemory(data), None, depth=100)[0] == 422
    assert refusal(parse_spooled, data, depth=100)[0] == 422


def test_any_depth_that_is_allowed_is_survived():
    # Whatever the limit is set to, the interpreter's own is met as a refusal.
    data = b"[" * 200_000 + b"]" * 200_000
    assert refusal(load, InMemory(data), None, depth=10**9) == broken("nested too deeply", 0)


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["data:,", "data:x;base64,", "DATA:,", 'data:"', "\\", '"', "cog-", "/"]),
    st.lists(
        st.sampled_from(["data:", '"', "\\", "/", "\n", "é", "😀", "\ud83d", "\ude00", "AAAA", "=", ",", ":", "%"]),
        max_size=12,
    ).map("".join),
    st.text(max_size=20).map(lambda tail: "data:" + tail),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def slashes(text):
    return text.replace("/", "\\/")


@settings(deadline=None)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.integers(1, 40), st.integers(7, 40))
def test_a_document_is_the_same_in_memory_and_spooled(value, ascii_only, indent, long, block):
    try:
        data = slashes(json.dumps(value, ensure_ascii=ascii_only, indent=indent)).encode()
    except UnicodeEncodeError:
        data = json.dumps(value, ensure_ascii=True, indent=indent).encode()
    want = json.loads(data)  # a surrogate pair written as two escapes is one character by now
    assert document.nesting(data) == depth_of(want)
    assert load(InMemory(data), None, depth=99) == want
    assert plain(parse_spooled(data, long, block)) == want


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=60), st.integers(1, 20), st.integers(7, 30))
def test_any_bytes_get_the_same_answer_in_memory_and_spooled(data, long, block):
    assert outcome(lambda: load(InMemory(data), None, depth=9)) == outcome(lambda: parse_spooled(data, long, block))


PIECES = [b'"data:', b'"', b"\\", b"\\\\", b'\\"', b"\\u00e9", b"\\ud83d", b"\\ude00", b"\\n", b"\n", b" ", b":", b",", b"{",
          b"}", b"[", b"]", b"1", b"AAAA", b"\xc3\xa9", b"\xff", b"\xef\xbb\xbf", b'"a":', b"data:"]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=25).map(b"".join), st.integers(1, 20), st.integers(7, 30))
def test_almost_json_gets_the_same_answer_in_memory_and_spooled(data, long, block):
    assert outcome(lambda: load(InMemory(data), None, depth=9)) == outcome(lambda: parse_spooled(data, long, block))


def outcome(read):
    try:
        return repr(plain(read()))
    except DocumentInvalid as refused:
        return refused.status, refused.body


# --- long data: URLs stay in the file


def test_long_data_urls_are_left_in_the_file_wherever_they_are_values():
    value = {
        "input": {"f": "data:image/png;base64," + "A" * 100, "short": "data:,", "text": "see data:" + "A" * 100},
        "data:" + "k" * 50: ['data:text/plain,x\\y"z' + "é" * 100, 1],
    }
    for ascii_only in (True, False):
        document = parse_spooled(json.dumps(value, ensure_ascii=ascii_only).encode(), long=40)
        assert plain(document) == value
        assert [blob.head for blob in blobs(document)] == ["data:image/png;base64,", "data:text/plain,"]


def test_a_document_may_be_nothing_but_a_data_url():
    document = parse_spooled(b'"data:,' + b"x" * 50 + b'"')
    assert isinstance(document, Blob)
    assert document.text() == "data:," + "x" * 50


def test_text_without_a_comma_is_no_data_url_however_long_it_is():
    assert parse_spooled(b'["data:' + b"x" * 50 + b'"]') == ["data:" + "x" * 50]


def test_the_last_of_two_equal_keys_wins():
    data = b'{"a": "data:,first first", "a": "data:,second second"}'
    assert plain(parse_spooled(data)) == {"a": "data:,second second"}


def test_a_place_in_a_broken_document_counts_what_was_left_in_the_file():
    data = '\ufeff{"é": "data:,' + "x" * 100 + '\\u00e9é", "b": }'
    with pytest.raises(json.JSONDecodeError) as error:
        json.loads(data[1:])
    assert refusal(parse_spooled, data.encode()) == broken("Expecting value", error.value.pos)


def test_a_blob_outlives_the_body_and_closes_its_file_with_the_last_of_them():
    before = open_files()
    document = parse_spooled(b'["data:,0123456789", "data:,abcdefghij"]')
    first, second = document
    del document, first
    assert second.text() == "data:,abcdefghij"
    assert open_files() - before
    del second
    assert open_files() <= before

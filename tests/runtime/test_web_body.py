"""Bodies without a socket: the two readers, and the spool that keeps what they find."""

import os

import pytest
from descriptors import open_files

from cog.runtime_stdlib.web import spool
from cog.runtime_stdlib.web.body import ChunkedBody, LengthBody
from cog.runtime_stdlib.web.head import BadRequest
from cog.runtime_stdlib.web.request import Body
from cog.runtime_stdlib.web.spool import Spool


def test_a_body_of_known_length_ends_where_it_says():
    body = LengthBody(5)
    assert (body.feed(b"he"), body.done) == (b"he", False)
    assert (body.feed(b"llo next"), body.done, body.rest) == (b"llo", True, b" next")


def test_a_body_of_length_zero_is_done_before_it_begins():
    body = LengthBody(0)
    assert body.done
    assert (body.feed(b"next"), body.rest) == (b"", b"next")


def test_a_chunked_body_hands_out_payload_as_it_arrives():
    body = ChunkedBody(100)
    assert body.feed(b"5\r\nhe") == b"he"
    assert body.feed(b"llo") == b"llo"
    assert body.feed(b"\r\n6\r\n wor") == b" wor"
    assert body.feed(b"ld\r\n0\r\n\r\nGET /") == b"ld"
    assert (body.done, body.rest) == (True, b"GET /")


def test_a_chunk_is_refused_when_it_is_announced_not_when_it_has_come():
    body = ChunkedBody(10)
    body.feed(b"a\r\n0123456789\r\n")
    with pytest.raises(BadRequest) as refused:
        body.feed(b"1\r\n")
    assert refused.value.status == 413


def test_exactly_the_limit_is_allowed():
    body = ChunkedBody(10)
    assert body.feed(b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n") == b"0123456789"
    assert body.done


def test_many_small_chunks_in_one_block():
    body = ChunkedBody(100000)
    assert body.feed(b"1\r\nx\r\n" * 50000 + b"0\r\n\r\n") == b"x" * 50000
    assert body.done


def test_a_small_body_stays_in_memory():
    keep = Spool(10)
    keep.add(b"01234")
    keep.add(b"56789")
    body = keep.finish()
    assert (body.data, body.file, body.length) == (b"0123456789", None, 10)


@pytest.mark.parametrize("expected", [0, 11], ids=["length unknown", "length known"])
def test_a_long_body_is_in_a_file_that_has_no_name(tmp_path, monkeypatch, expected):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    keep = Spool(10, expected)
    keep.add(b"01234")
    keep.add(b"56789!")
    body = keep.finish()
    try:
        assert (body.data, body.length, body.file.read()) == (None, 11, b"0123456789!")
        assert list(tmp_path.iterdir()) == []
    finally:
        body.close()
    assert body.file.closed


def test_the_same_where_the_file_system_knows_no_nameless_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    keep = Spool(0)
    keep.add(b"hello")
    assert list(tmp_path.iterdir()) == []
    body = keep.finish()
    assert body.file.read() == b"hello"
    body.close()


def test_a_directory_that_cannot_be_written_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setenv("TEMP", str(tmp_path))
    os.close(spool.open_unlinked())


def test_a_discarded_body_leaves_no_descriptor():
    before = open_files()
    keep = Spool(0)
    keep.add(b"hello")
    assert open_files() - before
    keep.discard()
    assert open_files() <= before


def test_a_body_that_somebody_retains_outlives_the_reply():
    keep = Spool(0)
    keep.add(b"hello")
    body = keep.finish()
    body.retain()
    body.close()  # the listener, after the reply
    assert body.file.read() == b"hello"
    body.close()
    assert body.file.closed


def test_closing_a_body_in_memory_does_nothing():
    body = Body(b"x")
    body.close()
    assert body.data == b"x"

"""Replies as bytes."""

import base64
import io

import pytest

from cog.runtime_stdlib.web import replies
from cog.runtime_stdlib.web.replies import (
    TAIL_CLOSE,
    TAIL_KEEP,
    TAIL_OPEN,
    FileChanged,
    blocks,
    failure,
    head,
    json_reply,
    length,
)
from cog.runtime_stdlib.web.request import FilePart, Reply
from cog.runtime_stdlib.web.sending import date_field


def test_the_head_of_a_json_reply():
    assert head(json_reply(200, b"{}"), 2, TAIL_OPEN, b"date: x\r\n") == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: x\r\ncontent-length: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    "size, tail, end",
    [
        (0, TAIL_CLOSE, b"content-length: 0\r\nconnection: close\r\n\r\n"),
        (5, TAIL_KEEP, b"content-length: 5\r\nconnection: keep-alive\r\n\r\n"),
        (None, TAIL_OPEN, b"transfer-encoding: chunked\r\n\r\n"),
        (-1, TAIL_CLOSE, b"connection: close\r\n\r\n"),
    ],
)
def test_how_a_head_says_where_the_body_ends(size, tail, end):
    assert head(Reply(202), size, tail) == b"HTTP/1.1 202 Accepted\r\n" + end


def test_more_headers_come_in_order():
    reply = Reply(405, (("content-type", "application/json"), ("allow", "GET")))
    assert head(reply, 0, TAIL_OPEN).split(b"\r\n")[1:3] == [b"content-type: application/json", b"allow: GET"]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b", "a\x7fb"])
def test_a_line_break_never_gets_into_a_header(value):
    with pytest.raises(ValueError, match="control character"):
        head(Reply(307, (("location", value),)), 0, TAIL_OPEN)


def test_remembered_heads_are_bounded():
    for number in range(2000):
        head(Reply(307, (("location", "/%d" % number),)), 0, TAIL_OPEN)
    assert len(replies._heads) <= 256


def test_a_refusal_is_json_and_hangs_up():
    reply = failure(400, "Malformed request line")
    assert (reply.status, reply.body, reply.close) == (400, (b'{"detail":"Malformed request line"}',), True)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 3 << 17, (3 << 17) + 1, (6 << 17) + 2])
def test_a_file_is_streamed_as_base64_of_a_length_known_beforehand(size):
    data = bytes(range(256)) * (size // 256 + 1)
    part = FilePart(io.BytesIO(b"skipped" + data[:size]), size, offset=7)
    sent = b"".join(blocks(part))
    assert sent == base64.b64encode(data[:size])
    assert part.sent_length == len(sent)


def test_reads_that_come_up_short_do_not_put_padding_in_the_middle():
    class Dribble(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1000))

    data = bytes(range(256)) * 4000
    part = FilePart(Dribble(data), len(data))
    assert b"".join(blocks(part)) == base64.b64encode(data)


def test_a_file_may_also_be_sent_as_it_is():
    part = FilePart(io.BytesIO(b"0123456789"), 4, offset=3, base64=False)
    assert (b"".join(blocks(part)), part.sent_length) == (b"3456", 4)


def test_a_file_that_shrank_is_an_error():
    with pytest.raises(FileChanged, match="ended 5 bytes early"):
        list(blocks(FilePart(io.BytesIO(b"01234"), 10)))


def test_the_length_of_a_body_in_segments():
    part = FilePart(io.BytesIO(b"0123456789"), 10)
    assert length((b'{"output":"data:;base64,', part, b'"}')) == 24 + 16 + 2


def test_dates_do_not_follow_the_locale():
    assert date_field(784111777) == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    assert date_field(1709164800) == b"date: Thu, 29 Feb 2024 00:00:00 GMT\r\n"

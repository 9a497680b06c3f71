"""Send a reply: in one call when it is small, else part by part with an eye on how fast the client reads.

Strategy: send() on a blocking socket returns when everything is in the kernel's buffer, or after SO_SNDTIMEO with what
went in until then. So the clock is looked at between calls only. A client that takes nothing for one time-out, or
less than the lowest rate on average, is cut off: the thread and the open file are worth more than its answer.
"""

from __future__ import annotations

from time import gmtime, monotonic, time

from .connection import HANDLING, SENDING, ClientGone
from .replies import TAIL_CLOSE, TAIL_KEEP, TAIL_OPEN, blocks
from .replies import head as reply_head
from .replies import length as reply_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Optional, Tuple

    from .connection import Connection
    from .head import Head
    from .limits import Limits
    from .request import Reply, Segment

__all__ = ["send_reply"]

SMALL_REPLY = 65536  # up to here head and body are joined and leave in one call


def send_reply(connection: Connection, reply: Reply, head: Optional[Head], keep: bool, limits: Limits) -> bool:
    """Whether the connection may stay open. Without a head (it was malformed) the answer is HTTP/1.1's."""
    try:
        modern = head is None or head.version == (1, 1)
        stream = reply.stream
        body: Tuple[Segment, ...] = reply.body
        size: Optional[int] = reply_length(body)
        if stream is not None:
            size = None if modern else -1
            keep = keep and modern
        elif reply.status in (204, 304):
            size = -1
        block = reply_head(reply, size, (TAIL_OPEN if modern else TAIL_KEEP) if keep else TAIL_CLOSE, date_now())
        if head is not None and head.method == "HEAD":
            body, stream = (), None
        elif size is not None and 0 <= size <= SMALL_REPLY:
            texts = [part for part in body if isinstance(part, bytes)]
            if len(texts) == len(body):
                block += texts[0] if len(texts) == 1 else b"".join(texts)
                body = ()
        sent = connection.sock.send(block)
        if sent != len(block) or body or stream is not None:
            sending = Sending(connection, limits)
            sending.parts(block[sent:], body)
            if stream is not None:
                sending.stream(stream, size is None)
        return keep
    except BlockingIOError:
        raise ClientGone from None
    finally:
        for part in reply.body:
            if not isinstance(part, bytes):
                part.file.close()
        if reply.on_sent is not None:
            reply.on_sent()


DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def date_field(now: float) -> bytes:
    # Not strftime: its names of days and months follow the locale.
    year, month, day, hour, minute, second, weekday = gmtime(now)[:7]
    text = "date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n"
    return (text % (DAYS[weekday], day, MONTHS[month - 1], year, hour, minute, second)).encode()


_date = (0, b"")


def date_now() -> bytes:
    """The Date field, made once a second."""
    global _date
    now = int(time())
    kept = _date
    if kept[0] != now:
        _date = kept = (now, date_field(now))
    return kept[1]


class Sending:
    """What does not leave in the first call: large, streamed, or read slowly."""

    __slots__ = ("_begun", "_connection", "_limits", "_sent")

    def __init__(self, connection: Connection, limits: Limits):
        self._connection = connection
        self._limits = limits
        self._begun = monotonic()
        self._sent = 0

    def parts(self, block: bytes, body: Tuple[Segment, ...]) -> None:
        self._connection.state, self._connection.since = SENDING, self._begun
        if block:
            self._all(block)
        for part in body:
            if isinstance(part, bytes):
                self._all(part)
            else:
                for encoded in blocks(part):
                    self._all(encoded)

    def stream(self, items: Iterable[bytes], chunked: bool) -> None:
        connection = self._connection
        connection.state = HANDLING  # waiting for the next item is not the client's fault
        try:
            for item in items:
                if not item:
                    continue  # an empty chunk would be the last one
                self._begun, self._sent = monotonic(), 0
                connection.state, connection.since = SENDING, self._begun
                self._all(b"%x\r\n%b\r\n" % (len(item), item) if chunked else item)
                connection.state = HANDLING
            if chunked:
                self._all(b"0\r\n\r\n")
        finally:
            end = getattr(items, "close", None)  # a generator must hear at once that its reader has left
            if end is not None:
                end()

    def _all(self, data: bytes) -> None:
        limits = self._limits
        send = self._connection.sock.send
        view = memoryview(data)
        while True:
            count = send(view)
            self._sent += count
            if count == len(view):
                return
            view = view[count:]
            spent = monotonic() - self._begun
            if spent > limits.reply_timeout and self._sent < (spent - limits.reply_timeout) * limits.reply_rate:
                raise ClientGone

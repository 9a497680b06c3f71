"""What is said on a connection: receive, parse, ask the handler, send, again. The straight line every request takes.

Strategy: the hot path is written out in `Conversation.run()`: a head that this server has seen before, a body that
came with it, a reply that fits one call. Everything slower (a new head, pieces, big bodies, refusals) is a method
beside it. Whatever is wrong with a request's framing ends in 400 and a closed connection. A body that nobody wants
is read past when it is small; else the connection ends, so that it is never taken for the next request.
"""

from __future__ import annotations

import _socket
import errno
from time import monotonic

from .body import ChunkedBody, LengthBody, too_large
from .connection import FRESH, HANDLING, HEAD, IDLE, LINGERING, RECEIVING, ClientGone, Connection, shut
from .head import BadRequest, Head, HeadReader, parse_head
from .replies import CONTINUE, failure, text_reply
from .request import NO_BODY, Body, Reply, Request
from .sending import send_reply
from .spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Optional, Protocol, Tuple, Union

    from .limits import Limits

    class Handler(Protocol):
        """Who answers. Both are called in the connection's own thread."""

        def admit(self, request: Request) -> Optional[Reply]:
            """Head read, body not yet: a reply refuses the request before its body is sent."""

        def handle(self, request: Request, connection: Connection) -> Reply:
            """The whole request is here."""


__all__ = ["Conversation"]

FIRST = 16384  # asked for when a request may begin: the head and a small body in one call
LARGE = 262144  # asked for inside a body
DRAIN = 65536  # an unread body of up to this many bytes is read and dropped; beyond, we hang up
LINGER = 2.0  # seconds we go on reading after a last word, so that the client gets to read it
CACHED_HEADS, CACHED_HEAD_SIZE = 64, 2048


class Conversation:
    """What the connections of one server share; run() is one connection's whole life."""

    def __init__(self, handler: Handler, limits: Limits, report: Callable[[str, BaseException], None]):
        self.stopping = False  # set by the listener: every reply is the last one of its connection
        self.tick = max(0.05, min(10.0, limits.header_timeout, limits.keep_alive_timeout, limits.body_timeout))
        self._handler = handler
        self._limits = limits
        self._report = report
        self._heads: Dict[bytes, Head] = {}

    def run(self, connection: Connection) -> None:
        """One request after the other until somebody has had enough."""
        recv = connection.sock.recv
        heads = self._heads
        limits = self._limits
        handler = self._handler
        address = connection.address
        data = b""
        while True:
            if not data:
                if self.stopping:
                    return
                try:
                    data = recv(FIRST)
                except BlockingIOError:
                    data = self._wait_longer(connection)
                if not data:
                    return
            end = data.find(b"\r\n\r\n") + 4
            head = heads.get(data[:end]) if end > 3 else None
            if head is None:
                try:
                    found = self._read_head(connection, data)
                except BadRequest as error:
                    self._last_word(connection, failure(error.status, error.detail), None)
                    return
                if found is None:
                    return
                head, data = found
            else:
                data = data[end:]
            connection.state = HANDLING
            request = Request(head.method, head.path, head.query, head.headers, NO_BODY, head.version, address)
            try:
                reply = handler.admit(request)
            except Exception as error:
                self._report("error while answering " + head.method + " " + head.path, error)
                reply = text_reply(500, "Internal Server Error", close=True)
            length = head.length
            if reply is not None:
                if length or head.chunked:
                    rest = None if reply.close or head.expect else self._drain(connection, head, data)
                    if rest is None:
                        self._last_word(connection, reply, head)
                        return
                    data = rest
            else:
                body = NO_BODY
                if length and length <= len(data) and length <= limits.max_body_size:
                    body = Body(data[:length])
                    data = data[length:]
                elif length or head.chunked:
                    try:
                        body, data = self._read_body(connection, head, data)
                    except BadRequest as error:
                        self._last_word(connection, failure(error.status, error.detail), head)
                        return
                    connection.state = HANDLING
                request.body = body
                try:
                    reply = handler.handle(request, connection)
                except Exception as error:
                    self._report("error while answering " + head.method + " " + head.path, error)
                    reply = text_reply(500, "Internal Server Error")
                finally:
                    if body.file is not None:
                        body.close()
                del request, body  # not kept while the connection is idle
            keep = head.keep_alive and not reply.close and not self.stopping
            if not send_reply(connection, reply, head, keep, limits):
                if data:  # the client is in the middle of sending more
                    self._linger(connection)
                return
            del reply
            connection.since = monotonic()
            connection.state = IDLE

    def _wait_longer(self, connection: Connection) -> bytes:
        """A tick has passed without a request: wait for the rest of the time-out. b"" when it is over."""
        limits = self._limits
        whole = limits.header_timeout if connection.state == FRESH else limits.keep_alive_timeout
        try:
            return connection.receive_until(monotonic() + whole - self.tick, FIRST)
        except BlockingIOError:
            return b""
        finally:
            connection.wait_at_most(self.tick)

    def _read_head(self, connection: Connection, data: bytes) -> Optional[Tuple[Head, bytes]]:
        """A head that is new to us or arrives in pieces, and what follows it. None: the client left."""
        limits = self._limits
        end = data.find(b"\r\n\r\n") + 4
        if 3 < end <= CACHED_HEAD_SIZE and data[:2] != b"\r\n":
            head = parse_head(data[:end], limits)
            if len(self._heads) >= CACHED_HEADS:
                self._heads.clear()
            self._heads[data[:end]] = head
            return head, data[end:]
        connection.state = HEAD
        deadline = monotonic() + limits.header_timeout
        reader = HeadReader(limits)
        while True:
            found = reader.feed(data)
            if found is not None:
                connection.wait_at_most(self.tick)
                return found, reader.rest
            try:
                data = connection.receive_until(deadline, FIRST)
            except BlockingIOError:
                if reader.empty:
                    return None
                raise BadRequest("Request header took too long", 408) from None
            if not data:
                if connection.evicted and not reader.empty:
                    raise BadRequest("Too many connections", 503)
                return None

    def _read_body(self, connection: Connection, head: Head, data: bytes) -> Tuple[Body, bytes]:
        """The body, and what follows it."""
        limits = self._limits
        if head.length > limits.max_body_size:
            raise too_large(limits.max_body_size)
        if head.expect and not data:
            connection.sock.send(CONTINUE)
        connection.state = RECEIVING
        begun = connection.since = monotonic()
        size = FIRST
        reader: Union[ChunkedBody, LengthBody]
        reader = ChunkedBody(limits.max_body_size) if head.chunked else LengthBody(head.length)
        spool: Optional[Spool] = None
        try:
            spool = Spool(limits.max_body_memory, head.length)
            while True:
                if data:
                    piece = reader.feed(data)
                    if piece:
                        spool.add(piece)
                    if reader.done:
                        connection.wait_at_most(self.tick)
                        return spool.finish(), reader.rest
                    if spool.length >= FIRST:
                        size = LARGE
                now = monotonic()
                spent = now - begun
                if spent > limits.body_timeout and spool.length < (spent - limits.body_timeout) * limits.body_rate:
                    raise BadRequest("Request body came too slowly", 408)
                try:
                    data = connection.receive_until(now + limits.body_timeout, size)
                except BlockingIOError:
                    raise BadRequest("Request body came too slowly", 408) from None
                except OSError:
                    raise ClientGone from None
                if not data:
                    raise ClientGone
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise BadRequest("No room on disk for the request body", 507) from None
            self._report("cannot keep a request body", error)
            raise BadRequest("Cannot keep the request body", 500) from None
        finally:
            if spool is not None:
                spool.discard()

    def _drain(self, connection: Connection, head: Head, data: bytes) -> Optional[bytes]:
        """Read past a body nobody wants; what follows it, or None when that is not worth it."""
        if head.length > DRAIN:
            return None
        connection.state = LINGERING
        deadline = monotonic() + LINGER
        reader: Union[ChunkedBody, LengthBody]
        reader = ChunkedBody(DRAIN) if head.chunked else LengthBody(head.length)
        try:
            while True:
                reader.feed(data)
                if reader.done:
                    connection.wait_at_most(self.tick)
                    return reader.rest
                data = connection.receive_until(deadline, FIRST)
                if not data:
                    return None
        except (BadRequest, BlockingIOError):
            return None

    def _last_word(self, connection: Connection, reply: Reply, head: Optional[Head]) -> None:
        """Send a reply and hang up, though the client may be in the middle of sending."""
        send_reply(connection, reply, head, False, self._limits)
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        # Closing a socket with unread bytes resets the connection, and a reset can overtake the reply. So: end our
        # side, then read on for a little while until the client has ended its own.
        connection.state = LINGERING
        deadline = monotonic() + LINGER
        if not shut(connection.sock, _socket.SHUT_WR):
            return
        try:
            while connection.receive_until(deadline, LARGE):
                pass
        except BlockingIOError:
            pass

"""The listening socket and its connections: the acting half of the HTTP server.

Strategy: one thread per connection, started with the bare `_thread` call, runs a straight loop: receive, parse,
ask the handler, send. All decisions about bytes are made in `head`, `body` and `replies`; what is here are sockets,
clocks and threads.

*Not socketserver.* Its TCPServer was meant to be the parent class. Its import costs 10 to 35 ms (with selectors,
socket's enums and threading), which is up to half of our start-up budget, and nothing of it would be left: its
accept loop polls every half second, its threads are unbounded, and it has no deadlines. `_socket`, the C module below
`socket`, has everything that is needed. The shape is the same: bind, accept, a thread per connection.

*Few system calls.* A small request on a kept connection is one recv and one send; a new connection adds accept,
getsockname and close. Time-outs are SO_RCVTIMEO and SO_SNDTIMEO, which accepted sockets inherit from the listening
one (on Linux), instead of settimeout(), which adds a poll() to every call. They bound a single call; a deadline that
spans calls is checked between them, so a client that drips bytes gains at most one time-out.

*Bounded.* At most `max_connections` threads and descriptors, lowered to what RLIMIT_NOFILE allows. When all are
taken, the connection that waits longest for its client is ended to make room for the new one: first those without
a complete request header, then idle ones, then those that send or read their data slowly. One whose request
is being answered is never touched; if there are only such, the new one is told 503.

*Stopping.* shutdown(2) on the listening socket wakes accept(2) at once. Connections between two requests get
shutdown(SHUT_RD): their recv() returns as if the client had left, while a request that arrived in that very moment can
still be answered.
"""

from __future__ import annotations

import _socket
import errno
from _thread import allocate_lock, start_new_thread
from select import poll
from sys import byteorder, maxsize, platform
from time import monotonic

from .body import ChunkedBody, LengthBody, too_large
from .head import BadRequest, Head, HeadReader, parse_head
from .limits import Limits
from .replies import (
    CONTINUE,
    TAIL_CLOSE,
    TAIL_KEEP,
    TAIL_OPEN,
    FileChanged,
    blocks,
    failure,
    head as reply_head,
    length as reply_length,
    text_reply,
)
from .request import NO_BODY, Body, Reply, Request
from .spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Optional, Protocol, Tuple, Union

    class Handler(Protocol):
        """Who answers. Both are called in the connection's own thread."""

        def admit(self, request: Request) -> Optional[Reply]:
            """Head read, body not yet: a reply refuses the request before its body is sent."""

        def handle(self, request: Request, connection: Connection) -> Reply:
            """The whole request is here."""


__all__ = ["Connection", "Listener", "PortTaken"]

FIRST = 16384  # asked for when a request may begin: the head and a small body in one call
LARGE = 262144  # asked for inside a body
SMALL_REPLY = 65536  # up to here head and body are joined and leave in one call
DRAIN = 65536  # an unread body of up to this many bytes is read and dropped; beyond, we hang up
LINGER = 2.0  # seconds we go on reading after a last word, so that the client gets to read it
BACKLOG = 1024
SPARE_DESCRIPTORS = 32  # for everything that is not a connection: the worker's sockets, pipes, files
OVERSHOOT = 16  # connections that may be on their way out beyond the bound
CACHED_HEADS, CACHED_HEAD_SIZE = 64, 2048

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
HANGUP = 0x2010  # POLLRDHUP | POLLHUP on Linux; POLLERR is always reported
LINUX_RDHUP = 0x2000

# Where a connection is. The order is the order in which they are given up when there are too many.
FRESH, HEAD, LINGERING, IDLE, RECEIVING, SENDING, HANDLING = range(7)
STUCK = 1.0  # seconds after which one that receives or sends may be given up

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 33\r\n"
    b'connection: close\r\n\r\n{"detail":"Too many connections"}'
)


class PortTaken(OSError):
    """Somebody else listens on that port."""

    def __init__(self, port: int):
        super().__init__("Port %d is already in use" % port)
        self.port = port


class ClientGone(Exception):
    """The connection has ended, or is so slow that we end it; there is nobody to tell."""


class Connection:
    """One client's connection. A handler may call fileno() and gone()."""

    __slots__ = ("_timeout", "address", "evicted", "since", "sock", "state")

    def __init__(self, sock: _socket.socket, address: Tuple[object, ...], timeout: float):
        self.sock = sock
        self.address = address
        self.state = FRESH
        self.since = 0.0  # when it began to receive or send
        self.evicted = False
        self._timeout = timeout  # what SO_RCVTIMEO is

    def fileno(self) -> int:
        return self.sock.fileno()

    def gone(self) -> bool:
        """Whether the client has closed its end; costs one poll(2)."""
        watch = poll()
        try:
            watch.register(self.sock.fileno(), HANGUP)
            if watch.poll(0):
                return True
        except (OSError, ValueError):
            return True
        if LINUX:
            return False
        try:  # no POLLRDHUP elsewhere: look for the end without taking anything
            return self.sock.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def wait_at_most(self, seconds: float) -> None:
        """Bound the following recv() calls."""
        if seconds != self._timeout:
            self._timeout = seconds
            self.sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, timeval(seconds))


LINUX = platform.startswith("linux")
POINTER = 8 if maxsize > 1 << 32 else 4


def timeval(seconds: float) -> bytes:
    # Zero would mean for ever. struct is not worth its import: two little- or big-endian longs.
    microseconds = max(1000, int(seconds * 1000000))
    size = POINTER
    whole, part = divmod(microseconds, 1000000)
    return whole.to_bytes(size, byteorder) + part.to_bytes(size, byteorder)


class Signal:
    """Wakes one waiter; setting it twice is setting it once. (threading.Event costs its import.)"""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:
            pass  # set already

    def wait(self, seconds: float) -> bool:
        return self._lock.acquire(True, max(0.0, seconds))


class Listener:
    """Binds at once (and raises PortTaken); serve() blocks until stop()."""

    def __init__(
        self,
        host: str,
        port: int,
        handler: Handler,
        limits: Limits,
        report: Optional[Callable[[str, BaseException], None]] = None,
    ):
        self._handler = handler
        self._limits = limits
        self._report = report or print_traceback
        self._most = limits.max_connections
        self._heads: Dict[bytes, Head] = {}
        # Invariant: holds every connection from accept() until just before its close(). The accepting thread
        # adds, the connection's own thread removes, under the lock, and closes after that; whoever shuts one down
        # does it under the lock, so it never hits a descriptor that has been given to somebody else.
        self._connections: Dict[Connection, None] = {}
        self._lock = allocate_lock()
        self._ended = Signal()  # a connection has ended: wakes the accepting thread when it waits for room
        self._all_ended = Signal()  # the same for stop()
        self._served = allocate_lock()  # held while serve() runs
        self._stopping = False
        self._socket = bound(host, port, limits)
        self._family = self._socket.family
        self.port: int = self._socket.getsockname()[1]

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._connections)

    # The accepting thread

    def serve(self) -> None:
        """Accept and answer until stop(); run it in a thread of its own."""
        with self._served:
            self._most = affordable(self._limits.max_connections)
            pause = 0.0
            try:
                while not self._stopping:
                    try:
                        fd, address = self._socket._accept()  # type: ignore[attr-defined]
                    except BlockingIOError:
                        continue  # the time-out that the connections inherit
                    except OSError as error:
                        if self._stopping:
                            break
                        if error.errno in EXHAUSTED:
                            # No descriptor for the next one. Waiting without giving one up could last for ever;
                            # trying again at once would spin.
                            self._evict()
                            pause = min(1.0, pause * 2 or 0.01)
                            self._ended.wait(pause)
                        elif error.errno in (errno.EBADF, errno.EINVAL, errno.ENOTSOCK):
                            raise
                        continue  # else that connection was gone before we came (ECONNABORTED and kin)
                    pause = 0.0
                    self._welcome(fd, address)
            finally:
                self._socket.close()

    def _welcome(self, fd: int, address: Tuple[object, ...]) -> None:
        sock = _socket.socket(self._family, _socket.SOCK_STREAM, 0, fd)
        if len(self._connections) >= self._most and not self._make_room():
            try:
                sock.send(FULL, _socket.MSG_DONTWAIT)
            except OSError:
                pass
            sock.close()
            return
        if not LINUX:
            set_options(sock, self._limits)
        connection = Connection(sock, address, self._limits.header_timeout)
        self._connections[connection] = None
        try:
            start_new_thread(self._converse, (connection,))
        except RuntimeError:  # no more threads: a limit on processes, or no memory
            del self._connections[connection]
            sock.close()
            self._evict()
            self._ended.wait(0.05)

    def _make_room(self) -> bool:
        """End the connection that can be spared best; False when none can."""
        if not self._evict():
            return False
        # The evicted ones end in their own threads. Wait only when too many of them have not come to that yet.
        tries = 0
        while len(self._connections) >= self._most + OVERSHOOT and tries < 20:
            self._ended.wait(0.05)
            tries += 1
        return len(self._connections) < self._most + OVERSHOOT

    def _evict(self) -> bool:
        best: Optional[Connection] = None
        best_state = HANDLING
        stuck = monotonic() - STUCK
        with self._lock:
            for connection in self._connections:  # oldest first
                state = connection.state
                if connection.evicted or state >= best_state:
                    continue
                if state >= RECEIVING and connection.since > stuck:
                    continue
                best, best_state = connection, state
                if state <= HEAD:
                    break
            if best is None:
                return any(connection.evicted for connection in self._connections)
            best.evicted = True
            shut(best.sock, _socket.SHUT_RD if best_state < RECEIVING else _socket.SHUT_RDWR)
        return True

    # Stopping

    def stop(self, grace: float) -> bool:
        """Stop accepting, close idle connections, give running ones `grace` seconds; True if all ended in time."""
        deadline = monotonic() + grace
        self._stopping = True
        if not shut(self._socket, _socket.SHUT_RDWR):
            knock(self._socket)
        if self._served.acquire(False):  # serve() is not running: never begun, or over
            self._served.release()
            self._socket.close()
        self._ended.set()
        with self._lock:
            for connection in self._connections:
                if connection.state <= IDLE:
                    shut(connection.sock, _socket.SHUT_RD)
        while self._connections:
            left = deadline - monotonic()
            if left <= 0:
                break
            self._all_ended.wait(left)
        in_time = not self._connections
        with self._lock:
            for connection in self._connections:
                connection.evicted = True
                shut(connection.sock, _socket.SHUT_RDWR)
        return in_time

    # A connection's own thread

    def _converse(self, connection: Connection) -> None:
        try:
            self._requests(connection)
        except (ClientGone, OSError):
            pass  # the client left or was too slow
        except BaseException as error:  # a bug of ours: this connection ends, the server lives
            self._report("error in a connection", error)
        finally:
            with self._lock:
                del self._connections[connection]
            connection.sock.close()
            self._ended.set()
            if self._stopping:
                self._all_ended.set()

    def _requests(self, connection: Connection) -> None:
        """One request after the other until somebody has had enough."""
        recv = connection.sock.recv
        heads = self._heads
        limits = self._limits
        handler = self._handler
        address = connection.address
        data = b""
        while True:
            if not data:
                if self._stopping:
                    return
                try:
                    data = recv(FIRST)
                except BlockingIOError:
                    return  # idle for too long
                if not data:
                    return
            end = data.find(b"\r\n\r\n") + 4
            head = heads.get(data[:end]) if end > 3 else None
            if head is None:
                try:
                    found = self._read_head(connection, data)
                except BadRequest as error:
                    self._last_word(connection, failure(error.status, error.detail))
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
                if not length and not head.chunked:
                    pass
                else:
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
            if not self._send(connection, reply, head):
                return
            del reply
            connection.state = IDLE
            if not data:
                connection.wait_at_most(limits.keep_alive_timeout)

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
                return found, reader.rest
            left = deadline - monotonic()
            try:
                if left <= 0:
                    raise BlockingIOError
                connection.wait_at_most(left)
                data = connection.sock.recv(FIRST)
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
        connection.wait_at_most(limits.body_timeout)
        reader: Union[ChunkedBody, LengthBody]
        reader = ChunkedBody(limits.max_body_size) if head.chunked else LengthBody(head.length)
        recv = connection.sock.recv
        spool: Optional[Spool] = None
        try:
            spool = Spool(limits.max_body_memory, head.length)
            while True:
                if data:
                    piece = reader.feed(data)
                    if piece:
                        spool.add(piece)
                    if reader.done:
                        return spool.finish(), reader.rest
                spent = monotonic() - begun
                if spent > limits.body_timeout and spool.length < (spent - limits.body_timeout) * limits.body_rate:
                    raise BadRequest("Request body came too slowly", 408)
                try:
                    data = recv(LARGE)
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
        connection.wait_at_most(LINGER)
        deadline = monotonic() + LINGER
        reader: Union[ChunkedBody, LengthBody]
        reader = ChunkedBody(DRAIN) if head.chunked else LengthBody(head.length)
        try:
            while True:
                reader.feed(data)
                if reader.done:
                    return reader.rest
                data = connection.sock.recv(FIRST)
                if not data or monotonic() > deadline:
                    return None
        except (BadRequest, BlockingIOError):
            return None

    def _last_word(self, connection: Connection, reply: Reply, head: Optional[Head] = None) -> None:
        """Send a reply and hang up, though the client may be in the middle of sending."""
        # Closing a socket with unread bytes resets the connection, and a reset can overtake the reply. So: end our
        # side, then read on for a little while until the client has ended its own.
        reply.close = True
        self._send(connection, reply, head)
        connection.state = LINGERING
        deadline = monotonic() + LINGER
        if not shut(connection.sock, _socket.SHUT_WR):
            return
        connection.wait_at_most(LINGER)
        while monotonic() < deadline and connection.sock.recv(LARGE):
            pass

    def _send(self, connection: Connection, reply: Reply, head: Optional[Head]) -> bool:
        """Whether the connection stays open. Without a head (it was malformed) the answer is HTTP/1.1."""
        try:
            modern = head is None or head.version == (1, 1)
            keep = head is not None and head.keep_alive and not reply.close and not self._stopping
            stream = reply.stream
            size: Optional[int] = reply_length(reply.body)
            if stream is not None:
                size = None if modern else -1
                keep = keep and modern
            elif reply.status in (204, 304):
                size = -1
            tail = (TAIL_OPEN if modern else TAIL_KEEP) if keep else TAIL_CLOSE
            start = reply_head(reply, size, tail)
            if head is not None and head.method == "HEAD":
                block, parts, stream = start, (), None
            elif size is not None and 0 <= size <= SMALL_REPLY and all_bytes(reply.body):
                block, parts = b"".join((start,) + reply.body), ()  # type: ignore[arg-type]
            else:
                block, parts = start, reply.body
            sent = connection.sock.send(block)
            if sent != len(block) or parts or stream is not None:
                Sending(connection, self._limits).finish(block[sent:], parts, stream, size is None)
            return keep
        except FileChanged as error:
            # The client was promised more: the broken connection is the only way left to say so.
            self._report("a file became shorter while it was being sent", error)
            raise ClientGone from None
        finally:
            close_files(reply)
            if reply.on_sent is not None:
                reply.on_sent()


class Sending:
    """The part of a reply that does not leave in the first call: large, streamed, or read slowly."""

    __slots__ = ("_begun", "_connection", "_limits", "_sent")

    def __init__(self, connection: Connection, limits: Limits):
        self._connection = connection
        self._limits = limits
        self._begun = monotonic()
        self._sent = 0

    def finish(self, block: bytes, parts: Tuple[object, ...], stream: object, chunked: bool) -> None:
        connection = self._connection
        connection.state, connection.since = SENDING, self._begun
        if block:
            self._all(block)
        for part in parts:
            if isinstance(part, bytes):
                self._all(part)
            else:
                for encoded in blocks(part):  # type: ignore[arg-type]
                    self._all(encoded)
        if stream is None:
            return
        connection.state = HANDLING  # waiting for the model is not the client's fault
        try:
            for item in stream:  # type: ignore[attr-defined]
                if not item:
                    continue  # an empty chunk would be the last one
                connection.state, connection.since = SENDING, monotonic()
                self._begun, self._sent = connection.since, 0
                self._all(b"%x\r\n%b\r\n" % (len(item), item) if chunked else item)
                connection.state = HANDLING
            if chunked:
                self._all(b"0\r\n\r\n")
        finally:
            end = getattr(stream, "close", None)
            if end is not None:
                end()

    def _all(self, data: bytes) -> None:
        limits = self._limits
        send = self._connection.sock.send
        view = memoryview(data)
        while True:
            try:
                count = send(view)
            except BlockingIOError:
                raise ClientGone from None  # not one byte in reply_timeout
            self._sent += count
            if count == len(view):
                return
            view = view[count:]
            spent = monotonic() - self._begun
            if spent > limits.reply_timeout and self._sent < (spent - limits.reply_timeout) * limits.reply_rate:
                raise ClientGone


def all_bytes(body: Tuple[object, ...]) -> bool:
    for part in body:
        if not isinstance(part, bytes):
            return False
    return True


def close_files(reply: Reply) -> None:
    for part in reply.body:
        if not isinstance(part, bytes):
            part.file.close()


def print_traceback(message: str, error: BaseException) -> None:
    import sys  # only when something is broken
    import traceback

    sys.stderr.write(message + "\n" + "".join(traceback.format_exception(type(error), error, error.__traceback__)))


# The listening socket


def bound(host: str, port: int, limits: Limits) -> _socket.socket:
    if ":" in host:
        family, address = _socket.AF_INET6, (host, port)
    elif host.replace(".", "").isdigit():
        family, address = _socket.AF_INET, (host, port)
    else:
        found = _socket.getaddrinfo(host or None, port, 0, _socket.SOCK_STREAM, 0, _socket.AI_PASSIVE)
        family, address = found[0][0], found[0][4]  # type: ignore[assignment]
    sock = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)  # `::` takes IPv4 too
        set_options(sock, limits)
        try:
            sock.bind(address)
            sock.listen(BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(port) from None
            raise
    except BaseException:
        sock.close()
        raise
    return sock


def set_options(sock: _socket.socket, limits: Limits) -> None:
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, timeval(limits.header_timeout))
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, timeval(limits.reply_timeout))
    sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)


def affordable(wanted: int) -> int:
    """As many connections as the limit on descriptors leaves room for."""
    try:
        import resource  # a shared library of its own on most systems; not needed before the port answers
    except ImportError:
        return wanted
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(4, min(wanted, (soft - SPARE_DESCRIPTORS) * 3 // 4))


def shut(sock: _socket.socket, how: int) -> bool:
    try:
        sock.shutdown(how)
    except OSError:
        return False
    return True


def knock(sock: _socket.socket) -> None:
    """Wake accept(2) where shutdown(2) of a listening socket does not: connect to it."""
    try:
        address = sock.getsockname()
        with_host = ("::1" if sock.family == _socket.AF_INET6 else "127.0.0.1",) + address[1:]
        caller = _socket.socket(sock.family, _socket.SOCK_STREAM)
        try:
            caller.connect(with_host if address[0] in ("0.0.0.0", "::") else address)
        finally:
            caller.close()
    except OSError:
        pass  # not listening any more

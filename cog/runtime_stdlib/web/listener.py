"""The listening socket and its connections: the acting half of the HTTP server.

Strategy: one thread per connection, started with the bare `_thread` call, runs the straight loop of `conversation`. What
is here is how connections begin and end.

*Not socketserver.* Its TCPServer was meant to be the parent class. Its import costs 10 to 35 ms (with selectors,
socket's enums and threading), which is up to half of our start-up budget, and nothing of it would be left: its
accept loop polls every half second, its threads are unbounded, and it has no deadlines. `_socket`, the C module below
`socket`, has everything that is needed. The shape is the same: bind, accept, a thread per connection.

*Few system calls.* A small request on a kept connection is one recv and one send; a new connection adds accept,
getsockname and close. Time-outs are SO_RCVTIMEO and SO_SNDTIMEO, which accepted sockets inherit from the listening
one (on Linux), instead of settimeout(), which adds a poll() to every call. recv() returns at least once a tick (10 s
or the shortest time-out, if that is less), and only then is the clock looked at: nothing is set per request.

*Threads are kept for a moment.* Starting and ending one costs 40 us, nearly half of a request on a new connection, so up
to 8 that have nothing to do wait 5 s for another connection.

*Bounded.* At most `max_connections` threads and descriptors, lowered to what RLIMIT_NOFILE allows. When all are
taken, those that have kept us waiting longest are ended to make room: of those that did so for more than a
second, first the ones without a complete request header, then idle ones, then those that send or read their data
slowly. A new client is the last in that line, so a flood cannot push it out before it has spoken. One whose request is
being answered is never touched; if there are only such, the new one is told 503.

*Stopping.* shutdown(2) on the listening socket wakes accept(2) at once. Connections between two requests get
shutdown(SHUT_RD): their recv() returns as if the client had left, while a request that arrived in that very moment can
still be answered.
"""

from __future__ import annotations

import _socket
import errno
import sys
from _thread import allocate_lock, start_new_thread
from time import monotonic

from .connection import HANDLING, IDLE, LINGERING, LINUX, SENDING, ClientGone, Connection, shut, timeval
from .conversation import Conversation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Tuple

    from .conversation import Handler
    from .limits import Limits

__all__ = ["Connection", "Listener", "PortTaken"]

BACKLOG = 1024
SPARE_DESCRIPTORS = 32  # for everything that is not a connection: the worker's sockets, pipes, files
OVERSHOOT = 16  # connections that may be on their way out beyond the bound
PATIENCE = 1.0  # seconds for which a connection may keep us waiting before it is first in line to be given up
TCP_NOTSENT_LOWAT, UNSENT = 25, 262144
PARKED, PARKED_FOR = 8, 5.0

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
BROKEN = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)  # ours, not the connection's

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 33\r\n"
    b'connection: close\r\n\r\n{"detail":"Too many connections"}'
)


class PortTaken(OSError):
    """Somebody else listens on that port."""

    def __init__(self, port: int):
        super().__init__("Port %d is already in use" % port)
        self.port = port


def rank(candidate: Tuple[int, float, Connection]) -> Tuple[int, float]:
    return candidate[:2]


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


class Berth:
    """Where a thread without a connection waits for one."""

    __slots__ = ("connection", "lock")

    def __init__(self) -> None:
        self.connection: Optional[Connection] = None
        self.lock = allocate_lock()
        self.lock.acquire()


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
        self._limits = limits
        self._report = report or print_traceback
        self._talk = Conversation(handler, limits, self._report)
        self._most = limits.max_connections
        # Invariant: holds every connection from accept() until just before its close(). The accepting thread
        # adds, the connection's own thread removes, under the lock, and closes after that; whoever shuts one down
        # does it under the lock, so it never hits a descriptor that has been given to somebody else.
        self._connections: Dict[Connection, None] = {}
        self._lock = allocate_lock()
        # Who takes a berth out of this list (a single step) is the one who decides about its thread.
        self._parked: List[Berth] = []
        self._ended = Signal()  # a connection has ended: wakes the accepting thread when it waits for room
        self._all_ended = Signal()  # the same for stop()
        self._served = allocate_lock()  # held while serve() runs
        self._socket = bound(host, port, limits, self._talk.tick)
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
            if sys.version_info < (3, 10):
                # The end of a first thread opens a library there, and aborts the process when no descriptor is left
                # (bpo-44434); this one ends while there are some.
                start_new_thread(int, ())
            pause = 0.0
            try:
                while not self._over():
                    try:
                        fd, address = self._socket._accept()  # type: ignore[attr-defined]
                    except BlockingIOError:
                        continue  # the time-out that the connections inherit
                    except OSError as error:
                        if self._over():
                            break
                        if error.errno in EXHAUSTED:
                            # No descriptor for the next one. Waiting without giving one up could last for ever;
                            # trying again at once would spin.
                            self._evict()
                            pause = min(1.0, pause * 2 or 0.01)
                            self._ended.wait(pause)
                        elif error.errno in BROKEN:
                            raise
                        continue  # else that connection was gone before we came (ECONNABORTED and kin)
                    pause = 0.0
                    self._welcome(fd, address)
            finally:
                self._socket.close()

    def _over(self) -> bool:
        return self._talk.stopping

    def _welcome(self, fd: int, address: Tuple[object, ...]) -> None:
        sock = _socket.socket(self._family, _socket.SOCK_STREAM, 0, fd)
        if len(self._connections) >= self._most and not self._make_room():
            try:
                sock.send(FULL, _socket.MSG_DONTWAIT)
                sock.recv(65536, _socket.MSG_DONTWAIT)  # unread bytes would turn the close into a reset
            except OSError:
                pass
            sock.close()
            return
        if not LINUX:
            set_options(sock, self._limits, self._talk.tick)
        connection = Connection(sock, address, self._talk.tick)
        self._connections[connection] = None
        try:
            berth = self._parked.pop()
        except IndexError:
            pass
        else:
            berth.connection = connection
            berth.lock.release()
            return
        try:
            start_new_thread(self._work, (connection,))
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
        """End some connections that keep us waiting; False when every one is being answered."""
        with self._lock:
            victims = self._longest_waiting(monotonic())
            for connection in victims:
                connection.evicted = True
                # A request that has just arrived can still be answered after SHUT_RD; a blocked send() needs more.
                shut(connection.sock, _socket.SHUT_RDWR if connection.state == SENDING else _socket.SHUT_RD)
            return bool(victims) or any(connection.evicted for connection in self._connections)

    def _longest_waiting(self, now: float) -> List[Connection]:
        count = max(1, self._most // 32)  # several at once: looking through all of them is not free
        headless: List[Connection] = []
        others: List[Tuple[int, float, Connection]] = []
        for connection in self._connections:  # oldest first
            state = connection.state
            if connection.evicted or state == HANDLING:
                continue
            since = connection.since
            if now - since < PATIENCE:
                # Everybody gets a moment: a client that has come just now must not go before those that had theirs.
                others.append((2, since, connection))
            elif state <= LINGERING:
                headless.append(connection)
                if len(headless) == count:
                    return headless
            else:
                others.append((0 if state == IDLE else 1, since, connection))
        others.sort(key=rank)
        return headless or [connection for _, _, connection in others[:count]]

    # Stopping

    def stop(self, grace: float) -> bool:
        """Stop accepting, close idle connections, give running ones `grace` seconds; True if all ended in time."""
        deadline = monotonic() + grace
        self._talk.stopping = True
        if not shut(self._socket, _socket.SHUT_RDWR):
            knock(self._socket)
        if self._served.acquire(False):  # serve() is not running: never begun, or over
            self._served.release()
            self._socket.close()
        self._ended.set()
        while self._parked:
            try:
                self._parked.pop().lock.release()
            except IndexError:
                break  # its thread was quicker
        with self._lock:
            for connection in list(self._connections):  # the accepting thread may add one
                if connection.state <= IDLE:
                    shut(connection.sock, _socket.SHUT_RD)
        while self._connections:
            left = deadline - monotonic()
            if left <= 0:
                break
            self._all_ended.wait(left)
        in_time = not self._connections
        with self._lock:
            for connection in list(self._connections):
                connection.evicted = True
                shut(connection.sock, _socket.SHUT_RDWR)
        return in_time

    # A connection's own thread

    def _work(self, connection: Optional[Connection]) -> None:
        """The life of a thread: one connection, then another if it comes soon."""
        berth = Berth()
        while connection is not None:
            self._converse(connection)
            connection = None  # not kept while waiting
            if len(self._parked) >= PARKED:
                return
            self._parked.append(berth)
            in_time = berth.lock.acquire(True, 0.0 if self._talk.stopping else PARKED_FOR)
            if not in_time:
                try:
                    self._parked.remove(berth)
                    return
                except ValueError:
                    berth.lock.acquire()  # taken in this very moment
            connection, berth.connection = berth.connection, None

    def _converse(self, connection: Connection) -> None:
        try:
            self._talk.run(connection)
        except (ClientGone, OSError):
            pass  # the client left or was too slow
        except BaseException as error:  # a bug of ours: this connection ends, the server lives
            self._report("error in a connection", error)
        finally:
            with self._lock:
                del self._connections[connection]
            connection.sock.close()
            self._ended.set()
            if self._talk.stopping:
                self._all_ended.set()


def print_traceback(message: str, error: BaseException) -> None:
    import traceback  # only when something is broken

    sys.stderr.write(message + "\n" + "".join(traceback.format_exception(type(error), error, error.__traceback__)))


# The listening socket


def bound(host: str, port: int, limits: Limits, tick: float) -> _socket.socket:
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
        set_options(sock, limits, tick)
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


def set_options(sock: _socket.socket, limits: Limits, tick: float) -> None:
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, timeval(tick))
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, timeval(limits.reply_timeout))
    sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    if LINUX:
        # Without a bound the kernel takes up to 4 MB for each client that does not read, out of the container's memory.
        try:
            sock.setsockopt(_socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT)
        except OSError:
            pass  # not every Linux is one (gVisor)


def affordable(wanted: int) -> int:
    """As many connections as the limit on descriptors leaves room for."""
    try:
        import resource  # a shared library of its own on most systems; not needed before the port answers
    except ImportError:
        return wanted
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(4, (soft - SPARE_DESCRIPTORS) * 3 // 4))


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

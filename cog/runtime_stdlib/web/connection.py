"""One client's connection: its socket, where it is in its life, and how long it may still wait.

Strategy: the time-out of a receive is SO_RCVTIMEO, set once for the listening socket and inherited. settimeout() would
cost a poll() for every call. receive_until() adds deadlines that span calls.
"""

from __future__ import annotations

import _socket
from select import poll
from sys import byteorder, maxsize, platform
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

__all__ = ["ClientGone", "Connection", "shut", "timeval"]

# Where a connection is. Up to LINGERING there is no complete request header.
FRESH, HEAD, LINGERING, IDLE, RECEIVING, SENDING, HANDLING = range(7)

HANGUP = 0x2010  # POLLRDHUP | POLLHUP on Linux; elsewhere the first bit means nothing
LINUX = platform.startswith("linux")
POINTER = 8 if maxsize > 1 << 32 else 4


class ClientGone(Exception):
    """The connection has ended, or is so slow that we end it; there is nobody to tell."""


class Connection:
    """One client's connection. A handler may call fileno() and gone()."""

    __slots__ = ("_tick", "address", "evicted", "since", "sock", "state")

    def __init__(self, sock: _socket.socket, address: Tuple[object, ...], tick: float):
        self.sock = sock
        self.address = address
        self.state = FRESH
        self.since = monotonic()  # when it came, was answered, or began to receive or send
        self.evicted = False
        self._tick = tick  # what SO_RCVTIMEO is

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
        if seconds != self._tick:
            self._tick = seconds
            self.sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, timeval(seconds))

    def receive_until(self, deadline: float, size: int) -> bytes:
        """recv() that ends in b"" when the client ends, and in BlockingIOError at the deadline."""
        while True:
            left = deadline - monotonic()
            if left <= 0:
                raise BlockingIOError
            if left < self._tick:
                self.wait_at_most(left)
            try:
                return self.sock.recv(size)
            except BlockingIOError:
                pass


def timeval(seconds: float) -> bytes:
    # Zero would mean for ever. struct is not worth its import: two little- or big-endian longs.
    microseconds = max(1000, int(seconds * 1000000))
    size = POINTER
    whole, part = divmod(microseconds, 1000000)
    return whole.to_bytes(size, byteorder) + part.to_bytes(size, byteorder)


def shut(sock: _socket.socket, how: int) -> bool:
    try:
        sock.shutdown(how)
    except OSError:
        return False
    return True

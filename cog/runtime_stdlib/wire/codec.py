"""Frames between the server and its workers: four bytes of length, then marshal.

Strategy: plain data only (None, bool, int, float, str, bytes, tuple, list, dict), never pickles: unpickling
would import the model's classes into the server and run code of the model's choosing there. Both ends are the
same interpreter, so marshal is exact (NaN, big integers) and ten to thirty times faster than JSON on long lists.
The decoder is sans-IO: bytes in, messages out, in any slices.
"""

from __future__ import annotations

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Tuple

    Message = Tuple[Any, ...]

HEADER = 4
# How much to ask a socket for: from 128 KiB on, malloc maps and unmaps memory for each message.
PIECE = 65536
MAX_FRAME = 1 << 32

dumps = marshal.dumps
loads = marshal.loads


def encode(message: Message) -> bytes:
    """One message as a frame.

    Raises ValueError when the message holds something that is not plain data or is 4 GiB and larger.
    """
    body = dumps(message)
    size = len(body)
    if size >= MAX_FRAME:
        raise ValueError("a message of %d bytes does not fit into a frame" % size)
    return size.to_bytes(4, "little") + body


class Decoder:
    """Takes bytes as they arrive and gives whole messages. Owns no socket."""

    __slots__ = ("_have", "_need", "_pieces")

    def __init__(self) -> None:
        self._pieces: List[bytes] = []  # of the frame that has begun; joined once, when there is enough
        self._have = 0
        self._need = 0

    def feed(self, data: bytes) -> List[Message]:
        """The messages that are complete with these bytes, in order."""
        if self._pieces:
            self._pieces.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._pieces)
            self._pieces = []
        end = len(data)
        messages: List[Message] = []
        start = 0
        while end - start >= HEADER:
            stop = start + HEADER + int.from_bytes(data[start : start + HEADER], "little")
            if stop > end:
                self._need = stop - start
                break
            messages.append(loads(data[start + HEADER : stop]))
            start = stop
        else:
            self._need = HEADER
        if start < end:
            self._pieces = [data[start:]]
            self._have = end - start
        return messages

    def missing(self) -> int:
        """How many bytes the frame that has begun still needs; 0 when none has, or its length is unknown."""
        if not self._pieces or self._have < HEADER:
            return 0
        return self._need - self._have


def receive(sock: Any, decoder: Decoder) -> Iterator[List[Message]]:
    """Read a blocking socket until its other end is closed: the messages that came together, at least one.

    Large frames are read into one buffer.
    """
    while True:
        data = sock.recv(PIECE)
        if not data:
            return
        messages = decoder.feed(data)
        owed = decoder.missing()
        if owed > PIECE:
            messages.extend(decoder.feed(read_exactly(sock, owed)))
        if messages:
            yield messages


def read_exactly(sock: Any, size: int) -> bytes:
    """Exactly `size` bytes, or fewer when the other end closes first."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    filled = 0
    while filled < size:
        count = sock.recv_into(view[filled:])
        if not count:
            break
        filled += count
    view.release()
    return bytes(buffer[:filled])

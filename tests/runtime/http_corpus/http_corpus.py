"""Reads the corpus beside this file, and reads bytes the way the server does, without a socket.

A corpus file is a list of cases:

    == a name that says what is wrong or right about it
    -- GET /path?query b'body'      one line for each request that must come out of the bytes
    -- 400                          the status that must answer what cannot be read
    -- waits                        nothing is wrong yet, more is expected
    GET /path?query HTTP/1.1\\r\\n
    Host: a\\r\\n

The lines of the bytes are joined as they are; line ends are written out (\\r, \\n), as are \\t, \\0, \\\\ and \\xHH. A piece
`{text*300}` stands for 300 times the text.
"""

import ast
import os
import re

from cog.runtime_stdlib.web.body import ChunkedBody, LengthBody
from cog.runtime_stdlib.web.head import BadRequest, HeadReader
from cog.runtime_stdlib.web.limits import Limits

HERE = os.path.dirname(os.path.abspath(__file__))


class Case:
    def __init__(self, group, name):
        self.group, self.name = group, name
        self.requests = []  # (method, target, body)
        self.status = None
        self.waits = False
        self.raw = b""

    @property
    def expected(self):
        return self.requests, ("waits" if self.waits else self.status)


def cases(*groups):
    found = []
    for file in sorted(os.listdir(HERE)):
        group, dot, suffix = file.partition(".")
        if suffix == "txt" and (not groups or group in groups):
            with open(os.path.join(HERE, file), encoding="ascii") as text:
                found += parse(group, text)
    assert found
    return found


def parse(group, lines):
    found = []
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("== "):
            found.append(Case(group, line[3:]))
        elif line.startswith("-- "):
            said = line[3:]
            if said == "waits":
                found[-1].waits = True
            elif said.isdigit():
                found[-1].status = int(said)
            else:
                method, target, body = said.split(" ", 2)
                found[-1].requests.append((method, decode(target).decode("ascii"), ast.literal_eval(body)))
        elif line and not line.startswith("#"):
            found[-1].raw += decode(line)
    return found


def decode(line):
    line = re.sub(r"\{(.+?)\*(\d+)\}", lambda match: match[1] * int(match[2]), line)
    return re.sub(
        rb"\\(?:x([0-9a-fA-F]{2})|([rnt0\\]))",
        lambda match: (
            bytes([int(match[1], 16)])
            if match[1]
            else {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}[match[2]]
        ),
        line.encode("ascii"),
    )


def read(pieces, limits=None):
    """The requests in the bytes, and what is left to say: a status, "waits", or None at a clean boundary."""
    limits = limits or Limits()
    requests = []
    reader, head, body = HeadReader(limits), None, b""
    body_reader = None
    try:
        for piece in pieces:
            while piece or (head is not None and body_reader.done):
                if head is None:
                    head = reader.feed(piece)
                    if head is None:
                        break
                    piece = reader.rest
                    body = b""
                    body_reader = ChunkedBody(limits.max_body_size) if head.chunked else LengthBody(head.length)
                    if head.length > limits.max_body_size:
                        raise BadRequest("too large", 413)
                if not body_reader.done:
                    body += body_reader.feed(piece)
                    if not body_reader.done:
                        break
                    piece = body_reader.rest
                requests.append((head.method, head.path + ("?" + head.query if head.query else ""), body))
                if not head.keep_alive:
                    return requests, None
                reader, head, body_reader = HeadReader(limits), None, None
    except BadRequest as error:
        return requests, error.status
    if head is not None or not reader.empty:
        return requests, "waits"
    return requests, None


def slicings(data):
    """The whole, one byte at a time, and cut in two at every place (of long data: at every seventh)."""
    yield [data]
    yield [data[index : index + 1] for index in range(len(data))]
    for cut in range(1, len(data), 1 if len(data) < 600 else 7):
        yield [data[:cut], data[cut:]]

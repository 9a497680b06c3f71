"""A real Listener on the loopback with a handler that says back what it got, and raw sockets to talk to it.

What the handler answers is the request as the server understood it, so a test can compare both sides' view of the
same bytes. `Answers` takes replies apart with its own few lines: the server's reader is not used to judge the server.
"""

import contextlib
import json
import os
import socket
import threading
import time

from cog.runtime_stdlib.web.limits import Limits
from cog.runtime_stdlib.web.listener import Listener
from cog.runtime_stdlib.web.replies import JSON
from cog.runtime_stdlib.web.request import Reply

PATIENCE = 20.0  # seconds until a test is sure that nothing will happen any more


class Echo:
    """Answers with what it was asked; remembers it. Some paths do something of their own."""

    def __init__(self):
        self.seen = []
        self.admitted = []
        self.failures = []
        self.sent = []
        self.gate = threading.Event()  # /wait answers when it opens
        self.entered = threading.Semaphore(0)
        self.replies = {}  # path -> function from request to Reply

    def admit(self, request):
        self.admitted.append(request.path)
        if request.path.startswith("/refused"):
            return Reply(404, JSON, (b'{"detail":"Not Found"}',))
        return None

    def handle(self, request, connection):
        body = request.body.data
        if body is None:
            body = request.body.file.read()
        target = request.path + ("?" + request.query if request.query else "")
        self.seen.append((request.method, target, body))
        if request.path == "/wait":
            self.entered.release()
            assert self.gate.wait(PATIENCE)
        if request.path == "/gone":
            self.entered.release()
            deadline = time.monotonic() + PATIENCE
            while not connection.gone():
                assert time.monotonic() < deadline
                self.gate.wait(0.01)
            self.gate.set()
        if request.path in self.replies:
            return self.replies[request.path](request)
        text = json.dumps({"method": request.method, "target": target, "body": body.decode("latin-1")}, separators=(",", ":"))
        return Reply(200, JSON, (text.encode(),))


class Server:
    def __init__(self, host="127.0.0.1", **limits):
        self.echo = Echo()
        self.errors = []
        self.listener = Listener(host, 0, self.echo, Limits(**limits), lambda what, error: self.errors.append((what, error)))
        self.port = self.listener.port
        self.host = host
        self.thread = threading.Thread(target=self.listener.serve, name="listener under test")
        self.thread.start()

    def connect(self, receive_buffer=0):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        sock.connect(("::1" if ":" in self.host else "127.0.0.1", self.port))
        return Client(sock)

    def ask(self, raw):
        """Send the bytes, end our side, and read all answers."""
        with self.connect() as client:
            client.send(raw)
            client.end()
            return client.answers()

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "still not so"
            time.sleep(0.005)

    def stop(self, grace=PATIENCE):
        in_time = self.listener.stop(grace)
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return in_time


@contextlib.contextmanager
def serving(host="127.0.0.1", **limits):
    """A server that must be left without a connection, a descriptor or an unexpected error."""
    threads, files = threads_alive(), open_files()
    server = Server(host, **limits)
    try:
        yield server
    finally:
        server.echo.gate.set()
        in_time = server.stop()
    assert in_time
    assert server.listener.connections == 0
    assert server.errors == []
    server.until(lambda: open_files() <= files)
    server.until(lambda: threads_alive() <= threads)


def threads_alive():
    return len(os.listdir("/proc/self/task"))  # threading counts only those that it has started


def threads_at_rest():
    """threads_alive(), once the threads that only begin or end have done so."""
    while True:
        found = threads_alive()
        time.sleep(0.1)
        if threads_alive() == found:
            return found


def open_files():
    return len(os.listdir("/proc/self/fd"))


class Answer:
    def __init__(self, version, status, headers, body):
        self.version, self.status, self.headers, self.body = version, status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def echoed(self):
        said = self.json
        return said["method"], said["target"], said["body"].encode("latin-1")


class Client:
    """A raw socket that can read replies."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.reset = False  # the server closed although bytes of ours were unread

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        """Send all of it, or what the server takes before it hangs up."""
        try:
            self.sock.sendall(data)
        except ConnectionError:
            self.reset = True

    def end(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            self.reset = True
            data = b""
        self.buffer += data
        return bool(data)

    def answer(self, head_only=False):
        """The next reply, or None when the server has hung up."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert self.buffer == b"", self.buffer
                return None
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        headers = {}
        for line in lines:
            name, value = line.split(": ", 1)
            assert name not in headers, name
            headers[name] = value
        self.buffer = rest
        if int(status) < 200 or head_only:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._take(int(headers["content-length"]))
        else:
            while self.more():
                pass
            body, self.buffer = self.buffer, b""
        return Answer(version, int(status), headers, body)

    def _take(self, size):
        while len(self.buffer) < size:
            assert self.more(), "the body ended early"
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                assert self.more(), "the body ended early"
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            size = int(line, 16)
            body += self._take(size)
            assert self._take(2) == b"\r\n"
            if size == 0:
                return body

    def answers(self):
        """All replies until the server hangs up."""
        found = []
        while True:
            answer = self.answer()
            if answer is None:
                return found
            found.append(answer)

    def closed(self):
        """Waits until the server has hung up; False if it says something instead."""
        return not self.buffer and not self.more()

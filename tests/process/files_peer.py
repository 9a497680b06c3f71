"""The other side of downloads, uploads and webhooks: a web server that does what a test tells it to.

It is http.server's, which we did not write; a test gives a function that gets each request's handler.
"""

import collections
import http.server
import socket
import ssl
import threading

Request = collections.namedtuple("Request", "command path headers body client_address")


class Peer:
    """`answer(handler)` is called for every request; `handler.body` is what was sent. `requests` keeps them all."""

    def __init__(self, answer=None, *, certificate=None, port=0):
        self.answer = answer or (lambda handler: reply(handler))
        self.requests = []
        self.connections = []
        self.changed = threading.Condition()
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def setup(self):
                super().setup()
                peer.connections.append(self.connection)

            def _any(self):
                self.body = self.read_body()
                # A copy: the handler of a connection that is kept alive is used again.
                request = Request(self.command, self.path, self.headers, self.body, self.client_address)
                with peer.changed:
                    peer.requests.append(request)
                    peer.changed.notify_all()
                peer.answer(self)

            def read_body(self):
                return self.rfile.read(int(self.headers.get("content-length") or 0))

            do_GET = do_POST = do_PUT = do_CONNECT = _any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = False
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = "%s://127.0.0.1:%d" % (scheme, self.port)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), name="peer")
        self._thread.start()

    def wait_for(self, count, timeout=20):
        """The first `count` requests, when they have arrived."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, timeout), self.told()
            return self.requests[:count]

    def told(self):
        """(method, path, body) of every request so far."""
        with self.changed:
            return [(request.command, request.path, request.body) for request in self.requests]

    def close(self):
        self.server.shutdown()
        self._thread.join()
        self.server.socket.close()
        for connection in self.connections:  # kept alive for a request that does not come
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                pass
        self.server.server_close()  # joins the threads

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def reply(handler, status=200, body=b"ok", headers=(), *, reason=None, length=True):
    """Answer with that; without a length the connection ends the body."""
    handler.send_response(status, reason)
    for name, value in headers:
        handler.send_header(name, value)
    if length:
        handler.send_header("content-length", str(len(body)))
    else:
        handler.send_header("connection", "close")
        handler.close_connection = True
    handler.end_headers()
    handler.wfile.write(body)


def redirect(handler, location, status=302):
    reply(handler, status, b"", [("location", location)])

"""HTTP/1.1 as a client: one connection, a request, its answer. Shared by downloads, uploads and webhooks.

Strategy: the standard library's client takes no address that was checked beforehand (a name could resolve anew to
a forbidden one), has no deadline for a whole exchange, cannot be interrupted, and its import takes longer than a
prediction. So this is a small one: `parse_*` and `Framing` decide (bytes in, values out), `Link` acts. Every wait
has a time-out and ends at once when the Interrupt is pulled, name resolution included.

Redirects, retries and what an answer means are the callers' business.
"""

from __future__ import annotations

import errno
import os
import socket
import time

from .interrupt import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

    from .interrupt import Interrupt

    Address = Tuple[int, int, int, Tuple[object, ...]]  # family, type, protocol, address

MAX_HEAD = 65536
MAX_LINE = 4096
BLOCK = 1 << 16
READ_BLOCK = 1 << 18
REDIRECTS = (301, 302, 303, 307, 308)


class ExchangeFailed(Exception):
    """No answer; str() says why. `unanswered`: not one byte of it came, so an old connection may simply have ended."""

    def __init__(self, why: str, *, unanswered: bool = False) -> None:
        super().__init__(why)
        self.unanswered = unanswered


class UrlInvalid(ExchangeFailed):
    """The URL cannot be asked for anything."""


class Url:
    """An http or https URL, taken apart. `text` is the whole without fragment and credentials."""

    __slots__ = ("tls", "host", "port", "target", "authority", "credentials", "text")

    def __init__(self, tls: bool, host: str, port: int, target: str, credentials: str) -> None:
        self.tls = tls
        self.host = host
        self.port = port
        self.target = target
        self.credentials = credentials
        name = "[" + host + "]" if ":" in host else host
        self.authority = name if port == (443 if tls else 80) else f"{name}:{port}"
        self.text = ("https://" if tls else "http://") + self.authority + target

    @property
    def origin(self) -> Tuple[bool, str, int]:
        return self.tls, self.host, self.port


def parse_url(text: str) -> Url:
    """Raises UrlInvalid. Characters that a request line cannot carry are percent-encoded."""
    from urllib.parse import quote, unquote, urlsplit

    shown = repr(without_credentials(text)[:200])
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise UrlInvalid(f"invalid URL {shown}: {error}") from error
    if parts.scheme not in ("http", "https"):
        raise UrlInvalid(f"{parts.scheme!r} is not a valid URL scheme. 'http' or 'https' is supported.")
    if not host:
        raise UrlInvalid(f"invalid URL {shown}: no host")
    if ":" not in host:
        try:
            host = host.encode("ascii").decode() if host.isascii() else host.encode("idna").decode()
        except UnicodeError as error:
            raise UrlInvalid(f"invalid URL {shown}: the host is no valid name") from error
        if any(c <= " " or c in '\x7f%<>"\\^`{|}' for c in host):
            raise UrlInvalid(f"invalid URL {shown}: the host is no valid name")
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    # "%" stays: what is encoded already must not be encoded again.
    target = quote(target, safe="!#$%&'()*+,/:;=?@[]~", errors="replace")
    credentials = ""
    if parts.username is not None:
        credentials = unquote(parts.username) + ":" + unquote(parts.password or "")
    tls = parts.scheme == "https"
    return Url(tls, host, (443 if tls else 80) if port is None else port, target, credentials)


def resolve_redirect(url: Url, location: str) -> Url:
    """Where `location` leads, seen from `url`. Credentials do not travel to another server."""
    from urllib.parse import urljoin

    try:
        joined = urljoin(url.text, location.strip())
    except ValueError as error:
        raise UrlInvalid(f"redirected to an invalid URL: {error}") from error
    to = parse_url(joined)
    if not to.credentials and same_server(url, to):
        to.credentials = url.credentials
    return to


def without_credentials(source: str) -> str:
    head, at, rest = source.partition("@")
    scheme, slashes, user = head.partition("://")
    if not at or not slashes or any(c in user for c in "/?#"):
        return source
    return scheme + slashes + rest


def same_server(one: Url, other: Url) -> bool:
    """May what was meant for one be told to the other? The step from http to https of the same host counts."""
    return one.origin == other.origin or (
        one.host == other.host and not one.tls and one.port == 80 and other.tls and other.port == 443
    )


class Answer:
    """The head of an answer. Names of headers are in lower case."""

    __slots__ = ("status", "reason", "headers", "version")

    def __init__(self, status: int, reason: str, headers: List[Tuple[str, str]], version: str) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.version = version

    def get(self, name: str) -> Optional[str]:
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @property
    def location(self) -> Optional[str]:
        # A header field is bytes; what is not ASCII in an address is UTF-8 everywhere today.
        value = self.get("location")
        if value is None:
            return None
        try:
            return value.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return value


def parse_head(block: bytes) -> Answer:
    """The bytes before the empty line -> Answer. Raises ExchangeFailed."""
    lines = block.decode("latin-1").split("\n")
    status_line = lines[0].rstrip("\r")
    version, _, rest = status_line.partition(" ")
    code, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise ExchangeFailed(f"the answer is not HTTP: {status_line[:60]!r}")
    headers: List[Tuple[str, str]] = []
    for line in lines[1:]:
        line = line.rstrip("\r")
        if line[:1] in (" ", "\t") and headers:
            name, value = headers[-1]
            headers[-1] = name, f"{value} {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if colon:
            headers.append((name.strip().lower(), value.strip()))
    return Answer(int(code), reason.strip(), headers, version)


class Framing:
    """Where the body of an answer ends (RFC 9112, 6.3). Bytes in, body out, in any slices.

    `done` once the whole body has been seen; `spare` then counts bytes behind it, which nobody asked for."""

    __slots__ = ("done", "spare", "until_close", "_left", "_chunked", "_buffer", "_state")

    def __init__(self, answer: Answer, method: str) -> None:
        self.done = False
        self.spare = 0
        self.until_close = False
        self._left = 0
        self._chunked = False
        self._buffer = b""
        self._state = "size"
        coding = answer.get("transfer-encoding")
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            self.done = True
        elif coding is not None:
            if coding.lower().split(",")[-1].strip() != "chunked":
                self.until_close = True
            else:
                self._chunked = True
        else:
            length = answer.get("content-length")
            if length is None:
                self.until_close = True
            else:
                values = {value.strip() for value in length.split(",")}
                value = values.pop()
                if values or not (value.isascii() and value.isdigit()) or len(value) > 18:
                    raise ExchangeFailed(f"the answer has an invalid Content-Length: {length[:60]!r}")
                self._left = int(value)
                self.done = self._left == 0

    @property
    def length(self) -> Optional[int]:
        """How many bytes are still to come, where that is known."""
        return None if self.until_close or self._chunked else self._left

    def feed(self, data: bytes) -> bytes:
        if self.until_close:
            return data
        if not self._chunked:
            body = data[: self._left]
            self._left -= len(body)
            self.done = self._left == 0
            self.spare += len(data) - len(body)
            return body
        return self._feed_chunks(data)

    def end(self) -> None:
        """The connection has ended. Raises ExchangeFailed when something was still to come."""
        if self.until_close:
            self.done = True
        elif not self.done:
            raise ExchangeFailed("the connection ended in the middle of the answer")

    def _feed_chunks(self, data: bytes) -> bytes:
        parts = []
        data = self._buffer + data
        self._buffer = b""
        at = 0
        while at < len(data) and not self.done:
            if self._state == "data":
                piece = data[at : at + self._left]
                parts.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = "end"
                continue
            newline = data.find(b"\n", at)
            if newline < 0:
                if len(data) - at > MAX_LINE:
                    raise ExchangeFailed("the answer has an endless line between its chunks")
                self._buffer = data[at:]
                return b"".join(parts)
            line = data[at:newline].rstrip(b"\r")
            at = newline + 1
            if self._state == "end":
                if line:
                    raise ExchangeFailed("the answer has more data in a chunk than it said")
                self._state = "size"
            elif self._state == "size":
                digits = line.partition(b";")[0].strip()
                if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
                    raise ExchangeFailed(f"the answer has an invalid chunk size: {bytes(digits[:30])!r}")
                self._left = int(digits, 16)
                self._state = "data" if self._left else "trailer"
            elif not line:
                self.done = True
        self.spare += len(data) - at
        return b"".join(parts)


class Proxies:
    """http_proxy, https_proxy, all_proxy and no_proxy, as curl and others read them."""

    __slots__ = ("_http", "_https", "_not_for", "_all_direct")

    def __init__(self, environ: Mapping[str, str]) -> None:
        def get(name: str) -> str:
            value = environ.get(name)
            if value is None and not (name == "http_proxy" and "REQUEST_METHOD" in environ):
                # A CGI script's HTTP_PROXY would come from a request's Proxy header.
                value = environ.get(name.upper())
            return (value or "").strip()

        fallback = get("all_proxy")
        self._http = get("http_proxy") or fallback
        self._https = get("https_proxy") or fallback
        entries = [entry.strip().lower() for entry in get("no_proxy").replace(" ", ",").split(",")]
        self._all_direct = "*" in entries
        self._not_for = [entry for entry in entries if entry]

    def find(self, url: Url) -> Optional[Url]:
        """The proxy to ask, None for a direct connection. Raises UrlInvalid."""
        text = self._https if url.tls else self._http
        if not text or self._all_direct or any(self._matches(entry, url) for entry in self._not_for):
            return None
        try:
            proxy = parse_url(text if "://" in text else "http://" + text)
        except UrlInvalid as error:
            raise UrlInvalid(f"the proxy of the environment cannot be used: {error}") from error
        if proxy.tls and url.tls:
            raise UrlInvalid(
                f"the proxy {proxy.host} is asked by https itself, which does not work for https URLs:"
                " write http:// in https_proxy"
            )
        return proxy

    @staticmethod
    def _matches(entry: str, url: Url) -> bool:
        host = url.host.rstrip(".")
        if entry.count(":") == 1:
            entry, _, port = entry.partition(":")
            if port != str(url.port):
                return False
        entry = entry.strip("[]")
        if "/" in entry or ":" in host or host.replace(".", "").isdigit():
            from ipaddress import ip_address, ip_network

            try:
                return ip_address(host) in ip_network(entry, strict=False)
            except ValueError:
                pass
        entry = entry[1:] if entry.startswith("*.") else entry
        entry = entry.lstrip(".")
        return bool(entry) and (host == entry or host.endswith("." + entry))


def user_agent() -> str:
    from ... import __version__

    return "cog-worker/" + __version__


def basic(credentials: str) -> str:
    """The value of an Authorization header."""
    from binascii import b2a_base64

    return "Basic " + b2a_base64(credentials.encode("utf-8", "replace"), newline=False).decode()


class Link:
    """One connection. Not thread-safe, but for `abort`, which ends whatever it waits for."""

    def __init__(self, url: Url, *, timeout: float, interrupt: Interrupt, deadline: Optional[float] = None) -> None:
        self.url = url
        self.used = False
        self._timeout = timeout
        self._deadline = deadline
        self._interrupt = interrupt
        self._token = 0
        self._sock: Optional[socket.socket] = None
        self._received = b""
        self._proxy: Optional[Url] = None
        self._reusable = False

    # --- opening and closing

    def open(
        self,
        proxies: Proxies,
        *,
        timeout: float,
        check: Optional[Callable[[str, Optional[str]], None]] = None,
    ) -> Link:
        """Connect. `check(host, address)` may refuse a host before (None) and each address after it was resolved.

        Behind a proxy nothing is resolved here: the address is "" then."""
        self._token = self._interrupt.attach(self.abort)
        try:
            self._proxy = proxies.find(self.url)
            via = self.url if self._proxy is None else self._proxy
            # Behind a proxy the name is not ours to resolve; the proxy's own address is the operator's choice.
            if check is not None:
                check(self.url.host, None if self._proxy is None else "")
            self._connect(via, timeout, check if self._proxy is None else None)
            if self._proxy is not None:
                if self._proxy.tls:
                    self._start_tls(self._proxy.host)
                if self.url.tls:
                    self._tunnel()
            if self.url.tls:
                self._start_tls(self.url.host)
        except BaseException:
            self.close()
            raise
        return self

    def lend(self, url: Url, interrupt: Interrupt, *, timeout: float, deadline: Optional[float]) -> None:
        """Use an idle connection again, for a URL of the same server."""
        self.url = url
        self._interrupt = interrupt
        self._timeout = timeout
        self._deadline = deadline
        self.used = True
        self._token = interrupt.attach(self.abort)

    def rest(self) -> bool:
        """Keep the connection for later; False when that is not possible (it is closed then)."""
        self._interrupt.detach(self._token)
        if not self._reusable or self._received or self._sock is None or self._interrupt.canceled:
            self.close()
            return False
        return True

    def alive(self) -> bool:
        """Has an idle connection not been ended by the other side?"""
        if self._sock is None:
            return False
        import select

        try:
            poll = select.poll()
            poll.register(self._sock, select.POLLIN)
            return not poll.poll(0)
        except (OSError, ValueError):
            return False

    def abort(self) -> None:
        sock = self._sock
        if sock is not None:
            try:
                # The base class's: SSLSocket.shutdown would pull the rug from under a read in another thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        self._interrupt.detach(self._token)
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, via: Url, timeout: float, check: Optional[Callable[[str, Optional[str]], None]]) -> None:
        start = time.monotonic()
        addresses = resolve(via.host, via.port, timeout, self._interrupt)
        why = "no address"
        for index, (family, kind, protocol, address) in enumerate(addresses):
            if check is not None:
                check(via.host, str(address[0]))
            # A black hole among the addresses may not use up the others' time.
            left = timeout - (time.monotonic() - start)
            sock: Optional[socket.socket] = None
            try:
                sock = self._sock = socket.socket(family, kind, protocol)
                self._connect_to(sock, address, max(0.5, left / (len(addresses) - index)))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return
            except OSError as error:
                why = reason(error)
                self._sock = None
                if sock is not None:
                    sock.close()
                self._interrupt.raise_if_canceled()
            if time.monotonic() - start >= timeout:
                break
        raise ExchangeFailed(f"could not connect to {via.host}:{via.port}: {why}", unanswered=True)

    def _connect_to(self, sock: socket.socket, address: Tuple[object, ...], timeout: float) -> None:
        import select

        # Not sock.connect(): a cancel between our look at the Interrupt and the system call would go unnoticed.
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
            self._interrupt.raise_if_canceled()
            poll = select.poll()
            poll.register(sock, select.POLLOUT)
            if not poll.poll(timeout * 1000):
                raise socket.timeout()
            self._interrupt.raise_if_canceled()
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _start_tls(self, host: str) -> None:
        import ssl

        sock = self._sock
        assert sock is not None
        self._wait()
        try:
            context = tls_context()
        except OSError as error:
            raise ExchangeFailed(f"cannot read the trusted certificates: {reason(error)}") from error
        try:
            # The handshake comes after the exchange of sockets, so that abort() finds the one that is waited on.
            wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            self._sock = wrapped
            self._interrupt.raise_if_canceled()
            wrapped.do_handshake()
        except ssl.SSLCertVerificationError as error:
            raise ExchangeFailed(f"the certificate of {host} is not trusted: {error.verify_message}") from error
        except (OSError, ValueError) as error:
            self._interrupt.raise_if_canceled()
            raise ExchangeFailed(f"no TLS connection to {host}: {reason(error)}", unanswered=True) from error

    def _tunnel(self) -> None:
        assert self._proxy is not None
        name = "[" + self.url.host + "]" if ":" in self.url.host else self.url.host
        authority = f"{name}:{self.url.port}"
        head = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}", f"User-Agent: {user_agent()}"]
        if self._proxy.credentials:
            head.append("Proxy-Authorization: " + basic(self._proxy.credentials))
        self._send(("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace"))
        answer = self.answer()
        if not 200 <= answer.status < 300:
            raise ExchangeFailed(
                f"the proxy {self._proxy.host} refuses a connection to {authority}: {answer.status} {answer.reason}"
            )
        if self._received:
            raise ExchangeFailed(f"the proxy {self._proxy.host} talks out of turn")

    # --- asking

    def request(self, method: str, headers: Dict[str, str], body: Union[bytes, Iterable[bytes], None] = None) -> None:
        """Send a request. The caller's headers say how long a streamed body is (content-length)."""
        url = self.url
        target = url.target
        if self._proxy is not None and not url.tls:
            target = url.text
        lines = [f"{method} {target} HTTP/1.1", "host: " + url.authority]
        if self._proxy is not None and not url.tls and self._proxy.credentials:
            lines.append("proxy-authorization: " + basic(self._proxy.credentials))
        if isinstance(body, bytes):
            lines.append(f"content-length: {len(body)}")
        for name, value in headers.items():
            lines.append(f"{name}: {clean(value)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self._reusable = False
        try:
            if body is None:
                self._send(head)
            elif isinstance(body, bytes):
                self._send(head + body)
            else:
                self._send(head)
                for block in body:
                    self._send(block)
        except ExchangeFailed:
            # Servers refuse a large body by answering and hanging up. Their answer says more than the broken pipe.
            if body is None or isinstance(body, bytes) or not self._answer_waits():
                raise

    def answer(self) -> Answer:
        """The head of the answer. Raises ExchangeFailed."""
        while True:
            while True:
                # Line feeds alone are accepted, as everywhere.
                end = self._received.find(b"\n\r\n")
                bare = self._received.find(b"\n\n")
                if end >= 0 and (bare < 0 or end < bare):
                    head, rest = self._received[:end], self._received[end + 3 :]
                    break
                if bare >= 0:
                    head, rest = self._received[:bare], self._received[bare + 2 :]
                    break
                if len(self._received) > MAX_HEAD:
                    raise ExchangeFailed("the head of the answer is too large")
                data = self._receive(BLOCK)
                if not data:
                    raise ExchangeFailed(
                        "the connection ended before the answer" if not self._received else
                        "the connection ended in the middle of the answer",
                        unanswered=not self._received,
                    )  # fmt: skip
                self._received += data
            self._received = rest
            answer = parse_head(head)
            if answer.status >= 200 or answer.status == 101:
                return answer

    def body(self, answer: Answer, method: str = "GET") -> Iterator[bytes]:
        """The body of the answer, in blocks. Raises ExchangeFailed."""
        framing = Framing(answer, method)
        data, self._received = self._received, b""
        while True:
            if data:
                piece = framing.feed(data)
                if piece:
                    yield piece
            if framing.done:
                break
            data = self._receive(READ_BLOCK)
            if not data:
                framing.end()
                return
        close = (answer.get("connection") or "").lower()
        self._reusable = not framing.spare and "close" not in close and (
            answer.version != "HTTP/1.0" or "keep-alive" in close
        )  # fmt: skip

    def drain(self, answer: Answer, method: str, limit: int = 1 << 16) -> None:
        """Read a body that nobody wants, so that the connection can be used again. Gives up beyond the limit."""
        for block in self.body(answer, method):
            limit -= len(block)
            if limit < 0:
                return

    # --- waiting

    def _wait(self) -> socket.socket:
        self._interrupt.raise_if_canceled()
        sock = self._sock
        if sock is None:
            raise ExchangeFailed("the connection is closed", unanswered=True)
        timeout = self._timeout
        if self._deadline is not None:
            timeout = min(timeout, self._deadline - time.monotonic())
            if timeout <= 0:
                raise ExchangeFailed("timed out")
        sock.settimeout(timeout)
        return sock

    def _send(self, data: bytes) -> None:
        sock = self._wait()
        try:
            sock.sendall(data)
        except OSError as error:
            self._interrupt.raise_if_canceled()
            raise ExchangeFailed(f"could not send: {reason(error)}", unanswered=True) from error

    def _receive(self, size: int) -> bytes:
        sock = self._wait()
        try:
            data = sock.recv(size)
        except OSError as error:
            self._interrupt.raise_if_canceled()
            gone = isinstance(error, ConnectionError) and not self._received
            raise ExchangeFailed(f"no answer: {reason(error)}", unanswered=gone) from error
        if not data:
            self._interrupt.raise_if_canceled()
        return data

    def _answer_waits(self) -> bool:
        try:
            data = self._receive(BLOCK)
        except ExchangeFailed:
            return False
        self._received += data
        return bool(data)


def clean(value: str) -> str:
    """A header's value that cannot become two."""
    return "".join(" " if c in "\r\n\0" else c for c in value)


def reason(error: BaseException) -> str:
    """An exception of the network in words."""
    if isinstance(error, socket.timeout):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def literal(host: str) -> bool:
    """Is the host an address already? Then looking it up cannot block."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
            return True
        except OSError:
            pass
    return False


def resolve(host: str, port: int, timeout: float, interrupt: Interrupt) -> List[Address]:
    """The addresses of a host. The look-up cannot be stopped, so it has a thread of its own that may be left behind."""
    import threading

    found: List[Address] = []
    failure: List[BaseException] = []

    def look_up() -> None:
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, kind, protocol, address))
        except (OSError, UnicodeError) as error:
            failure.append(error)
        done.set()

    done = threading.Event()
    if literal(host):
        look_up()
    else:
        token = interrupt.attach(done.set)
        try:
            try:
                threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
            except RuntimeError:  # no more threads: then it cannot be interrupted
                look_up()
            finished = done.wait(timeout)
        finally:
            interrupt.detach(token)
        interrupt.raise_if_canceled()
        if not finished:
            raise ExchangeFailed(f"could not find the host {host}: timed out", unanswered=True)
    if not found:
        why = reason(failure[0]) if failure else "no address"
        raise ExchangeFailed(f"could not find the host {host}: {why}", unanswered=True)
    return list(found)


_contexts: Dict[str, ssl.SSLContext] = {}


def tls_context() -> ssl.SSLContext:
    """One for all: reading the certificates of the system takes a while. SSL_CERT_FILE is OpenSSL's own business."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""
    context = _contexts.get(bundle)
    if context is None:
        import ssl

        if bundle and os.path.isdir(bundle):
            context = ssl.create_default_context(capath=bundle)
        else:
            context = ssl.create_default_context(cafile=bundle or None)
        _contexts[bundle] = context
    return context


__all__ = [
    "Answer",
    "ExchangeFailed",
    "Interrupted",
    "Link",
    "Proxies",
    "Url",
    "UrlInvalid",
    "basic",
    "parse_url",
    "resolve_redirect",
    "same_server",
    "user_agent",
    "without_credentials",
]

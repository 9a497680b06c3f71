"""Inputs given as URLs: fetched from a real server, refused where they must be, and never left behind half done."""

import gzip
import os
import resource
import shutil
import socket
import subprocess
import threading
import zlib

import pytest
from files_peer import Peer, redirect, reply

from cog.runtime_stdlib.service.downloads import DownloadFailed, Policy, fetch_all
from cog.runtime_stdlib.service.interrupt import Interrupt, Interrupted


class Leaf:
    """What validation says about a file input."""

    def __init__(self, source, kind="path", where=("doc",)):
        self.where = where
        self.kind = kind
        self.source = source


@pytest.fixture
def folder(tmp_path):
    """The temporary directory; empty again after every failure."""
    path = tmp_path / "tmp"
    path.mkdir()
    return path


def fetch(folder, *urls, interrupt=None, **environ):
    leaves = [Leaf(url) for url in urls]
    return fetch_all(leaves, lambda: str(folder), interrupt or Interrupt(), Policy(environ))


def contents(fetched):
    found = []
    for _, _, path, _ in fetched:
        with open(path, "rb") as file:
            found.append(file.read())
    return found


def failure(folder, *urls, **environ):
    """Why it failed; nothing may be left of it."""
    with pytest.raises(DownloadFailed) as caught:
        fetch(folder, *urls, **environ)
    assert os.listdir(folder) == []
    return str(caught.value)


def names_of(monkeypatch, **hosts):
    """Have those host names resolve to those addresses; returns the list of names that were looked up."""
    real = socket.getaddrinfo
    looked_up = []

    def getaddrinfo(host, port, *arguments, **named):
        looked_up.append(host)
        addresses = hosts.get(host, host)
        found = []
        for address in [addresses] if isinstance(addresses, str) else addresses:
            found += real(address, port, *arguments, **named)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up


# --- what arrives


def test_a_file_is_fetched_under_the_name_in_its_url(folder):
    with Peer() as peer:
        ((where, kind, path, name),) = fetch(folder, peer.url + "/a/caf%C3%A9%20x.txt?sig=1#part")
    assert (where, kind, name) == (("doc",), "path", "café x.txt")
    assert os.path.dirname(path) == str(folder)
    base = os.path.basename(path)
    assert base.startswith("tmp") and base[11:] == "café x.txt"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert peer.told() == [("GET", "/a/caf%C3%A9%20x.txt?sig=1", b"")]


def test_every_kind_of_leaf_comes_back_in_its_place(folder):
    with Peer() as peer:
        leaves = [
            Leaf("data:text/plain;base64,aGk=", where=("a", 0)),
            Leaf("hush", "secret", where=("s",)),
            Leaf(peer.url + "/x/y.png", "file", where=("a", 1)),
            Leaf("data:,bytes", "file", where=("b",)),
        ]
        fetched = fetch_all(leaves, lambda: str(folder), Interrupt(), Policy({}))
    assert [(where, kind, path is None, name) for where, kind, path, name in fetched] == [
        (("a", 0), "path", False, "file.txt"),
        (("s",), "secret", True, None),
        (("a", 1), "file", False, "y.png"),
        (("b",), "file", False, None),
    ]
    assert contents([fetched[0], fetched[2], fetched[3]]) == [b"hi", b"ok", b"bytes"]


def test_a_redirect_is_followed_and_the_name_stays(folder):
    def answer(handler):
        if handler.path == "/jump":
            redirect(handler, "/files/caf%C3%A9.txt")
        else:
            reply(handler, body=handler.path.encode())

    with Peer(answer) as peer:
        fetched = fetch(folder, peer.url + "/jump")
    assert contents(fetched) == [b"/files/caf%C3%A9.txt"]
    assert os.path.basename(fetched[0][2])[11:] == "jump"


def test_a_large_file_arrives_whole_however_it_is_framed(folder):
    data = os.urandom(3 << 20)

    def answer(handler):
        if handler.path == "/chunked":
            handler.send_response(200)
            handler.send_header("transfer-encoding", "chunked")
            handler.end_headers()
            for start in range(0, len(data), 100_000):
                piece = data[start : start + 100_000]
                handler.wfile.write(b"%x;x=y\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\ntrailer: x\r\n\r\n")
        else:
            reply(handler, body=data, length=handler.path == "/length")

    with Peer(answer) as peer:
        for path in ("/length", "/chunked", "/close"):
            assert contents(fetch(folder, peer.url + path)) == [data]


@pytest.mark.parametrize(
    "coding, packed",
    [
        ("gzip", gzip.compress(b"plain " * 1000)),
        ("X-GZIP", gzip.compress(b"plain " * 500) + gzip.compress(b"plain " * 500)),
        ("deflate", zlib.compress(b"plain " * 1000)),
        ("deflate", zlib.compress(b"plain " * 1000)[2:-4]),
        ("gzip, identity", gzip.compress(b"plain " * 1000)),
        ("deflate, gzip", gzip.compress(zlib.compress(b"plain " * 1000))),
    ],
)
def test_content_codings_are_undone(folder, coding, packed):
    with Peer(lambda handler: reply(handler, body=packed, headers=[("content-encoding", coding)])) as peer:
        assert contents(fetch(folder, peer.url + "/x.txt")) == [b"plain " * 1000]


def test_credentials_in_a_url_are_sent_and_not_told(folder):
    with Peer(lambda handler: reply(handler, 404, b"")) as peer:
        url = peer.url.replace("://", "://us%40er:pass@") + "/x"
        assert failure(folder, url) == "404 Client Error: Not Found for url: %s/x" % peer.url
    assert peer.requests[0].headers["authorization"] == "Basic dXNAZXI6cGFzcw=="


def test_credentials_do_not_follow_a_redirect_to_another_server(folder):
    with Peer() as other:
        with Peer(lambda handler: redirect(handler, other.url + "/x")) as peer:
            fetch(folder, peer.url.replace("://", "://user:pass@") + "/x")
    assert peer.requests[0].headers["authorization"] is not None
    assert other.requests[0].headers["authorization"] is None


# --- what goes wrong


@pytest.mark.parametrize(
    "status, reason, text",
    [
        (404, None, "404 Client Error: Not Found for url: URL"),
        (410, None, "410 Client Error: Gone for url: URL"),
        (503, None, "503 Server Error: Service Unavailable for url: URL"),
        (418, "No Coffee", "418 Client Error: No Coffee for url: URL"),
    ],
)
def test_an_error_status_is_the_predictions_error(folder, status, reason, text):
    with Peer(lambda handler: reply(handler, status, b"no", reason=reason)) as peer:
        url = peer.url + "/files/x.txt?a=b"
        assert failure(folder, url) == text.replace("URL", url)


def test_a_refused_connection_says_so(folder):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d/x" % unused.getsockname()[1]
        why = failure(folder, url)
    assert why == "Could not fetch %s: could not connect to %s: Connection refused" % (url, url[7:-2])


def test_a_name_that_does_not_exist_says_so(folder):
    assert failure(folder, "http://no-such-host.invalid/x").startswith(
        "Could not fetch http://no-such-host.invalid/x: could not find the host no-such-host.invalid: "
    )


def test_a_file_that_ends_early_is_no_file(folder):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    with Peer(answer) as peer:
        assert failure(folder, peer.url + "/x").endswith(": the connection ended in the middle of the answer")


@pytest.mark.parametrize("cut", [1, 9, 200])
def test_packed_data_that_ends_early_is_no_file(folder, cut):
    packed = gzip.compress(os.urandom(1000))[:-cut]
    with Peer(lambda handler: reply(handler, body=packed, headers=[("content-encoding", "gzip")])) as peer:
        assert failure(folder, peer.url + "/x").endswith(": the packed data is cut short")


def test_an_unknown_coding_is_refused(folder):
    with Peer(lambda handler: reply(handler, headers=[("content-encoding", "br")])) as peer:
        assert failure(folder, peer.url + "/x").endswith("packed in a way we cannot undo: 'br'")


def test_a_bomb_is_defused(folder):
    bomb = gzip.compress(bytes(200 << 20))
    with Peer(lambda handler: reply(handler, body=bomb, headers=[("content-encoding", "gzip")])) as peer:
        assert failure(folder, peer.url + "/x") == peer.url + "/x grows to more than 200 times its size when unpacked"


def test_a_loop_of_redirects_ends(folder):
    with Peer(lambda handler: redirect(handler, "/again")) as peer:
        assert failure(folder, peer.url + "/x").endswith(": more than 20 redirects")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://host/x", "data:,x", "http://", "http://[::1/x"])
def test_a_redirect_leads_to_http_or_nowhere(folder, location):
    with Peer(lambda handler: redirect(handler, location)) as peer:
        failure(folder, peer.url + "/x")


@pytest.mark.parametrize("length", [True, False])
def test_a_file_beyond_the_limit_is_refused(folder, length):
    with Peer(lambda handler: reply(handler, body=bytes(5000), length=length)) as peer:
        url = peer.url + "/x"
        assert failure(folder, url, COG_MAX_DOWNLOAD_SIZE="4k") == url + (" is larger than 4096 bytes (COG_MAX_DOWNLOAD_SIZE)")
        assert len(contents(fetch(folder, url, COG_MAX_DOWNLOAD_SIZE="5K"))[0]) == 5000


def test_a_file_that_cannot_fit_is_refused_before_it_is_fetched(folder):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("content-length", str(1 << 60))
        handler.end_headers()
        handler.close_connection = True

    with Peer(answer) as peer:
        assert failure(folder, peer.url + "/x").startswith("Not enough space in %s for %s/x: " % (folder, peer.url))


def test_a_full_disk_says_so_and_leaves_nothing(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Peer(lambda handler: reply(handler, body=bytes(1 << 20), length=False)) as peer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, hard))  # as good as a full disk: writing fails half way
        try:
            why = failure(folder, peer.url + "/x")
            from_data = failure(folder, "data:application/octet-stream;base64," + "A" * (1 << 20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert why == from_data == "Could not store an input in %s: File too large" % folder


# --- several


def test_eight_files_are_fetched_side_by_side(folder):
    together = threading.Barrier(8, timeout=20)

    def answer(handler):
        together.wait()  # nobody is answered before all have asked
        reply(handler, body=handler.path.encode())

    with Peer(answer) as peer:
        fetched = fetch(folder, *["%s/%d" % (peer.url, n) for n in range(16)])
    assert contents(fetched) == [b"/%d" % n for n in range(16)]


def test_the_first_failure_ends_the_others_and_leaves_nothing(folder):
    asked, release = threading.Event(), threading.Event()

    def answer(handler):
        if handler.path == "/gone":
            asked.wait(20)
            reply(handler, 410, b"")
            return
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"some")
        asked.set()
        release.wait(20)  # the rest never comes

    with Peer(answer) as peer:
        try:
            why = failure(folder, "data:,x", peer.url + "/slow", peer.url + "/gone", peer.url + "/slow")
        finally:
            release.set()
    assert why == "410 Client Error: Gone for url: %s/gone" % peer.url


# --- cancel


def cancel_when(event):
    interrupt = Interrupt()

    def wait_and_cancel():
        event.wait(20)
        interrupt.cancel()

    thread = threading.Thread(target=wait_and_cancel)
    thread.start()
    return interrupt, thread


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("stage", ["before the head", "in the body"])
def test_a_cancel_ends_the_wait_for_the_server(folder, stage, count):
    waiting, release = threading.Event(), threading.Event()

    def answer(handler):
        if stage == "in the body":
            handler.send_response(200)
            handler.send_header("content-length", "100")
            handler.end_headers()
            handler.wfile.write(b"some")
        waiting.set()
        release.wait(20)

    with Peer(answer) as peer:
        interrupt, thread = cancel_when(waiting)
        with pytest.raises(Interrupted):
            fetch(folder, *[peer.url + "/x"] * count, interrupt=interrupt)
        assert not release.is_set() and os.listdir(folder) == []
        release.set()
        thread.join()


def test_a_cancel_ends_the_wait_for_a_connection(folder):
    # A server whose queue is full does not answer a new connection at all.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        stuck = []
        for _ in range(4):
            extra = socket.socket()
            extra.setblocking(False)
            extra.connect_ex(deaf.getsockname())
            stuck.append(extra)
        connecting = threading.Event()
        connecting.set()
        interrupt, thread = cancel_when(connecting)
        with pytest.raises(Interrupted):
            fetch(folder, "http://127.0.0.1:%d/x" % deaf.getsockname()[1], interrupt=interrupt)
        thread.join()
        for extra in stuck:
            extra.close()


def test_a_cancel_ends_the_wait_for_a_name(folder, monkeypatch):
    asked, release = threading.Event(), threading.Event()

    def getaddrinfo(*arguments, **named):
        asked.set()
        release.wait(20)
        raise OSError("too late")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    interrupt, thread = cancel_when(asked)
    with pytest.raises(Interrupted):
        fetch(folder, "http://slow.example/x", interrupt=interrupt)
    assert not release.is_set()
    release.set()
    thread.join()
    for left in threading.enumerate():
        if left.name.startswith("look up"):
            left.join()


def test_a_prediction_that_is_canceled_already_fetches_nothing(folder):
    interrupt = Interrupt()
    interrupt.cancel()
    with Peer() as peer:
        with pytest.raises(Interrupted):
            fetch(folder, peer.url + "/x", interrupt=interrupt)
        with pytest.raises(Interrupted):
            fetch(folder, "data:,x", interrupt=interrupt)
        assert peer.told() == []
    assert os.listdir(folder) == []


# --- what must not be fetched


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.1:8080",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "metadata.google.internal",
        "METADATA.google.internal.",
    ],
)
def test_metadata_addresses_are_refused_in_every_spelling(folder, host):
    why = failure(folder, "http://%s/latest/meta-data/" % host)
    assert why.startswith("Not allowed to fetch from ") and why.endswith(": it is a cloud metadata address")


def test_a_name_that_leads_to_a_metadata_address_is_refused(folder, monkeypatch):
    looked_up = names_of(monkeypatch, **{"innocent.example": ["169.254.169.254"]})
    assert failure(folder, "http://innocent.example/x") == (
        "Not allowed to fetch from innocent.example: it is a cloud metadata address"
    )
    assert looked_up == ["innocent.example"]


def test_a_redirect_to_a_metadata_address_is_refused(folder):
    with Peer(lambda handler: redirect(handler, "http://169.254.169.254/x")) as peer:
        assert failure(folder, peer.url + "/x").endswith("it is a cloud metadata address")


def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind(folder, monkeypatch):
    with Peer() as peer:
        looked_up = names_of(monkeypatch, **{"fickle.example": "127.0.0.1"})
        fetch(folder, "http://fickle.example:%d/x" % peer.port)
        assert looked_up == ["fickle.example"]
        assert peer.requests[0].headers["host"] == "fickle.example:%d" % peer.port


@pytest.mark.parametrize("deny", ["127.0.0.0/8", "127.0.0.1", "*", "local.example", ".example"])
def test_hosts_and_blocks_can_be_denied(folder, monkeypatch, deny):
    names_of(monkeypatch, **{"local.example": "127.0.0.1"})
    with Peer() as peer:
        url = "http://local.example:%d/x" % peer.port
        assert failure(folder, url, COG_URL_DENY=deny) == ("Not allowed to fetch from local.example: it is in COG_URL_DENY")
        assert peer.told() == []


@pytest.mark.parametrize("allow", ["127.0.0.1/32", "local.example", "*.example, 10.0.0.0/8", "example"])
def test_what_is_allowed_is_let_through_what_is_denied(folder, monkeypatch, allow):
    names_of(monkeypatch, **{"local.example": "127.0.0.1"})
    with Peer() as peer:
        url = "http://local.example:%d/x" % peer.port
        assert contents(fetch(folder, url, COG_URL_DENY="*", COG_URL_ALLOW=allow)) == [b"ok"]


def test_a_list_that_cannot_be_read_is_an_error_not_a_hole():
    with pytest.raises(DownloadFailed, match="COG_URL_DENY: '10.0.0.0/99' is neither a host name nor an address block"):
        Policy({"COG_URL_DENY": "10.0.0.0/99"})


# --- proxies and TLS


def test_a_proxy_is_asked_when_the_environment_names_one(folder, monkeypatch):
    with Peer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://me:secret@"))
        assert contents(fetch(folder, "http://far.example/x?y")) == [b"ok"]
        with Peer() as near:
            monkeypatch.setenv("no_proxy", "localhost,127.0.0.0/8")
            fetch(folder, near.url + "/direct")
    assert proxy.told() == [("GET", "http://far.example/x?y", b"")]
    assert proxy.requests[0].headers["host"] == "far.example"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"
    assert near.told() == [("GET", "/direct", b"")]


def test_behind_a_proxy_metadata_addresses_and_denied_names_are_still_refused(folder, monkeypatch):
    with Peer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        failure(folder, "http://169.254.169.254/x")
        failure(folder, "http://metadata.google.internal/x")
        failure(folder, "http://far.example/x", COG_URL_DENY="*", COG_URL_ALLOW="10.0.0.0/8")
        assert proxy.told() == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of 127.0.0.1, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    files = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return files


def test_https_is_verified_against_the_certificates_of_the_environment(folder, monkeypatch, certificate):
    with Peer(certificate=certificate) as peer:
        why = failure(folder, peer.url + "/x")
        assert why.startswith("Could not fetch %s/x: the certificate of 127.0.0.1 is not trusted: " % peer.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
        assert contents(fetch(folder, peer.url + "/x")) == [b"ok"]


def test_https_goes_through_a_proxys_tunnel(folder, monkeypatch, certificate):
    def tunnel(handler):
        host, _, port = handler.path.partition(":")
        handler.send_response(200)
        handler.end_headers()
        with socket.create_connection((host, int(port))) as other:
            there = threading.Thread(target=pump, args=(handler.connection, other))
            there.start()
            pump(other, handler.connection)
            there.join()
        handler.close_connection = True

    def pump(source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
    with Peer(certificate=certificate) as peer, Peer(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert contents(fetch(folder, peer.url + "/x")) == [b"ok"]
    assert [request.path for request in proxy.requests] == ["127.0.0.1:%d" % peer.port]


def test_a_server_that_speaks_no_http_says_so(folder):
    def answer(handler):
        handler.wfile.write(b"SSH-2.0-nothing\r\n\r\n")
        handler.close_connection = True

    with Peer(answer) as peer:
        assert failure(folder, peer.url + "/x").endswith(": the answer is not HTTP: 'SSH-2.0-nothing'")

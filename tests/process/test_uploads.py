"""Output files sent elsewhere: to a real nginx with WebDAV, and to a server that behaves as badly as a test needs."""

import os
import shutil
import socket
import subprocess
import threading
import time

import pytest
from files_peer import Peer, redirect, reply

from cog.runtime_stdlib.service.interrupt import Interrupt, Interrupted
from cog.runtime_stdlib.service.uploads import UploadFailed, put_form, put_raw

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "v=1"}
FAILED = "Cog: Got error trying to upload output files: "


@pytest.fixture
def output(tmp_path):
    """output(name, data) -> a file as the worker hands it over."""

    def make(name="pic.png", data=b"data of a picture"):
        path = tmp_path / "cog-out-1"
        path.write_bytes(data)
        return str(path), name, None, False

    return make


def raw(base, file, *, id=None, trace=(), interrupt=None):
    return put_raw(base, file, interrupt or Interrupt(), id, dict(trace))


# --- nginx

NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else None)
CONFIG = """
daemon off; master_process off; worker_processes 1;
error_log {folder}/error.log; pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
    uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
    server {{
        listen 127.0.0.1:{port}; root {folder}/www;
        location /up/ {{ dav_methods PUT; create_full_put_path on; }}
        location /small/ {{ dav_methods PUT; client_max_body_size 1k; }}
        location /private/ {{ dav_methods PUT; create_full_put_path on; auth_basic x; auth_basic_user_file {folder}/users; }}
        location /moved/ {{ rewrite ^/moved/(.*)$ /up/there/$1; return 307 http://127.0.0.1:{port}$uri; }}
        location /forbidden/ {{ return 403; }}
        location /tired/ {{ return 503; }}
    }}
}}
"""  # fmt: skip


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    """(URL, folder of its files) of an nginx that takes PUT."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian: nginx-light or nginx-extras)")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "www").mkdir()
    (folder / "users").write_text("me:{PLAIN}secret\n")
    for path in [folder, *folder.parents]:
        if path == path.parent or path.name == "tmp":
            break
        path.chmod(0o755)  # nginx may become another user
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "nginx.conf"
    text = CONFIG.format(folder=folder, port=port)
    config.write_text(("user root;" if os.getuid() == 0 else "") + text)
    server = subprocess.Popen([NGINX, "-e", str(folder / "error.log"), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "error.log").read_text()
                time.sleep(0.05)
        yield "http://127.0.0.1:%d" % port, folder / "www"
    finally:
        server.terminate()
        server.wait()


def test_nginx_takes_a_file_and_says_where_it_is(nginx, output):
    url, files = nginx
    assert raw(url + "/up", output()) == url + "/up/pic.png"
    assert (files / "up/pic.png").read_bytes() == b"data of a picture"


def test_nginx_takes_a_large_file_unharmed(nginx, output):
    url, files = nginx
    data = os.urandom(20 << 20)
    assert raw(url + "/up/", output("big.bin", data)) == url + "/up/big.bin"
    assert (files / "up/big.bin").read_bytes() == data


@pytest.mark.parametrize("name", ["two words.txt", "café.png", "a?b.txt", "h#sh.txt", "50%.txt", "a&b=c;d+e@f.txt"])
def test_nginx_stores_odd_names_as_they_are(nginx, output, name):
    url, files = nginx
    where = raw(url + "/up/odd", output(name, name.encode()))
    assert (files / "up/odd" / name).read_bytes() == name.encode()
    assert where.isascii() and not set(where) & set(" ?#")


def test_nginx_redirects_and_the_file_is_sent_again(nginx, output):
    url, files = nginx
    assert raw(url + "/moved", output("m.txt")) == url + "/up/there/m.txt"
    assert (files / "up/there/m.txt").read_bytes() == b"data of a picture"


def test_nginx_takes_credentials_from_the_url_and_they_stay_out_of_the_result(nginx, output):
    url, files = nginx
    base = url.replace("://", "://me:secret@") + "/private"
    assert raw(base, output("s.txt")) == url + "/private/s.txt"
    with pytest.raises(UploadFailed) as caught:
        raw(base.replace("secret", "wrong"), output("s.txt"))
    assert str(caught.value) == FAILED + "PUT %s/private/s.txt: 401 Unauthorized" % url


def test_nginx_refuses_in_the_middle_of_a_large_file_and_is_heard(nginx, output):
    url, _ = nginx
    with pytest.raises(UploadFailed) as caught:
        raw(url + "/small", output("big.bin", bytes(8 << 20)))
    assert str(caught.value) == FAILED + "PUT %s/small/big.bin: 413 Request Entity Too Large" % url


@pytest.mark.parametrize(
    "folder, why", [("forbidden", "403 Forbidden"), ("tired", "503 Service Temporarily Unavailable (tried 4 times)")]
)
def test_nginx_says_no_and_so_do_we(nginx, output, folder, why):
    url, _ = nginx
    with pytest.raises(UploadFailed) as caught:
        raw("%s/%s/?token=t" % (url, folder), output("x.txt"))
    assert str(caught.value) == FAILED + "PUT %s/%s/x.txt: %s" % (url, folder, why)


def test_nginx_takes_a_form(nginx, output):
    url, files = nginx
    assert put_form(url + "/up/pre-", output("two words.txt"), Interrupt()) == url + "/up/pre-two%20words.txt"
    stored = (files / "up/pre-two words.txt").read_bytes()
    boundary = stored.partition(b"\r\n")[0]
    assert stored == (
        boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="two words.txt"\r\n\r\n'
        b"data of a picture\r\n" + boundary + b"--\r\n"
    )


# --- --upload-url


def headers_of(request, *names):
    return {name: request.headers[name] for name in names}


def test_raw_bytes_are_put_with_everything_the_receiver_may_want_to_know(output):
    with Peer() as peer:
        assert raw(peer.url + "/up", output(), id="up1", trace=TRACE) == peer.url + "/up/pic.png"
    assert peer.told() == [("PUT", "/up/pic.png", b"data of a picture")]
    names = "content-type", "x-prediction-id", "traceparent", "tracestate", "authorization"
    assert headers_of(peer.requests[0], *names) == {
        "content-type": "image/png", "x-prediction-id": "up1", "authorization": None, **TRACE
    }  # fmt: skip
    assert peer.requests[0].headers["user-agent"].startswith("cog-worker/")


def test_what_is_not_known_is_not_said(output):
    with Peer() as peer:
        assert raw(peer.url + "/up", output("noext")) == peer.url + "/up/noext"
    names = "content-type", "x-prediction-id", "traceparent", "tracestate"
    assert headers_of(peer.requests[0], *names) == dict.fromkeys(names)


def test_a_file_without_a_name_is_called_file(output):
    with Peer() as peer:
        assert raw(peer.url + "/up", output("")) == peer.url + "/up/file"


@pytest.mark.parametrize(
    "location, where",
    [
        ("https://cdn.example/final/pic.png?sig=secret&x=1", "https://cdn.example/final/pic.png"),
        ("/elsewhere/p.png", "URL/elsewhere/p.png"),
        (None, "URL/up/pic.png"),
    ],
)
def test_the_result_is_the_location_or_the_url_without_its_query(output, location, where):
    headers = [] if location is None else [("location", location)]
    with Peer(lambda handler: reply(handler, 201, b"", headers)) as peer:
        assert raw(peer.url + "/up?sig=1", output()) == where.replace("URL", peer.url)
    assert peer.told()[0][1] == "/up/pic.png?sig=1"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_of_the_server_is_waited_out(output, status):
    def answer(handler):
        reply(handler, status if len(peer.requests) < 4 else 200, b"")

    with Peer(answer) as peer:
        assert raw(peer.url, output()) == peer.url + "/pic.png"
    assert peer.told() == [("PUT", "/pic.png", b"data of a picture")] * 4


def test_a_connection_that_breaks_is_tried_again(output):
    def answer(handler):
        if len(peer.requests) < 2:
            handler.close_connection = True
        else:
            reply(handler)

    with Peer(answer) as peer:
        assert raw(peer.url, output()) == peer.url + "/pic.png"


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_gets_the_file_again_but_no_credentials_of_ours(output, status):
    with Peer() as other:
        with Peer(lambda handler: redirect(handler, other.url + "/new?x=1", status)) as peer:
            assert raw(peer.url.replace("://", "://me:pw@"), output()) == other.url + "/new"
    assert other.told() == [("PUT", "/new?x=1", b"data of a picture")]
    assert other.requests[0].headers["authorization"] is None


@pytest.mark.parametrize("status", [301, 302, 303, 304])
def test_other_redirects_are_a_failure(output, status):
    with Peer(lambda handler: redirect(handler, "/new", status)) as peer:
        with pytest.raises(UploadFailed, match=FAILED + "PUT .*/pic.png: %d " % status):
            raw(peer.url, output())


def test_a_redirect_to_a_metadata_address_is_refused(output):
    with Peer(lambda handler: redirect(handler, "http://169.254.169.254/x", 307)) as peer:
        with pytest.raises(UploadFailed, match="Not allowed to send to 169.254.169.254"):
            raw(peer.url, output())
        assert len(peer.told()) == 1


def test_a_receiver_that_is_not_there_is_named(output):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = "http://127.0.0.1:%d" % unused.getsockname()[1]
        with pytest.raises(UploadFailed) as caught:
            raw(base, output())
    assert str(caught.value) == FAILED + "PUT %s/pic.png: could not connect to %s: Connection refused (tried 4 times)" % (
        base, base[7:],
    )  # fmt: skip


def test_a_missing_file_is_reported_in_the_words_of_the_system(tmp_path):
    path = str(tmp_path / "gone.png")
    with pytest.raises(UploadFailed) as caught:
        raw("http://127.0.0.1:1", (path, "gone.png", None, False))
    assert str(caught.value) == "[Errno 2] No such file or directory: %r" % path


def test_a_cancel_ends_an_upload(output):
    arrived, release = threading.Event(), threading.Event()

    def answer(handler):
        arrived.set()
        release.wait(20)

    interrupt = Interrupt()
    with Peer(answer) as peer:

        def cancel():
            arrived.wait(20)
            interrupt.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(Interrupted):
            raw(peer.url, output(), interrupt=interrupt)
        assert not release.is_set()
        release.set()
        thread.join()


def test_a_cancel_ends_the_pause_between_two_tries(output):
    interrupt = Interrupt()

    def answer(handler):
        reply(handler, 503, b"", [("retry-after", "10")])
        interrupt.cancel()

    with Peer(answer) as peer:
        with pytest.raises(Interrupted):
            raw(peer.url, output(), interrupt=interrupt)
        assert len(peer.told()) == 1


# --- output_file_prefix


def test_a_form_has_one_part_without_a_type(output):
    with Peer() as peer:
        assert put_form(peer.url + "/x-", output("b.txt", b"bee"), Interrupt()) == peer.url + "/x-b.txt"
    ((method, path, body),) = peer.told()
    kind, _, boundary = peer.requests[0].headers["content-type"].partition("; boundary=")
    assert (method, path, kind) == ("PUT", "/x-b.txt", "multipart/form-data")
    part = 'Content-Disposition: form-data; name="file"; filename="b.txt"\r\n\r\nbee'
    assert body.decode() == "--%s\r\n%s\r\n--%s--\r\n" % (boundary, part, boundary)


def test_a_file_without_a_name_is_called_output_in_the_url_and_file_in_the_form(output):
    with Peer() as peer:
        assert put_form(peer.url + "/mem/", output(""), Interrupt()) == peer.url + "/mem/output"
    assert b'filename="file"' in peer.told()[0][2]


def test_a_name_cannot_break_out_of_its_quotes(output):
    with Peer() as peer:
        put_form(peer.url + "/", output('a"\r\nx: y\r\n\r\n.txt'), Interrupt())
    assert b'filename="a%22%0D%0Ax: y%0D%0A%0D%0A.txt"\r\n\r\n' in peer.told()[0][2]


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_form_is_tried_once(output, status):
    with Peer(lambda handler: reply(handler, status, b"")) as peer:
        with pytest.raises(UploadFailed, match=FAILED + "PUT .*/pic.png: %d " % status):
            put_form(peer.url + "/", output(), Interrupt())
        assert len(peer.told()) == 1


def test_a_prefix_that_is_no_url_is_a_failed_upload(output):
    with pytest.raises(UploadFailed, match="'' is not a valid URL scheme. 'http' or 'https' is supported."):
        put_form("nonsense-", output(), Interrupt())

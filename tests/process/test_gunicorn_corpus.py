"""gunicorn's own corpus of good and bad requests against our server.

The files come from gunicorn's source distribution on the package index, as a dependency of this test; nothing of it is
kept here. Many of the files have no Host, which alone would get them refused, so each is also sent with one: it must be
refused for what is wrong with it.
"""

import os
import subprocess
import sys
import tarfile
import types

import pytest
from web_server import serving

pytestmark = pytest.mark.heavy

VERSION = "27.0.1"

# Not errors in HTTP but in what gunicorn was told: each file sets the option that makes it one.
TIED_TO_OPTIONS = {
    "006": "limit_request_line, 4 KiB there and 8 KiB here",
    "007": "limit_request_field_size, 8 KiB there; we bound the whole header",
    "008": "limit_request_field_size, 8 KiB there; we bound the whole header",
    "010": "limit_request_field_size=10",
    "011": "limit_request_fields=2",
    "012": "limit_request_field_size=98",
    "017": "limit_request_field_size, 8 KiB there; we bound the whole header",
    "019": "forwarded_allow_ips='*': contradicting X-Forwarded fields, which we never read",
    "limit_header_default_01": "limit_request_field_size=0",
}

# Good requests by gunicorn's lights that we refuse, with the status.
REFUSED = {
    "005": (400, "a fragment in the target"),
    "025": (400, "gzip and chunked"),
    "025_line": (400, "gzip and chunked"),
    "028": (400, "a blank before the colon, allowed there by strip_header_spaces"),
    "029": (400, "identity and chunked"),
    "030": (400, "identity and chunked"),
    "031": (400, "a method that begins with a hyphen"),
    "031compat": (400, "a method in small letters"),
    "031compat2": (400, "a method in small letters"),
    "040": (400, "Transfer_Encoding"),
    "040_compat": (400, "Transfer_Encoding"),
    "099": (None, "the client leaves before its body is complete: there is nobody to answer"),
    "compat_obs_fold": (400, "a folded line, allowed there by permit_obsolete_folding"),
    "compat_obs_fold_huge": (400, "folded lines, allowed there by permit_obsolete_folding"),
    "pp_01": (400, "the PROXY protocol"),
    "pp_02": (400, "the PROXY protocol"),
    "pp_04": (400, "the PROXY protocol"),
    "pp_05": (400, "the PROXY protocol"),
    "rfc9112_smuggle_gzip_chunked_01": (400, "gzip and chunked"),
    "rfc9112_smuggle_te_identity_chunked_01": (400, "identity and chunked"),
    "rfc9112_target_absolute_01": (400, "a whole address as target"),
    "rfc9112_target_absolute_https_01": (400, "a whole address as target"),
    "rfc9112_target_absolute_ipv6_01": (400, "a whole address as target"),
    "rfc9112_target_absolute_userinfo_01": (400, "a whole address as target"),
    "rfc9112_target_authority_connect_01": (400, "CONNECT"),
    "rfc9112_target_authority_ipv6_01": (400, "CONNECT"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    directory = tmp_path_factory.mktemp("gunicorn")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "gunicorn", "--ignore-requires-python", "--dest", str(directory), "gunicorn==" + VERSION]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    archive = directory / ("gunicorn-%s.tar.gz" % VERSION)
    if not archive.exists():
        reason = "gunicorn's source distribution cannot be had: " + done.stdout.decode(errors="replace").strip()[-300:]
        print(reason)
        pytest.skip(reason)
    found = {"valid": {}, "invalid": {}}
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            parts = member.name.split("/")
            if len(parts) == 5 and parts[1:3] == ["tests", "requests"] and parts[3] in found:
                name, suffix = os.path.splitext(parts[4])
                found[parts[3]].setdefault(name, {})[suffix] = tar.extractfile(member).read()
    assert (len(found["valid"]), len(found["invalid"])) == (62, 81)
    return found


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


def decode(text):
    """The corpus breaks its lines for the eye; line ends that count are written out, as are bytes in hexadecimal."""
    raw = bytearray()
    data = text.replace(b"\n", b"").replace(b"\\r", b"\r").replace(b"\\n", b"\n").replace(b"\\0", b"\0").replace(b"\\t", b"\t")
    at = 0
    while at < len(data):
        if data[at : at + 2] == b"\\x":
            raw.append(int(data[at + 2 : at + 4], 16))
            at += 4
        else:
            raw.append(data[at])
            at += 1
    return bytes(raw)


def with_host(raw):
    """The same with a Host in every HTTP/1.1 head that begins like one and has none."""
    pieces = raw.split(b" HTTP/1.1\r\n")
    for index in range(1, len(pieces)):
        head = pieces[index].partition(b"\r\n\r\n")[0]
        if b"host:" not in (b"\r\n" + head).lower().replace(b"\r\nhost:", b"host:"):
            pieces[index] = b"Host: corpus\r\n" + pieces[index]
    return b" HTTP/1.1\r\n".join(pieces)


def test_no_bad_request_is_accepted_but_those_that_an_option_makes_bad(server, corpus):
    accepted = set()
    for name, files in corpus["invalid"].items():
        raw = decode(files[".http"])
        for variant in (raw, with_host(raw)):
            answers = server.ask(variant)
            if any(answer.status == 200 for answer in answers):
                accepted.add(name)
            else:
                assert [answer.headers["connection"] for answer in answers] in ([], ["close"]), name
    print("gunicorn's invalid requests: %d, accepted: %d %s" % (len(corpus["invalid"]), len(accepted), sorted(accepted)))
    assert accepted == set(TIED_TO_OPTIONS)


def expectation(source):
    """What gunicorn's test expects of a good request: [(method, target, body)]."""
    anything = types.SimpleNamespace(set=lambda *setting: None)
    config = types.ModuleType("gunicorn.config")
    config.Config = lambda: anything
    stubs = {"gunicorn": types.ModuleType("gunicorn"), "gunicorn.config": config}
    before = {name: sys.modules.get(name) for name in stubs}
    sys.modules.update(stubs)
    try:
        names = {"uri": lambda text: text}
        exec(compile(source, "expected", "exec"), names)
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module
    requests = names["request"] if isinstance(names["request"], list) else [names["request"]]
    return [(one["method"], one["uri"], one["body"]) for one in requests]


def test_good_requests_are_read_as_gunicorn_reads_them_or_refused_cleanly(server, corpus):
    refused = {}
    served = 0
    for name, files in corpus["valid"].items():
        raw = decode(files[".http"])
        answers = server.ask(raw)
        if answers and b"No Host" in answers[-1].body:
            answers = server.ask(with_host(raw))
        others = [answer for answer in answers if answer.status != 200]
        if others:
            assert [answer.headers["connection"] for answer in others] == ["close"], name
            refused[name] = others[0].status
            continue
        wanted = expectation(files[".py"])
        if not answers and wanted:
            refused[name] = None
            continue
        echoed = [answer.echoed for answer in answers]
        assert len(echoed) == len(wanted), name
        for ours, (method, target, body) in zip(echoed, wanted):
            assert ours == (method, target, body if isinstance(body, bytes) else body.encode()), name
        served += 1
    print("gunicorn's valid requests: %d, served: %d, refused: %d" % (len(corpus["valid"]), served, len(refused)))
    assert refused == {name: status for name, (status, _) in REFUSED.items()}

"""Large files inside requests, through the whole server: exact, in little memory, and gone afterwards."""

import base64
import hashlib
import os
import re
import threading

import pytest
from files_peer import Peer
from serving import Server, wait_until

DIGEST = """
    import hashlib, json
    from typing import Any, List
    from cog import BasePredictor, File, Path

    class Predictor(BasePredictor):
        def predict(self, file: Path = None, files: List[Path] = [], text: str = "", stream: File = None) -> str:
            found = [hashlib.sha256(path.read_bytes()).hexdigest() for path in ([file] if file else []) + files]
            if text:
                found.append(hashlib.sha256(text.encode()).hexdigest())
            if stream:
                found.append(hashlib.sha256(stream.read()).hexdigest())
            return " ".join(found)
"""


def digest(data):
    return hashlib.sha256(data).hexdigest()


def data_url(data, kind="application/octet-stream"):
    return "data:%s;base64,%s" % (kind, base64.b64encode(data).decode())


def descriptors(server):
    return len(os.listdir("/proc/%d/fd" % server.process.pid))


def peak(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path, DIGEST) as running:
        yield running
        assert running.temporary_files() == []


def test_a_file_of_64_megabytes_arrives_exactly_and_costs_little_memory(server):
    data = os.urandom(1 << 20) * 64
    server.predict(text="warm")
    body = b'{"input":{"file":"' + data_url(data).encode() + b'"}}'
    with open("/proc/%d/clear_refs" % server.process.pid, "w") as file:
        file.write("5")
    before = peak(server.process.pid)
    answer = server.request("POST", "/predictions", body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["output"]) == (200, digest(data))
    assert answer.json["input"]["file"] == "data:application/octet-stream;base64,..."
    assert peak(server.process.pid) - before < 20


def test_several_files_in_one_request_however_their_json_is_written(server):
    one, two = os.urandom(2 << 20), os.urandom(300_000)
    files = [data_url(one), data_url(two, "image/png"), "data:,small"]
    wanted = " ".join(map(digest, (one, two, b"small")))
    assert server.predict(files=files)["output"] == wanted
    # As PHP and old browsers write it.
    body = ('{"input":{"files":["%s"]}}' % '","'.join(files)).replace("/", "\\/").encode()
    answer = server.request("POST", "/predictions", body=body)
    assert (answer.status, answer.json["output"]) == (200, wanted)


def test_a_long_data_url_that_is_meant_as_text_is_text(server):
    text = data_url(os.urandom(2 << 20)) + "é"
    prediction = server.predict(text=text)
    assert prediction["output"] == digest(text.encode())


def test_a_stream_reads_the_same(server):
    data = os.urandom(2 << 20)
    assert server.predict(stream=data_url(data))["output"] == digest(data)


def test_an_asynchronous_prediction_still_has_its_files_when_the_request_is_over(server):
    data = os.urandom(3 << 20)
    with Peer() as peer:
        answer = server.start("a", {"webhook": peer.url, "webhook_events_filter": ["completed"]}, file=data_url(data))
        assert answer.status == 202
        (told,) = peer.wait_for(1)
    assert b'"output":"%s"' % digest(data).encode() in told.body
    wait_until(lambda: server.health() == "READY", "the slot is not free")


def test_a_webhook_that_waits_holds_no_file_of_the_request(server):
    data = os.urandom(2 << 20)
    server.predict(file=data_url(data))
    before = descriptors(server)
    release = threading.Event()
    with Peer(lambda handler: release.wait(60)) as silent:
        for _ in range(12):
            answer = server.request(
                "POST",
                "/predictions",
                {"input": {"file": data_url(data)}, "webhook": silent.url, "webhook_events_filter": ["completed"]},
                headers={"Prefer": "respond-async"},
            )
            assert answer.status == 202
            wait_until(lambda: server.health() == "READY", "the slot is not free")
        # At most the connections to the silent receiver are there in addition.
        wait_until(lambda: descriptors(server) <= before + 10, "files of requests are still open")
        release.set()


def test_a_broken_request_with_a_large_file_is_refused_and_leaves_nothing(server):
    body = b'{"input":{"file":"' + data_url(os.urandom(2 << 20)).encode() + b'"},}'
    answer = server.request("POST", "/predictions", body=body)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", len(body) - 1]
    assert answer.json["detail"][0]["type"] == "json_invalid"


def test_a_data_url_that_was_cut_fails_the_prediction(server):
    prediction = server.predict(file=data_url(os.urandom(2 << 20))[:-3])
    assert (prediction["status"], prediction["error"]) == (
        "failed",
        "Invalid data URL: the base64 data is cut short: one character is left over",
    )

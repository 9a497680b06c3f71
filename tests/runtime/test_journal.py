"""Where the server's own log and the model's output go: readers that are slow, stopped or gone."""

import fcntl
import os
import threading

import pytest

from cog.runtime_stdlib.service import journal
from cog.runtime_stdlib.service.journal import Journal, Output


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            pass


@pytest.fixture(params=["opened again", "as it is"])
def way(request, monkeypatch):
    """Another user's pipe cannot be opened again; everything below holds there as well."""
    monkeypatch.setattr(journal, "PATIENCE", 0.05)
    if request.param == "as it is":

        def refuse(*args):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)


def test_more_than_a_pipe_holds_arrives_whole_at_a_slow_reader(pipe, way):
    read, write = pipe
    text = b"".join(b"%d\n" % number for number in range(60000))
    found = []

    def slowly():
        while sum(map(len, found)) < len(text):
            found.append(os.read(read, 5000))

    reader = threading.Thread(target=slowly)
    reader.start()
    output = Output(write)
    output.write(text)
    reader.join()
    assert (b"".join(found), output.dropped) == (text, 0)


def test_a_reader_that_has_stopped_costs_its_patience_once_and_gets_what_comes_later(pipe, way):
    read, write = pipe
    output = Output(write)
    output.write(b"x" * (1 << 20))
    held = (1 << 20) - output.dropped
    assert 0 < held < 1 << 20
    output.write(b"lost\n")
    assert output.dropped == (1 << 20) - held + 5
    assert os.read(read, 1 << 20) == b"x" * held
    output.write(b"seen\n")
    assert os.read(read, 1 << 20) == b"seen\n"


def test_a_reader_that_has_gone_is_not_written_to_again(pipe, way):
    read, write = pipe
    output = Output(write)
    output.write(b"seen\n")
    os.close(read)
    for _ in range(3):
        output.write(b"lost\n")


def test_the_file_shared_with_who_started_us_stays_as_it_was(pipe):
    read, write = pipe
    before = fcntl.fcntl(write, fcntl.F_GETFL)
    Output(write).write(b"x")
    assert fcntl.fcntl(write, fcntl.F_GETFL) == before


def test_a_full_disk_loses_what_does_not_fit_and_nothing_after_that():
    with open("/dev/full", "wb", buffering=0) as full:
        output = Output(full.fileno())
        output.write(b"lost\n")
        assert (output.dropped, output._closed) == (5, False)


def test_a_closed_descriptor_is_nobody():
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    Output(write).write(b"lost\n")


def test_nothing_and_files_and_pipes(tmp_path, pipe):
    path = tmp_path / "log"
    with path.open("wb") as file, open(os.devnull, "wb") as null:
        for fd in (file.fileno(), null.fileno(), pipe[1]):
            written = Journal("info", readable=True, output=Output(fd))
            written.info("hello", "id")
            written.debug("not this")
    assert os.read(pipe[0], 1000).endswith(b" INFO    hello [id]\n")
    assert path.read_text().count("\n") == 1

"""What becomes of an output: text, JSON, one file, several."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from cog.actions.inputs import Schema
from cog.actions.mediatypes import ending_of, type_of
from cog.actions.outputs import (
    OutputFile,
    OutputNotWritable,
    OutputUnreadable,
    Plan,
    check_destination,
    decoded,
    destination,
    plan,
    with_files_beside,
    write,
)

FILE: dict[str, object] = {"type": "string", "format": "uri"}
FILES: dict[str, object] = {"type": "array", "items": FILE}
TEXT: dict[str, object] = {"type": "string"}
SCHEMA = Schema({}, (), {"Output": {"title": "Output", **FILE}})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def url(content: bytes, media: str = "image/png") -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("output", "declared", "path", "expected"),
    [
        (None, TEXT, "", Plan(nothing=True)),
        ("hello", TEXT, "", Plan(text="hello")),
        ("hello", TEXT, "o.txt", Plan(files=(OutputFile("o.txt", b"hello"),))),
        (3, {"type": "integer"}, "", Plan(text="3")),
        (0.1, {"type": "number"}, "", Plan(text="0.1")),
        (["a"], {"type": "array", "items": TEXT}, "", Plan(text='[\n  "a"\n]')),
        ({"b": "<é>", "a": 1.0}, {"type": "object"}, "", Plan(text='{\n  "b": "<é>",\n  "a": 1.0\n}')),
        ({"a": 1}, {"type": "object"}, "o", Plan(files=(OutputFile("o", b'{\n  "a": 1\n}\n'),))),
        (url(b"x"), FILE, "", Plan(files=(OutputFile("output.png", b"x"),))),
        (url(b"x"), FILE, "o.jpg", Plan(files=(OutputFile("o.jpg", b"x"),))),
        (url(b"x"), FILE, "weights", Plan(files=(OutputFile("weights", b"x"),))),
        (url(b"x", "text/plain;charset=utf-8"), FILE, "", Plan(files=(OutputFile("output.txt", b"x"),))),
        (url(b"x", "x/unheard-of"), FILE, "", Plan(files=(OutputFile("output", b"x"),))),
        (url(b"x"), {"$ref": "#/components/schemas/Output"}, "", Plan(files=(OutputFile("output.png", b"x"),))),
        ("https://x/y.png", FILE, "", Plan(text="https://x/y.png")),
        (
            [url(b"a"), url(b"b", "text/plain")],
            FILES,
            "",
            Plan(files=(OutputFile("output.0.png", b"a"), OutputFile("output.1.txt", b"b"))),
        ),
        ([url(b"a")], FILES, "page.png", Plan(files=(OutputFile("page.0.png", b"a"),))),
        ([], FILES, "", Plan()),
        ({"file": url(b"x")}, {"type": "object"}, "", Plan(text='{\n  "file": "' + url(b"x") + '"\n}')),
    ],
)
def test_the_schema_decides_what_becomes_of_an_output(
    output: object, declared: dict[str, object], path: str, expected: Plan
) -> None:
    assert plan(output, declared, SCHEMA, path) == expected


def test_a_folder_gets_a_file_of_the_usual_name(folder: Path) -> None:
    (folder / "results").mkdir()
    assert plan(url(b"x"), FILE, SCHEMA, "results") == Plan(files=(OutputFile("results/output", b"x"),))


def test_a_data_url_may_be_plain_text() -> None:
    assert decoded("data:,a%20b") == (b"a b", "text/plain")
    assert decoded("data:text/csv,a,b") == (b"a,b", "text/csv")


@pytest.mark.parametrize("text", ["data:image/png;base64,a", "data:image/png;base64", "data:image/png;base64,!!!!"])
def test_a_broken_data_url_is_refused(text: str) -> None:
    with pytest.raises(OutputUnreadable):
        decoded(text)


def test_files_inside_an_answer_are_put_beside_it() -> None:
    output = {"image": url(b"a"), "pages": [url(b"b"), "text"], "n": 1}
    assert with_files_beside(output, "answer.json") == (
        {"image": "answer.image.png", "pages": ["answer.pages.0.png", "text"], "n": 1},
        (OutputFile("answer.image.png", b"a"), OutputFile("answer.pages.0.png", b"b")),
    )
    assert with_files_beside(url(b"a"), "") == ("output.png", (OutputFile("output.png", b"a"),))
    assert with_files_beside(url(b"a", "application/json"), "a.json") == (
        "a.output.json",
        (OutputFile("a.output.json", b"a"),),
    )


def test_names_from_the_model_cannot_leave_the_folder() -> None:
    _, files = with_files_beside({"../../etc/x": url(b"a")}, "")
    assert [file.path for file in files] == ["output.______etc_x.png"]


# --- writing -----------------------------------------------------------------------------------


def test_files_are_written_for_everyone_to_read(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        write([OutputFile("a.txt", b"a"), OutputFile("b.txt", b"b")])
    finally:
        os.umask(before)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.txt": b"a", "b.txt": b"b"}
    assert stat.S_IMODE((folder / "a.txt").stat().st_mode) == 0o644


def test_a_file_that_is_there_keeps_its_mode_and_its_links(folder: Path) -> None:
    (folder / "real.txt").write_text("old")
    (folder / "real.txt").chmod(0o600)
    (folder / "link.txt").symlink_to("real.txt")
    write([OutputFile("link.txt", b"new")])
    assert (folder / "link.txt").is_symlink()
    assert (folder / "real.txt").read_text() == "new"
    assert stat.S_IMODE((folder / "real.txt").stat().st_mode) == 0o600


def test_all_files_are_written_or_none(folder: Path) -> None:
    (folder / "a.txt").write_text("old")
    with pytest.raises(OutputNotWritable):
        write([OutputFile("a.txt", b"new"), OutputFile("missing/b.txt", b"")])
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a.txt": "old"}


class Interrupted(OutputFile):
    @property
    def content(self) -> bytes:  # type: ignore[override]
        raise KeyboardInterrupt


def test_an_interrupt_while_writing_leaves_nothing(folder: Path) -> None:
    late = object.__new__(Interrupted)
    object.__setattr__(late, "path", "b.txt")
    with pytest.raises(KeyboardInterrupt):
        write([OutputFile("a.txt", b"new"), late])
    assert list(folder.iterdir()) == []


def test_a_device_is_written_in_place() -> None:
    write([OutputFile("/dev/null", b"x")])
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_the_destination_loses_one_at_sign_and_knows_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nowhere/me")
    assert [destination(option) for option in ("@o.png", "~/o.png", "o.png", "")] == ["o.png", "/nowhere/me/o.png", "o.png", ""]


def test_a_destination_is_checked_before_the_prediction(folder: Path) -> None:
    check_destination("")
    check_destination("o.txt")
    check_destination(str(folder))
    with pytest.raises(OutputNotWritable, match="output path is not writable: missing/o.txt") as caught:
        check_destination("missing/o.txt")
    assert caught.value.why == "there is no folder missing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_destination_that_may_not_be_written_is_refused(folder: Path) -> None:
    (folder / "o.txt").write_text("")
    (folder / "o.txt").chmod(0o444)
    with pytest.raises(OutputNotWritable):
        check_destination("o.txt")


@pytest.mark.parametrize(
    ("ending", "media"),
    [
        (".jpg", "image/jpeg"), (".png", "image/png"), (".webp", "image/webp"), (".svg", "image/svg+xml"),
        (".mp3", "audio/mpeg"), (".wav", "audio/wav"), (".oga", "audio/ogg"), (".mp4", "video/mp4"),
        (".webm", "video/webm"), (".txt", "text/plain"), (".json", "application/json"), (".csv", "text/csv"),
        (".zip", "application/zip"), (".tar", "application/x-tar"), (".gz", "application/gzip"),
        (".pdf", "application/pdf"), (".bin", "application/octet-stream"), (".glb", "model/gltf-binary"),
        (".obj", "model/obj"),
    ],
)  # fmt: skip
def test_the_usual_endings_have_one_type_each_way(ending: str, media: str) -> None:
    assert ending_of(media) == ending
    assert type_of("x" + ending.upper()) == media


def test_other_spellings_are_understood() -> None:
    assert (type_of("x.jpeg"), ending_of("audio/x-wav"), ending_of("IMAGE/PNG; q=1")) == ("image/jpeg", ".wav", ".png")
    assert (type_of("x"), ending_of("x/unheard-of")) == ("application/octet-stream", "")

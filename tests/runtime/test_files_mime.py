"""One table of media types: what release 0.14 said in its images, on every Python."""

import mimetypes

import pytest

from cog.runtime_stdlib.service import mime


@pytest.mark.parametrize(
    "name, media_type",
    [
        ("a.png", "image/png"),
        ("b.webp", "image/webp"),
        ("c.txt", "text/plain"),
        ("e.jpg", "image/jpeg"),
        ("f.json", "application/json"),
        ("g.mp4", "video/mp4"),
        ("h.tar.gz", "application/x-tar"),
        ("h.tgz", "application/x-tar"),
        ("i.WAV", "audio/x-wav"),
        ("j.html", "text/html"),
        ("k.csv", "text/csv"),
        ("k.csv.gz", "text/csv"),
        ("k.gz", "application/gzip"),
        ("l.svg", "image/svg+xml"),
        ("n.mp3", "audio/mpeg"),
        ("o.zip", "application/zip"),
        ("p.gif", "image/gif"),
        ("q.flac", "audio/flac"),
        ("r.glb", "model/gltf-binary"),
        ("folder.png/s", ""),
        ("d.unheardof", ""),
        ("noext", ""),
        (".hidden", ""),
        ("..png", ""),
        ("x.", ""),
        ("", ""),
    ],
)
def test_the_type_follows_from_the_name(name, media_type):
    assert mime.guess(name) == media_type


@pytest.mark.parametrize(
    "media_type, extension",
    [
        ("text/plain", ".txt"),
        ("image/png", ".png"),
        ("image/jpeg", ".jpg"),
        ("IMAGE/JPG", ".jpg"),
        ("image/webp", ".webp"),
        ("application/octet-stream", ".bin"),
        ("audio/wav", ".wav"),
        ("audio/mpeg", ".mp3"),
        ("video/quicktime", ".mov"),
        ("application/gzip", ".gz"),
        ("application/x-no-such-thing", ""),
        ("", ""),
    ],
)
def test_the_extension_follows_from_the_type(media_type, extension):
    assert mime.extension(media_type) == extension


# Where the standard library has changed its mind over the years, or knows an alias that nobody writes.
DIFFERENT = {
    ".3g2", ".3gp", ".3gpp", ".3gpp2", ".ass", ".bmp", ".js", ".loas", ".mjs", ".nq", ".nt", ".rtf", ".trig", ".xsl",
}  # fmt: skip


def test_the_standard_library_agrees():
    theirs = dict(mimetypes._types_map_default)
    for suffix in list(theirs):
        # Newer releases of Python add types; ours says either the same or nothing.
        if suffix in DIFFERENT or not mime.guess("x" + suffix):
            del theirs[suffix]
    assert len(theirs) > 100
    assert {suffix: mime.guess("x" + suffix) for suffix in theirs} == theirs


def test_a_type_and_its_extension_belong_together():
    for suffix, media_type in mime._TYPES.items():
        preferred = mime.extension(media_type)
        assert preferred and (mime.guess("x" + preferred) == media_type or media_type in mime._ALIASES), suffix

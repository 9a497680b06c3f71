"""File endings and media types, both ways, the same on every machine and Python.

The table of the standard library reads files of the system, so `output` would be called
differently from one machine to the next. Only what the table does not know is asked there.
"""

from __future__ import annotations

_TYPES = """
aac audio/aac
avi video/x-msvideo
avif image/avif
bin application/octet-stream
bmp image/bmp
bz2 application/x-bzip2
css text/css
csv text/csv
dae model/vnd.collada+xml
docx application/vnd.openxmlformats-officedocument.wordprocessingml.document
epub application/epub+zip
fbx model/fbx
flac audio/flac
gif image/gif
glb model/gltf-binary
gltf model/gltf+json
gz application/gzip
h5 application/x-hdf5
heic image/heic
heif image/heif
html text/html
ico image/vnd.microsoft.icon
ics text/calendar
ipynb application/x-ipynb+json
jar application/java-archive
jp2 image/jp2
jpg image/jpeg
js text/javascript
json application/json
jsonl application/jsonl
jsonld application/ld+json
jxl image/jxl
m3u8 application/vnd.apple.mpegurl
m4a audio/mp4
m4v video/x-m4v
md text/markdown
mid audio/midi
mkv video/x-matroska
mov video/quicktime
mp3 audio/mpeg
mp4 video/mp4
mpeg video/mpeg
npy application/x-npy
npz application/x-npz
obj model/obj
odt application/vnd.oasis.opendocument.text
oga audio/ogg
ogg application/ogg
ogv video/ogg
onnx application/onnx
opus audio/opus
otf font/otf
parquet application/vnd.apache.parquet
pdf application/pdf
pkl application/x-pickle
ply model/ply
png image/png
pptx application/vnd.openxmlformats-officedocument.presentationml.presentation
psd image/vnd.adobe.photoshop
rar application/vnd.rar
rtf application/rtf
safetensors application/x-safetensors
sh application/x-sh
srt application/x-subrip
stl model/stl
svg image/svg+xml
tar application/x-tar
tiff image/tiff
ts video/mp2t
tsv text/tab-separated-values
ttf font/ttf
txt text/plain
usdz model/vnd.usdz+zip
vtt text/vtt
wav audio/wav
wasm application/wasm
weba audio/webm
webm video/webm
webp image/webp
wmv video/x-ms-wmv
woff font/woff
woff2 font/woff2
xlsx application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
xml application/xml
yaml application/yaml
zip application/zip
zst application/zstd
7z application/x-7z-compressed
"""
# Other spellings: (ending, type), each for one direction only.
_OTHER_ENDINGS = """
jpeg image/jpeg
jpe image/jpeg
htm text/html
tif image/tiff
yml application/yaml
mpg video/mpeg
oga audio/ogg
midi audio/midi
log text/plain
text text/plain
mjs text/javascript
py text/x-python
tgz application/gzip
"""
_OTHER_TYPES = """
wav audio/x-wav
wav audio/wave
wav audio/vnd.wave
flac audio/x-flac
mp3 audio/mp3
jpg image/jpg
js application/javascript
bmp image/x-ms-bmp
bmp image/x-bmp
ico image/x-icon
m4a audio/x-m4a
aac audio/x-aac
obj text/prs.wavefront-obj
gz application/x-gzip
zip application/x-zip-compressed
yaml text/yaml
yaml application/x-yaml
xml text/xml
rtf text/rtf
csv application/csv
webm audio/webm;codecs=opus
py text/x-python
"""


def _rows(table: str) -> list[tuple[str, str]]:
    rows = []
    for line in table.split("\n"):
        if line:
            ending, media = line.split()
            rows.append((ending, media))
    return rows


_BY_ENDING = dict(_rows(_OTHER_ENDINGS) + _rows(_TYPES))
_BY_TYPE = {media: ending for ending, media in _rows(_OTHER_TYPES) + _rows(_TYPES)}


def type_of(name: str) -> str:
    """The media type for a file name."""
    _, dot, ending = name.rpartition(".")
    known = _BY_ENDING.get(ending.lower()) if dot else None
    if known is None:
        import mimetypes  # reads files of the system: only for endings that are not in the table

        known = mimetypes.guess_type(name)[0]
    return known or "application/octet-stream"


def ending_of(media: str) -> str:
    """The ending with its dot for a media type; "" for one nobody knows."""
    media = media.lower()
    essence = media.partition(";")[0].strip()
    ending = _BY_TYPE.get(essence)
    if ending is not None:
        return "." + ending
    import mimetypes  # as above

    return mimetypes.guess_extension(essence) or ""

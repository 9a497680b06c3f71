"""One table of file extensions and media types, the same on every Python version and machine.

The standard library's `mimetypes` reads the machine's own tables and learns new types with every release, so the
same model would answer differently in another image. This table is what release 0.14 answered in its images,
plus types that models produce today. It is imported by the worker's encoder too, so it imports nothing.
"""

from __future__ import annotations

UNKNOWN = "application/octet-stream"

# Where several extensions share a type, the first one is what a file of that type gets (extension()).
_TYPES = {
    # text
    ".txt": "text/plain",
    ".bat": "text/plain",
    ".c": "text/plain",
    ".h": "text/plain",
    ".ksh": "text/plain",
    ".pl": "text/plain",
    ".log": "text/plain",
    ".srt": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".css": "text/css",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".vtt": "text/vtt",
    ".xml": "text/xml",
    ".xsl": "text/xml",
    ".n3": "text/n3",
    ".rst": "text/x-rst",
    ".py": "text/x-python",
    ".ics": "text/calendar",
    ".vcf": "text/x-vcard",
    ".rtx": "text/richtext",
    ".etx": "text/x-setext",
    ".sgm": "text/x-sgml",
    ".sgml": "text/x-sgml",
    # data
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/x-ndjson",
    ".geojson": "application/geo+json",
    ".jsonld": "application/ld+json",
    ".ipynb": "application/x-ipynb+json",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".toml": "application/toml",
    ".sql": "application/sql",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
    ".sqlite": "application/vnd.sqlite3",
    ".sqlite3": "application/vnd.sqlite3",
    ".h5": "application/x-hdf5",
    ".hdf5": "application/x-hdf5",
    ".hdf": "application/x-hdf",
    ".nc": "application/x-netcdf",
    ".cdf": "application/x-netcdf",
    ".bin": "application/octet-stream",
    ".a": "application/octet-stream",
    ".dll": "application/octet-stream",
    ".exe": "application/octet-stream",
    ".o": "application/octet-stream",
    ".obj": "application/octet-stream",
    ".so": "application/octet-stream",
    ".npy": "application/octet-stream",
    ".pt": "application/octet-stream",
    ".pth": "application/octet-stream",
    ".ckpt": "application/octet-stream",
    ".safetensors": "application/octet-stream",
    ".onnx": "application/octet-stream",
    ".gguf": "application/octet-stream",
    ".wasm": "application/wasm",
    # archives
    ".zip": "application/zip",
    ".npz": "application/zip",
    ".tar": "application/x-tar",
    ".7z": "application/x-7z-compressed",
    ".rar": "application/vnd.rar",
    ".jar": "application/java-archive",
    ".gtar": "application/x-gtar",
    ".cpio": "application/x-cpio",
    ".bcpio": "application/x-bcpio",
    ".ustar": "application/x-ustar",
    ".shar": "application/x-shar",
    # documents
    ".pdf": "application/pdf",
    ".rtf": "application/rtf",
    ".doc": "application/msword",
    ".dot": "application/msword",
    ".wiz": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xls": "application/vnd.ms-excel",
    ".xlb": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pot": "application/vnd.ms-powerpoint",
    ".ppa": "application/vnd.ms-powerpoint",
    ".pps": "application/vnd.ms-powerpoint",
    ".pwz": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".ps": "application/postscript",
    ".ai": "application/postscript",
    ".eps": "application/postscript",
    ".tex": "application/x-tex",
    ".latex": "application/x-latex",
    ".dvi": "application/x-dvi",
    ".texi": "application/x-texinfo",
    ".texinfo": "application/x-texinfo",
    ".roff": "application/x-troff",
    ".t": "application/x-troff",
    ".tr": "application/x-troff",
    ".man": "application/x-troff-man",
    ".me": "application/x-troff-me",
    ".ms": "application/x-troff-ms",
    # programs and the web
    ".sh": "application/x-sh",
    ".csh": "application/x-csh",
    ".tcl": "application/x-tcl",
    ".pyc": "application/x-python-code",
    ".pyo": "application/x-python-code",
    ".swf": "application/x-shockwave-flash",
    ".webmanifest": "application/manifest+json",
    ".xhtml": "application/xhtml+xml",
    ".rdf": "application/xml",
    ".wsdl": "application/xml",
    ".xpdl": "application/xml",
    ".atom": "application/atom+xml",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m3u": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".p12": "application/x-pkcs12",
    ".pfx": "application/x-pkcs12",
    ".p7c": "application/pkcs7-mime",
    ".oda": "application/oda",
    ".mif": "application/x-mif",
    ".ram": "application/x-pn-realaudio",
    ".src": "application/x-wais-source",
    ".sv4cpio": "application/x-sv4cpio",
    ".sv4crc": "application/x-sv4crc",
    # images
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".jxl": "image/jxl",
    ".jp2": "image/jp2",
    ".apng": "image/apng",
    ".svg": "image/svg+xml",
    ".bmp": "image/bmp",
    ".tiff": "image/tiff",
    ".tif": "image/tiff",
    ".ico": "image/vnd.microsoft.icon",
    ".psd": "image/vnd.adobe.photoshop",
    ".exr": "image/x-exr",
    ".hdr": "image/vnd.radiance",
    ".dng": "image/x-adobe-dng",
    ".ief": "image/ief",
    ".ras": "image/x-cmu-raster",
    ".pnm": "image/x-portable-anymap",
    ".pbm": "image/x-portable-bitmap",
    ".pgm": "image/x-portable-graymap",
    ".ppm": "image/x-portable-pixmap",
    ".rgb": "image/x-rgb",
    ".xbm": "image/x-xbitmap",
    ".xpm": "image/x-xpixmap",
    ".xwd": "image/x-xwindowdump",
    # sound
    ".wav": "audio/x-wav",
    ".mp3": "audio/mpeg",
    ".mp2": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/opus",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".adts": "audio/aac",
    ".weba": "audio/webm",
    ".aif": "audio/x-aiff",
    ".aifc": "audio/x-aiff",
    ".aiff": "audio/x-aiff",
    ".au": "audio/basic",
    ".snd": "audio/basic",
    ".mid": "audio/midi",
    ".midi": "audio/midi",
    ".ra": "audio/x-pn-realaudio",
    ".amr": "audio/amr",
    # films
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".qt": "video/quicktime",
    ".mpeg": "video/mpeg",
    ".m1v": "video/mpeg",
    ".mpa": "video/mpeg",
    ".mpe": "video/mpeg",
    ".mpg": "video/mpeg",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".3gp": "video/3gpp",
    ".3gpp": "video/3gpp",
    ".3g2": "video/3gpp2",
    ".flv": "video/x-flv",
    ".wmv": "video/x-ms-wmv",
    ".movie": "video/x-sgi-movie",
    # shapes
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".stl": "model/stl",
    ".ply": "model/ply",
    ".usdz": "model/vnd.usdz+zip",
    ".usda": "model/vnd.usda",
    ".dae": "model/vnd.collada+xml",
    ".mtl": "model/mtl",
    # fonts
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    # mail
    ".eml": "message/rfc822",
    ".mht": "message/rfc822",
    ".mhtml": "message/rfc822",
    ".nws": "message/rfc822",
}

# x.csv.gz is a CSV file that was packed: its type is that of x.csv. A packed file of no known type is an archive.
_PACKED = {
    ".gz": "application/gzip",
    ".bz2": "application/x-bzip2",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
    ".br": UNKNOWN,
    ".z": "application/x-compress",
}
_SHORT = {".tgz": ".tar", ".taz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".svgz": ".svg"}

# Types that people send for what the table above calls otherwise.
_ALIASES = {
    "audio/wav": ".wav",
    "audio/wave": ".wav",
    "audio/vnd.wave": ".wav",
    "audio/mp3": ".mp3",
    "audio/x-mp3": ".mp3",
    "audio/x-mpeg": ".mp3",
    "audio/x-flac": ".flac",
    "audio/x-m4a": ".m4a",
    "audio/m4a": ".m4a",
    "audio/aiff": ".aif",
    "image/jpg": ".jpg",
    "image/pjpeg": ".jpg",
    "image/x-png": ".png",
    "image/x-icon": ".ico",
    "image/x-ms-bmp": ".bmp",
    "image/x-tiff": ".tiff",
    "video/x-mp4": ".mp4",
    "video/avi": ".avi",
    "video/m4v": ".m4v",
    "application/javascript": ".js",
    "application/x-javascript": ".js",
    "application/csv": ".csv",
    "application/x-yaml": ".yaml",
    "text/yaml": ".yaml",
    "text/x-yaml": ".yaml",
    "text/json": ".json",
    "text/x-markdown": ".md",
    "text/vcard": ".vcf",
    "text/rtf": ".rtf",
    "application/x-zip-compressed": ".zip",
    "application/x-gzip": ".gz",
    "application/x-rar-compressed": ".rar",
    "application/x-parquet": ".parquet",
    "application/xml": ".xml",
    "application/ogg": ".ogg",
    "application/mp4": ".mp4",
    "model/obj": ".obj",
    "model/x.stl-binary": ".stl",
}


def guess(name: str) -> str:
    """The media type of a file of that name; "" when there is none for it."""
    root, suffix = _split(name.rpartition("/")[2])
    suffix = suffix.lower()
    if suffix in _SHORT:
        return _TYPES[_SHORT[suffix]]
    if suffix in _PACKED:
        return _TYPES.get(_split(root)[1].lower()) or _PACKED[suffix]
    return _TYPES.get(suffix, "")


def extension(media_type: str) -> str:
    """The extension (with its dot) for a file of that type; "" when there is none for it."""
    media_type = media_type.lower()
    alias = _ALIASES.get(media_type)
    if alias is not None:
        return alias
    for suffix, known in _TYPES.items():
        if known == media_type:
            return suffix
    for suffix, known in _PACKED.items():
        if known == media_type:
            return suffix
    return ""


def _split(name: str) -> tuple[str, str]:
    root, dot, suffix = name.rpartition(".")
    # A name that only starts with dots (".hidden") has no extension.
    if not dot or not root.strip("."):
        return name, ""
    return root, dot + suffix

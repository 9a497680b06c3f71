"""upload_file(): a file object as a data URL, or sent to where the result says it is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

__all__ = ["upload_file"]


def upload_file(fh: Any, output_file_prefix: Optional[str] = None) -> str:
    """The URL of the file's content."""
    import mimetypes
    import os

    if hasattr(fh, "seek"):
        try:
            fh.seek(0)
        except (OSError, ValueError):  # a pipe
            pass
    data = fh.read()
    if isinstance(data, str):
        data = data.encode()
    name = getattr(fh, "name", None)
    base = os.path.basename(name) if isinstance(name, str) else None
    if output_file_prefix is None:
        from base64 import b64encode

        kind = mimetypes.guess_type(base.lower())[0] if base else None
        return "data:%s;base64,%s" % (kind or "application/octet-stream", b64encode(data).decode())
    return _put(output_file_prefix + (base or "output"), base or "file", data)


def _put(url: str, name: str, data: bytes) -> str:
    import urllib.parse
    import urllib.request
    from uuid import uuid4

    boundary = uuid4().hex
    shown = name.replace("\\", "\\\\").replace('"', '\\"')
    head = '--%s\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n' % (boundary, shown)
    request = urllib.request.Request(
        urllib.parse.quote(url, safe="/:?=&@%#+,;"),
        data=head.encode() + data + ("\r\n--%s--\r\n" % boundary).encode(),
        headers={"Content-Type": "multipart/form-data; boundary=%s" % boundary},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=5):
        pass
    return url

"""Output files -> PUT requests, streamed from the disk.

Two kinds, as release 0.14 has them: --upload-url takes raw bytes and is tried again when the server has trouble;
output_file_prefix takes a form and is tried once. Both run in the prediction's own thread and end at once when
the prediction is canceled.
"""

from __future__ import annotations

import os
import threading

from .interrupt import Interrupted
from .mime import guess
from .outgoing import BLOCK, ExchangeFailed, Link, Proxies, UrlInvalid, basic, parse_url, resolve_redirect, user_agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, Mapping, Optional, Tuple

    from .interrupt import Interrupt
    from .outgoing import Answer, Url

    # path, name ("" for an in-memory file that has none), media type, whether it is ours to delete
    File = Tuple[str, str, Optional[str], bool]

FAILED = "Cog: Got error trying to upload output files"
RETRIES = 3
RETRIED = (408, 429, 500, 502, 503, 504)
CONNECT_TIMEOUT = 10.0
TIMEOUT = 15.0
FORM_TIMEOUT = 5.0
MAX_REDIRECTS = 10
LONGEST_PAUSE = 10.0


class UploadFailed(Exception):
    """An output file could not be uploaded; str() is the prediction's error."""


def put_raw(base: str, file: File, interrupt: Interrupt, prediction_id: Optional[str], trace: Mapping[str, str]) -> str:
    """--upload-url: PUT the bytes, return the file's URL. trace: traceparent and tracestate as received.

    Raises UploadFailed or Interrupted."""
    path, name, _, _ = file
    name = name or "file"
    headers = {"user-agent": user_agent()}
    media_type = guess(name)
    if media_type:
        headers["content-type"] = media_type
    if prediction_id is not None:
        headers["x-prediction-id"] = prediction_id
    headers.update(trace)
    size = _size(path)
    where = below(base, name)
    attempt = 0
    while True:
        why, pause = "", 0.0
        try:
            answer, url = _put(where, headers, path, size, (b"", b""), interrupt, CONNECT_TIMEOUT, TIMEOUT)
            if 200 <= answer.status < 300:
                return _address(answer, url)
            why = f"{answer.status} {answer.reason}"
            if answer.status not in RETRIED:
                raise _failure(where, why)
            pause = asked_pause(answer)
        except UrlInvalid as error:
            raise _failure(where, str(error)) from error
        except ExchangeFailed as error:
            why = str(error)
        attempt += 1
        if attempt > RETRIES:
            raise _failure(where, f"{why} (tried {attempt} times)")
        _pause(max(pause, backoff(attempt)), interrupt)


def put_form(prefix: str, file: File, interrupt: Interrupt) -> str:
    """output_file_prefix: PUT as a form, return prefix + name. Raises UploadFailed or Interrupted."""
    path, name, _, _ = file
    where = prefix + quoted(name or "output")
    boundary = os.urandom(16).hex()
    size = _size(path)
    # No type for the part: that is how 0.14 sends it.
    start = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{in_quotes(name or "file")}"\r\n\r\n'
    ).encode("utf-8", "replace")
    end = f"\r\n--{boundary}--\r\n".encode()
    headers = {"user-agent": user_agent(), "content-type": f"multipart/form-data; boundary={boundary}"}
    try:
        answer, _ = _put(where, headers, path, size, (start, end), interrupt, FORM_TIMEOUT, FORM_TIMEOUT)
    except ExchangeFailed as error:
        raise _failure(where, str(error)) from error
    if not 200 <= answer.status < 300:
        raise _failure(where, f"{answer.status} {answer.reason}")
    return where


def quoted(name: str) -> str:
    """A file name as one segment of a URL's path."""
    from urllib.parse import quote

    return quote(name, safe="!$&'()*+,;=:@~", errors="replace")


def below(base: str, name: str) -> str:
    """The URL of a file below a base URL; a query of the base stays at the end."""
    path, mark, query = base.partition("?")
    return path + ("" if path.endswith("/") else "/") + quoted(name) + mark + query


def in_quotes(name: str) -> str:
    # As browsers do it (HTML, "multipart/form-data encoding algorithm").
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def backoff(attempt: int) -> float:
    """Seconds before retry number `attempt` (from 1): the first at once, then 0.2, 0.4, 0.8 ..."""
    return 0.0 if attempt <= 1 else 0.1 * 2.0 ** (attempt - 1)


def asked_pause(answer: Answer) -> float:
    """Retry-After in seconds, as far as we are willing to wait."""
    value = (answer.get("retry-after") or "").strip()
    return min(float(value), LONGEST_PAUSE) if value.isascii() and value.isdigit() and len(value) < 9 else 0.0


def _put(
    where: str,
    headers: Dict[str, str],
    path: str,
    size: int,
    around: Tuple[bytes, bytes],
    interrupt: Interrupt,
    connect_timeout: float,
    timeout: float,
) -> Tuple[Answer, Url]:
    """One try, redirects included: the answer and the URL that gave it."""
    url = parse_url(where)
    start, end = around
    proxies = Proxies(os.environ)
    for _ in range(MAX_REDIRECTS + 1):
        sent = dict(headers)
        sent["content-length"] = str(len(start) + size + len(end))
        sent["connection"] = "close"
        if url.credentials:
            sent["authorization"] = basic(url.credentials)
        with Link(url, timeout=timeout, interrupt=interrupt) as link:
            link.open(proxies, timeout=connect_timeout, check=_check)
            link.request("PUT", sent, _blocks(path, size, start, end))
            answer = link.answer()
        location = answer.location
        if answer.status not in (307, 308) or location is None:
            return answer, url
        url = resolve_redirect(url, location)
    raise ExchangeFailed(f"more than {MAX_REDIRECTS} redirects")


def _check(host: str, address: Optional[str]) -> None:
    from .downloads import DownloadFailed, environment_policy

    try:
        environment_policy().check_metadata(host, address)
    except DownloadFailed as error:
        raise UrlInvalid(str(error)) from error


def _blocks(path: str, size: int, start: bytes, end: bytes) -> Iterator[bytes]:
    if start:
        yield start
    try:
        with open(path, "rb", buffering=0) as file:
            left = size
            while left:
                block = file.read(min(left, BLOCK))
                if not block:
                    raise UploadFailed(f"{FAILED}: {path} became shorter while it was sent")
                left -= len(block)
                yield block
    except OSError as error:
        raise UploadFailed(str(error)) from error
    if end:
        yield end


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError as error:
        raise UploadFailed(str(error)) from error


def _address(answer: Answer, url: Url) -> str:
    """Where the file is now: Location, else the URL that took it; signatures in the query are nobody's business."""
    location = answer.location
    text = url.text
    if location:
        from urllib.parse import urljoin

        try:
            text = urljoin(text, location)
        except ValueError:
            text = location
    return text.partition("#")[0].partition("?")[0]


def _pause(seconds: float, interrupt: Interrupt) -> None:
    if seconds > 0:
        over = threading.Event()
        token = interrupt.attach(over.set)
        try:
            over.wait(seconds)
        finally:
            interrupt.detach(token)
    interrupt.raise_if_canceled()


def _failure(where: str, why: str) -> UploadFailed:
    from .outgoing import without_credentials

    return UploadFailed(f"{FAILED}: PUT {without_credentials(where).partition('?')[0]}: {why}")


__all__ = ["Interrupted", "UploadFailed", "put_form", "put_raw"]

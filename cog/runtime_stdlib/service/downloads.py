"""Inputs that are URLs -> files on disk, before the model is called.

Strategy: data: URLs are decoded in the prediction's own thread. http(s) ones are fetched there too when there is
one, else by up to eight threads that share an Interrupt of their own: the first failure, or a cancel of the
prediction, pulls it, which ends every wait of all of them, and nobody leaves before all have left. Whatever was written
by then is removed, so a prediction either has all of its files or none.

What may be fetched is asked before every connection, after the name was resolved, and the connection goes to
the very address that was checked. So neither a redirect nor a name that changes its address between two
look-ups leads where a URL would not be let.
"""

from __future__ import annotations

import os

from .dataurl import BLOCK, DataUrlInvalid, decode_to, head_of, parse_head
from .interrupt import Interrupt, Interrupted
from .mime import extension
from .outgoing import (
    REDIRECTS,
    ExchangeFailed,
    Link,
    Proxies,
    basic,
    parse_url,
    resolve_redirect,
    user_agent,
    without_credentials,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

    from ..validation import Leaf
    from .dataurl import Blob
    from .outgoing import Answer, Url

    Where = Tuple[Union[str, int], ...]
    Fetched = Tuple[Where, str, Optional[str], Optional[str]]

TIMEOUT = 10.0
AT_A_TIME = 8
MAX_REDIRECTS = 20
NAME_BYTES = 200
# A coded answer may grow to this without question, and beyond it by the ratio. Real data seldom packs better.
FREE_GROWTH = 64 << 20
MAX_RATIO = 200

# The cloud's metadata service: it gives the machine's credentials to whoever can ask.
METADATA_NETWORKS = ("169.254.0.0/16", "fd00:ec2::254/128")
METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "instance-data.ec2.internal")

_RANDOM_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"


class DownloadFailed(Exception):
    """An input could not be fetched; str() is the prediction's error."""


class Rules:
    """A list of hosts and address blocks, as in COG_URL_ALLOW."""

    __slots__ = ("_names", "_networks", "_all")

    def __init__(self, text: str, name: str) -> None:
        from ipaddress import ip_network

        self._all = False
        self._names: List[str] = []
        self._networks: List[Any] = []
        for entry in text.replace(",", " ").split():
            if entry == "*":
                self._all = True
                continue
            try:
                self._networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                host = entry.lower()
                host = host[2:] if host.startswith("*.") else host.lstrip(".")
                if not host or "/" in host or ":" in host:
                    raise DownloadFailed(f"{name}: {entry!r} is neither a host name nor an address block") from None
                self._names.append(host.rstrip("."))

    def has_name(self, host: str) -> bool:
        host = host.rstrip(".").lower()
        return self._all or any(host == name or host.endswith("." + name) for name in self._names)

    def has_address(self, addresses: Sequence[Any]) -> bool:
        return self._all or any(address in network for address in addresses for network in self._networks)


class Policy:
    """What may be fetched and how much: COG_URL_ALLOW, COG_URL_DENY, COG_MAX_DOWNLOAD_SIZE."""

    __slots__ = ("max_size", "_allow", "_deny", "_metadata")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.max_size = size(environ.get("COG_MAX_DOWNLOAD_SIZE", ""), "COG_MAX_DOWNLOAD_SIZE")
        self._allow = Rules(environ.get("COG_URL_ALLOW", ""), "COG_URL_ALLOW")
        self._deny = Rules(environ.get("COG_URL_DENY", ""), "COG_URL_DENY")
        self._metadata = Rules(" ".join(METADATA_NETWORKS + METADATA_NAMES), "")

    def check(self, host: str, address: Optional[str]) -> None:
        """Raises DownloadFailed when this host (before it is resolved), or this address of it, may not be asked."""
        addresses = forms(address or host)
        if self._allow.has_name(host) or self._allow.has_address(addresses):
            return
        if self._deny.has_name(host) or self._deny.has_address(addresses):
            # Before the name is resolved, an address may still be one that is allowed.
            if address is not None or addresses or not self._allow_has_networks():
                raise DownloadFailed(f"Not allowed to fetch from {host}: it is in COG_URL_DENY")
        if self._is_metadata(host, addresses):
            raise DownloadFailed(f"Not allowed to fetch from {host}: it is a cloud metadata address")

    def check_metadata(self, host: str, address: Optional[str]) -> None:
        """The lesser check, for where we send something to: COG_URL_DENY is about inputs."""
        addresses = forms(address or host)
        if self._is_metadata(host, addresses):
            if not self._allow.has_name(host) and not self._allow.has_address(addresses):
                raise DownloadFailed(f"Not allowed to send to {host}: it is a cloud metadata address")

    def _is_metadata(self, host: str, addresses: Sequence[Any]) -> bool:
        return self._metadata.has_name(host) or self._metadata.has_address(addresses)

    def _allow_has_networks(self) -> bool:
        return bool(self._allow._networks)


def size(text: str, name: str) -> Optional[int]:
    """`1048576`, `64M`, `64MiB` (times 1024), `64MB` (times 1000) -> bytes; None when there is no limit."""
    number = text.strip()
    unit = number.lstrip("0123456789").strip()
    number = number[: len(number) - len(unit)].strip() if unit else number
    power = " KMGT".find(unit[:1].upper()) if unit else 0
    if not unit and not number:
        return None
    if power < 0 or unit[1:].upper() not in ("", "B", "IB") or not (number.isascii() and number.isdigit()):
        raise DownloadFailed(f"{name} is no size: write bytes, or a number with K, M, G or T")
    return int(number) * (1000 if unit[1:].upper() == "B" else 1024) ** power or None


def forms(host: str) -> List[Any]:
    """An address and what it stands for: IPv4 hides inside several kinds of IPv6 addresses. [] for a name."""
    from ipaddress import IPv4Address, IPv6Address, ip_address

    try:
        address = ip_address(host.partition("%")[0].strip("[]"))
    except ValueError:
        return []
    found: List[Any] = [address]
    if isinstance(address, IPv6Address):
        packed = address.packed
        if packed[:12] in (b"\0" * 10 + b"\xff\xff", b"\0" * 12, b"\0\x64\xff\x9b" + b"\0" * 8):
            found.append(IPv4Address(packed[12:]))
        elif packed[:2] == b"\x20\x02":
            found.append(IPv4Address(packed[2:6]))
    return found


_policy: Optional[Policy] = None


def environment_policy() -> Policy:
    global _policy
    if _policy is None:
        _policy = Policy(os.environ)
    return _policy


# --- names


def input_name(source: Union[str, Blob]) -> str:
    """What the file of that URL is called, behind its random part."""
    head = head_of(source) if not isinstance(source, str) or source[:5].lower() == "data:" else None
    if head is not None:
        try:
            return "file" + extension(parse_head(head)[0])
        except DataUrlInvalid:
            return "file"
    from urllib.parse import unquote_plus, urlsplit

    try:
        path = urlsplit(str(source)).path
    except ValueError:
        return ""
    name = shorten(unquote_plus(path.rpartition("/")[2], errors="replace"))
    return name.replace("/", "_").replace("\0", "_")


def shorten(name: str) -> str:
    """At most 200 bytes: the middle makes room for `~`, the extension stays, no character is split."""
    data = name.encode("utf-8", "replace")
    if len(data) <= NAME_BYTES:
        return data.decode("utf-8")
    root, dot, suffix = data.rpartition(b".")
    suffix = dot + suffix
    if not root.strip(b".") or len(suffix) > NAME_BYTES // 2:
        root, suffix = data, b""
    return root[: NAME_BYTES - 1 - len(suffix)].decode("utf-8", "ignore") + "~" + suffix.decode("utf-8", "ignore")


def create(directory: str, name: str) -> Tuple[int, str]:
    """A new file `tmp` + 8 random letters + name, for us alone."""
    for _ in range(100):
        letters = "".join(_RANDOM_LETTERS[byte % len(_RANDOM_LETTERS)] for byte in os.urandom(8))
        path = os.path.join(directory, "tmp" + letters + name)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600), path
        except FileExistsError:
            continue
    raise FileExistsError(f"no free name in {directory}")


def remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # somebody cleans up the temporary directory


# --- fetching


class Fetch:
    """Fetching the files of one prediction: what came of each, and how to stop."""

    def __init__(self, directory: str, interrupt: Interrupt, policy: Policy, proxies: Proxies) -> None:
        self.directory = directory
        self.interrupt = interrupt
        self.policy = policy
        self.proxies = proxies

    def fetch(self, source: Union[str, Blob]) -> str:
        """One URL -> the path of its file. Raises DownloadFailed or Interrupted, and leaves no file behind then."""
        name = input_name(source)
        if not isinstance(source, str) or source[:5].lower() == "data:":
            return self._store(name, lambda write: self._decode(source, write))
        try:
            link, answer = self._ask(source)
        except ExchangeFailed as error:
            raise DownloadFailed(f"Could not fetch {without_credentials(source)}: {error}") from error
        with link:
            return self._store(name, lambda write: self._receive(link, answer, write))

    def _decode(self, source: Union[str, Blob], write: Callable[[bytes], None]) -> None:
        try:
            decode_to(source, write, self.interrupt.raise_if_canceled)
        except DataUrlInvalid as error:
            raise DownloadFailed(f"Invalid data URL: {error}") from error

    def _ask(self, source: str) -> Tuple[Link, Answer]:
        url = parse_url(source)
        for _ in range(MAX_REDIRECTS + 1):
            link = Link(url, timeout=TIMEOUT, interrupt=self.interrupt)
            link.open(self.proxies, timeout=TIMEOUT, check=self.policy.check)
            try:
                link.request("GET", headers_for(url))
                answer = link.answer()
            except BaseException:
                link.close()
                raise
            location = answer.location
            if answer.status in REDIRECTS and location is not None:
                link.close()
                url = resolve_redirect(url, location)
                continue
            if not 200 <= answer.status < 300:
                link.close()
                kind = "Client Error" if answer.status < 500 else "Server Error"
                if answer.status < 400:
                    kind = "Redirect without a Location"
                raise DownloadFailed(f"{answer.status} {kind}: {answer.reason} for url: {url.text}")
            return link, answer
        raise DownloadFailed(f"Could not fetch {without_credentials(source)}: more than {MAX_REDIRECTS} redirects")

    def _receive(self, link: Link, answer: Answer, write: Callable[[bytes], None]) -> None:
        where = link.url.text
        try:
            decoders = [make_decoder(coding) for coding in codings(answer)]
            announced = answer.get("content-length")
            if announced is not None and announced.isdigit():
                self._room_for(int(announced), coded=bool(decoders), where=where)
            received = written = 0
            for block in link.body(answer):
                received += len(block)
                for piece in undo(decoders, block):
                    written += len(piece)
                    if self.policy.max_size is not None and written > self.policy.max_size:
                        raise DownloadFailed(too_large(where, self.policy.max_size))
                    if decoders and written > FREE_GROWTH + MAX_RATIO * received:
                        raise DownloadFailed(f"{where} grows to more than {MAX_RATIO} times its size when unpacked")
                    write(piece)
            if received and any(not decoder.done for decoder in decoders):
                raise ExchangeFailed("the packed data is cut short")
        except ExchangeFailed as error:
            raise DownloadFailed(f"Could not fetch {where}: {error}") from error

    def _room_for(self, length: int, *, coded: bool, where: str) -> None:
        # Before the first byte is stored: better now than after an hour.
        if self.policy.max_size is not None and length > self.policy.max_size and not coded:
            raise DownloadFailed(too_large(where, self.policy.max_size))
        try:
            disk = os.statvfs(self.directory)
        except (OSError, AttributeError):
            return
        free = disk.f_bavail * disk.f_frsize
        if length > free and disk.f_blocks:
            raise DownloadFailed(f"Not enough space in {self.directory} for {where}: it needs {length} bytes, {free} are free")

    def _store(self, name: str, fill: Callable[[Callable[[bytes], None]], None]) -> str:
        try:
            fd, path = create(self.directory, name)
        except (OSError, ValueError) as error:
            raise DownloadFailed(f"Could not create a file in {self.directory}: {error}") from error

        def write(data: bytes) -> None:
            try:
                while data:
                    data = data[os.write(fd, data) :]
            except OSError as error:
                raise DownloadFailed(f"Could not store an input in {self.directory}: {error.strerror}") from error

        try:
            try:
                fill(write)
            finally:
                os.close(fd)
        except BaseException:
            remove(path)
            raise
        return path


def headers_for(url: Url) -> Dict[str, str]:
    # What is not packed need not be unpacked; servers that keep packed files send them anyway.
    headers = {"user-agent": user_agent(), "accept": "*/*", "accept-encoding": "identity", "connection": "close"}
    if url.credentials:
        headers["authorization"] = basic(url.credentials)
    return headers


def too_large(where: str, limit: int) -> str:
    return f"{where} is larger than {limit} bytes (COG_MAX_DOWNLOAD_SIZE)"


# --- content-encoding


def codings(answer: Answer) -> List[str]:
    """What has to be undone, in that order."""
    value = answer.get("content-encoding") or ""
    names = [name.strip().lower() for name in value.split(",")]
    return [name for name in reversed(names) if name not in ("", "identity")]


class Inflate:
    """Undo gzip (several members, too) or deflate (with or without its wrapping), in blocks of bounded size."""

    __slots__ = ("done", "_coding", "_zlib", "_inner", "_started")

    def __init__(self, coding: str) -> None:
        import zlib

        self._zlib = zlib
        self._coding = coding
        self._started = False
        self._inner = self._new(31 if coding == "gzip" else 15)
        self.done = False

    def _new(self, bits: int) -> Any:
        return self._zlib.decompressobj(bits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self.done:
                if self._coding != "gzip" or not data.strip(b"\0"):
                    return  # padding behind the end
                self._inner = self._new(31)
                self.done = False
            try:
                plain = self._inner.decompress(data, BLOCK)
            except self._zlib.error as error:
                if self._coding == "deflate" and not self._started:
                    # Many servers send the bare stream; the first bytes tell.
                    self._inner = self._new(-15)
                    self._started = True
                    continue
                raise ExchangeFailed(f"the answer is not {self._coding}: {error}") from error
            self._started = True
            if plain:
                yield plain
            self.done = self._inner.eof
            data = self._inner.unused_data if self.done else self._inner.unconsumed_tail


def make_decoder(coding: str) -> Inflate:
    if coding in ("gzip", "x-gzip"):
        return Inflate("gzip")
    if coding == "deflate":
        return Inflate("deflate")
    raise ExchangeFailed(f"the answer is packed in a way we cannot undo: {coding[:40]!r}")


def undo(decoders: List[Inflate], block: bytes) -> Iterator[bytes]:
    if not decoders:
        yield block
        return
    for piece in decoders[0].feed(block):
        yield from undo(decoders[1:], piece)


# --- all of them


def fetch_all(
    leaves: Sequence[Leaf],
    directory: Callable[[], str],
    interrupt: Interrupt,
    policy: Optional[Policy] = None,
) -> List[Fetched]:
    """Every leaf as (where, kind, local path, name); secrets have neither path nor name.

    The name is the one in the URL; that of a data: URL for a File is None. Raises DownloadFailed or Interrupted, and
    leaves no file behind then. The caller deletes the files."""
    sources = [(index, leaf.source) for index, leaf in enumerate(leaves) if leaf.kind != "secret"]
    paths: List[Optional[str]] = [None] * len(leaves)
    if sources:
        if policy is None:
            policy = environment_policy()
        group = Interrupt()
        token = interrupt.attach(group.cancel)
        try:
            fetch = Fetch(directory(), group, policy, Proxies(os.environ))
            _fetch_sources(fetch, sources, paths)
        except BaseException as error:
            for path in paths:
                if path is not None:
                    remove(path)
            if not isinstance(error, Interrupted):
                interrupt.raise_if_canceled()  # a cancel looks like a broken connection from inside
            raise
        finally:
            interrupt.detach(token)
    fetched: List[Fetched] = []
    for leaf, path in zip(leaves, paths):
        fetched.append((leaf.where, leaf.kind, path, None if path is None else _name_for(leaf.kind, leaf.source)))
        if path is not None and not isinstance(leaf.source, str):
            leaf.source = None  # it has been read: the last Blob of a request lets go of its spool file
    return fetched


def fetch_one(source: str, directory: Optional[str] = None) -> str:
    """One URL -> the path of its file, for setup's weights. Raises DownloadFailed."""
    if directory is None:
        import tempfile

        directory = tempfile.gettempdir()
    return Fetch(directory, Interrupt(), environment_policy(), Proxies(os.environ)).fetch(source)


def _name_for(kind: str, source: Union[str, Blob, None]) -> Optional[str]:
    if kind == "file" and (not isinstance(source, str) or source[:5].lower() == "data:"):
        return None
    return "" if source is None else input_name(source)


def _fetch_sources(fetch: Fetch, sources: List[Tuple[int, Any]], paths: List[Optional[str]]) -> None:
    remote = [item for item in sources if isinstance(item[1], str) and item[1][:5].lower() != "data:"]
    for index, source in sources:
        if not isinstance(source, str) or source[:5].lower() == "data:":
            paths[index] = fetch.fetch(source)
    if not remote:
        return
    if len(remote) == 1:
        index, source = remote[0]
        paths[index] = fetch.fetch(source)
        return
    import threading

    todo = list(reversed(remote))
    failures: List[BaseException] = []

    def work() -> None:
        while True:
            try:
                index, source = todo.pop()
            except IndexError:
                return
            try:
                fetch.interrupt.raise_if_canceled()
                paths[index] = fetch.fetch(source)
            except BaseException as error:  # a thread's boundary: reported to the one that waits
                failures.append(error)
                fetch.interrupt.cancel()
                return

    threads = [threading.Thread(target=work, name="download", daemon=True) for _ in range(min(AT_A_TIME, len(remote)) - 1)]
    started: List[threading.Thread] = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
    except RuntimeError:
        pass  # no more threads: fewer at a time
    work()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]

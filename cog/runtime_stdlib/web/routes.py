"""From method and path to what was asked for, or to the reply that says why not.

Strategy: the API is a table of path shapes, each with its one method. A path without an id and without a
percent sign is a single dictionary look-up on (method, path), which is how nearly every request comes.
Everything else goes segment by segment: each is percent-decoded after the path has been split, so an encoded
slash is part of a segment, and an id that holds a slash matches nothing.
"""

from __future__ import annotations

from .request import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Tuple, Union

__all__ = ["Route", "Routes", "unquote"]

JSON = (("content-type", "application/json"),)
NOT_FOUND = Reply(404, JSON, (b'{"detail":"Not Found"}',))
NOT_ALLOWED = b'{"detail":"Method Not Allowed"}'

# (path, method, command). `*` stands for an id.
ALWAYS: Tuple[Tuple[str, str, str], ...] = (
    ("/health-check", "GET", "health"),
    ("/livez", "GET", "livez"),
    ("/readyz", "GET", "readyz"),
    ("/startupz", "GET", "startupz"),
    ("/shutdown", "POST", "shutdown"),
    ("/openapi.json", "GET", "schema"),
    ("/docs", "GET", "docs"),
    ("/redoc", "GET", "redoc"),
)
PREDICTIONS: Tuple[Tuple[str, str, str], ...] = (
    ("/", "GET", "index"),
    ("/predictions", "POST", "predict"),
    ("/predictions/*", "PUT", "predict-id"),
    ("/predictions/*/cancel", "POST", "cancel"),
)
TRAININGS: Tuple[Tuple[str, str, str], ...] = (
    ("/trainings", "POST", "train"),
    ("/trainings/*", "PUT", "train-id"),
    ("/trainings/*/cancel", "POST", "cancel-training"),
)


class Route:
    """What was asked for: one of the commands of the tables above, and the id in the path if it has one."""

    __slots__ = ("command", "id")

    def __init__(self, command: str, id: Optional[str] = None):
        self.command = command
        self.id = id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Route) and (self.command, self.id) == (other.command, other.id)

    def __repr__(self) -> str:
        return "Route(%r, %r)" % (self.command, self.id)

    __hash__ = None  # type: ignore[assignment]


class Routes:
    """The paths of one server. After an early setup failure (`failed`) only the ones about its state exist."""

    __slots__ = ("_exact", "_shapes")

    def __init__(self, *, trainings: bool = False, failed: bool = False):
        table = ALWAYS
        if not failed:
            table += PREDICTIONS
            if trainings:
                table += TRAININGS
        self._exact: Dict[Tuple[str, str], Route] = {}
        self._shapes: Dict[Tuple[str, ...], Tuple[str, str]] = {}
        for path, method, command in table:
            self._shapes[tuple(path.split("/")[1:])] = (method, command)
            if "*" not in path:
                self._exact[method, path] = Route(command)

    def find(self, method: str, path: str, *, query: str = "", host: str = "") -> Union[Route, Reply]:
        """The route, or a ready reply: 404, 405 with Allow, 307 to the same path without its last slash."""
        route = self._exact.get((method, path))
        if route is not None:
            return route
        if path[:1] != "/":
            return NOT_FOUND
        found = self._match(path)
        if found is None:
            if path.endswith("/") and path != "//" and self._match(path[:-1]) is not None:
                return moved(path[:-1], query, host)
            return NOT_FOUND
        allowed, command, id = found
        if method != allowed:
            return Reply(405, JSON + (("allow", allowed),), (NOT_ALLOWED,))
        return Route(command, id)

    def _match(self, path: str) -> Optional[Tuple[str, str, Optional[str]]]:
        segments = path.split("/")[1:]
        if "%" in path:
            segments = [unquote(segment) for segment in segments]
        shape = tuple(segments)
        found = self._shapes.get(shape)
        if found is not None and "*" not in shape:
            return found[0], found[1], None
        if len(segments) in (2, 3) and segments[1] and "/" not in segments[1]:
            found = self._shapes.get((segments[0], "*") + shape[2:])
            if found is not None:
                return found[0], found[1], segments[1]
        return None


def moved(path: str, query: str, host: str) -> Reply:
    # Without a Host (HTTP/1.0) the best that can be said is the path. A path that begins with two slashes
    # cannot get here, so it cannot turn into somebody else's address.
    where = "http://" + host + path if host else path
    return Reply(307, (("location", where + "?" + query if query else where),))


HEX = "0123456789abcdefABCDEF"


def unquote(text: str) -> str:
    """Percent-decode as UTF-8. What is not a percent triple stays; bytes that are not UTF-8 become U+FFFD."""
    first, *rest = text.split("%")
    if not rest:
        return text
    octets = bytearray(first.encode())
    for piece in rest:
        if len(piece) >= 2 and piece[0] in HEX and piece[1] in HEX:
            octets.append(int(piece[:2], 16))
            octets += piece[2:].encode()
        else:
            octets += b"%" + piece.encode()
    return octets.decode("utf-8", "replace")

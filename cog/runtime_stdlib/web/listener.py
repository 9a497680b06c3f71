"""The listening socket and its connections (skeleton: signatures only)."""

from __future__ import annotations

from .limits import Limits
from .request import Reply, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional, Protocol

    class Handler(Protocol):
        """Who answers. Both are called in the connection's own thread."""

        def admit(self, request: Request) -> Optional[Reply]:
            """Head read, body not yet: a reply refuses the request before its body is sent."""

        def handle(self, request: Request, connection: Connection) -> Reply:
            """The whole request is here."""


__all__ = ["Connection", "Listener", "PortTaken"]


class PortTaken(OSError):
    """Somebody else listens on that port."""

    def __init__(self, port: int):
        super().__init__("Port %d is already in use" % port)
        self.port = port


class Connection:
    """One client's connection, as much of it as a handler may see."""

    __slots__ = ()

    def fileno(self) -> int:
        raise NotImplementedError

    def gone(self) -> bool:
        """Whether the client has closed its end; costs one poll(2)."""
        raise NotImplementedError


class Listener:
    """Binds at once (and raises PortTaken); serve() blocks until stop()."""

    def __init__(
        self,
        host: str,
        port: int,
        handler: Handler,
        limits: Limits,
        report: Optional[Callable[[str, BaseException], None]] = None,
    ):
        self.port = port

    def serve(self) -> None:
        """Accept and answer until stop(); run it in a thread of its own."""
        raise NotImplementedError

    def stop(self, grace: float) -> bool:
        """Stop accepting, close idle connections, give running ones `grace` seconds; True if all ended in time."""
        raise NotImplementedError

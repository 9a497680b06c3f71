"""Webhooks, delivered in the background."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Hashable, Mapping, Optional, Union


class Sender:
    """Delivers webhooks in threads of its own, which start when first needed. All methods are thread-safe."""

    def __init__(self, version: str, *, token: Optional[str] = None, log: Optional[Callable[[str], None]] = None) -> None:
        pass

    def post(
        self,
        channel: Hashable,
        url: str,
        body: Union[bytes, Callable[[], bytes]],
        final: bool,
        trace: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Queue one webhook and return at once. `channel` is one prediction; nothing may follow its final one."""
        raise NotImplementedError

    def close(self, grace: float) -> None:
        """Deliver what is left for at most `grace` seconds, then give up with a log line."""
        raise NotImplementedError

"""When a webhook may be sent: at most one non-final per interval and prediction, the last state never lost."""

from __future__ import annotations

SHORTEST_INTERVAL_WITH_START = 0.1  # below it the reference sends no start webhook, and so do we


class Throttle:
    """One prediction's throttle. Pure: the moment is an argument (seconds of a steady clock)."""

    __slots__ = ("interval", "pending", "_next")

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.pending = False  # a state worth telling was held back since the last one sent
        self._next = 0.0

    def allows(self, now: float) -> bool:
        """Whether a non-final webhook may go now; if not, it is remembered as pending."""
        if now < self._next:
            self.pending = True
            return False
        self.sent(now)
        return True

    def sent(self, now: float) -> None:
        self._next = now + self.interval
        self.pending = False

    def wait(self, now: float) -> float:
        """Seconds until the pending state may go; negative when none is pending."""
        if not self.pending:
            return -1.0
        return max(0.0, self._next - now)

"""Moments as text. The moment itself is always an argument: nothing here asks what time it is."""

from __future__ import annotations

import time

_latest = (-1, "")  # the last second that was asked for, and its text


def iso(moment: float) -> str:
    """UTC, as `2024-01-02T03:04:05.678901+00:00`. `moment`: seconds since the epoch."""
    global _latest
    micro = round(moment * 1000000)
    second = micro // 1000000
    known, text = _latest
    if second != known:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _latest = (second, text)
    return "%s.%06d+00:00" % (text, micro - second * 1000000)

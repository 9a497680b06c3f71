"""Moments as text. The moment itself is always an argument: nothing here asks what time it is."""

from __future__ import annotations

import time

_second = -1
_text = ""


def iso(moment: float) -> str:
    """UTC, as `2024-01-02T03:04:05.678901+00:00`. `moment`: seconds since the epoch."""
    global _second, _text
    second = int(moment)
    if second != _second:  # one strftime a second; a race writes the same text twice
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second, _text = second, text
    else:
        text = _text
        if second != _second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return "%s.%06d+00:00" % (text, int((moment - second) * 1000000))

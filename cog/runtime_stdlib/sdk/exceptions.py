"""Exceptions that model code meets."""

from __future__ import annotations


class CancelationException(BaseException):
    """Raised in a synchronous predict() when its prediction is canceled.

    Not an Exception: a model's `except Exception` must not swallow it. Catch it to clean up, then
    raise it again.
    """


CancelationException.__module__ = "cog.server.exceptions"


class ExperimentalFeatureWarning(Warning):
    """What the model uses may change in a later release."""


ExperimentalFeatureWarning.__module__ = "cog"

"""The exceptions that model code meets."""

from cog.runtime_stdlib.sdk.exceptions import CancelationException

__all__ = ["CancelationException"]

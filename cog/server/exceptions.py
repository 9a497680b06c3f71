"""The dotted name under which models catch a cancelation."""

from cog.runtime_stdlib.sdk.exceptions import CancelationException

__all__ = ["CancelationException"]

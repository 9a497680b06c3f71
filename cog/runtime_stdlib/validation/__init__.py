"""Requests against a Spec: checked values, or every problem there is."""

from __future__ import annotations

from cog.runtime_stdlib.validation.problems import InputInvalid
from cog.runtime_stdlib.validation.request import NO_BODY, PredictionRequest, check_prediction
from cog.runtime_stdlib.validation.values import Leaf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Blob(Protocol):
        """A long data: URL that was left on disk; the files room makes them."""

        @property
        def head(self) -> str: ...  # up to and including the comma

        def text(self) -> str: ...  # the whole URL


__all__ = ["NO_BODY", "InputInvalid", "Leaf", "PredictionRequest", "check_prediction"]

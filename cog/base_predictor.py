"""The dotted name under which models of earlier releases import the base class."""

from cog.runtime_stdlib.sdk.predictor import BasePredictor, BaseRunner

__all__ = ["BasePredictor", "BaseRunner"]

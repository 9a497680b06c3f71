import dataclasses
from typing import List, Optional

from cog import BasePredictor


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Outline:
    points: List[Point]
    closed: bool = True
    inner: "Optional[Outline]" = None
    names: List[str] = dataclasses.field(default_factory=list)


class Predictor(BasePredictor):
    def predict(self) -> Outline: ...

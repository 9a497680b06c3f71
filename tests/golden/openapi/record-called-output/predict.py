import datetime
import enum
from typing import Dict, List, Optional

from cog import BaseModel, BasePredictor, File, Input, Path


class Tone(enum.Enum):
    WARM = "warm"
    COLD = "cold"


class Level(int, enum.Enum):
    LOW = 1


class Box(BaseModel):
    x: int
    y: int = 0
    label: Optional[str] = None


class Output(BaseModel):
    """What comes out.

    In two parts.
    """

    picture: Path
    sound: Optional[File]
    boxes: List[Box] = []
    main: Box
    spare: Box = Box(x=1)
    tone: Tone
    level: Level = Level.LOW
    at: datetime.datetime
    table: Dict[str, Box] = {}
    score_in_percent: float = Input(default=0.5, description="how sure")


class Predictor(BasePredictor):
    def predict(self) -> Output: ...

from typing import Iterator, List

from cog import BaseModel, BasePredictor, streaming


class Output(BaseModel):
    text: str
    scores: List[float] = []


class Predictor(BasePredictor):
    @streaming
    def predict(self) -> Iterator[Output]:
        yield Output(text="a")

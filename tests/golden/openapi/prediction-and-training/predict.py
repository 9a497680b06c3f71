from cog import BaseModel, BasePredictor, Input, Path


class Predictor(BasePredictor):
    def predict(self, s: str = "hi") -> str: ...


class TrainingOutput(BaseModel):
    weights: Path
    steps: int


def train(
    text: str = Input(description="training text"),
    steps: int = Input(default=2, ge=1, le=10),
    optimizer: str = Input(default="adam", choices=["adam", "sgd"]),
) -> TrainingOutput: ...

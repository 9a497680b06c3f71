from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        """Runs once, before the first prediction: the place for loading weights."""
        self.greeting = "hello"

    def predict(
        self,
        name: str = Input(description="Whom to greet", default="world"),
        times: int = Input(description="How often", default=1, ge=1, le=10),
    ) -> str:
        """Runs for every prediction."""
        return " ".join([self.greeting] * times + [name])

from cog import AsyncConcatenateIterator, BasePredictor


class Predictor(BasePredictor):
    async def predict(self, text: str = "to be") -> AsyncConcatenateIterator[str]:
        yield text

from typing import Optional

from cog import BasePredictor, Input

try:
    from typing import Literal
except ImportError:
    from typing_extensions import Literal

STYLES = ["ink", "oil paint"]


class Predictor(BasePredictor):
    def predict(
        self,
        style: str = Input(choices=STYLES, default="ink", description="look"),
        size: int = Input(choices=[256, 512]),
        Status: str = Input(choices=["its name is taken"], default=None),
        kind: Literal["a", "b"] = "a",
        number: Literal[1, 2] = Input(description="one or two"),
        mixed: Literal["a", 1, True] = 1,
        maybe: Optional[Literal["x"]] = None,
    ) -> Literal["done", "failed"]: ...

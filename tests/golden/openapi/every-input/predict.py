from typing import Dict, List, Optional, Union

from cog import BasePredictor, File, Input, Path, Secret


class Predictor(BasePredictor):
    def predict(
        self,
        prompt: str = Input(description="What to draw"),
        negative_prompt: Optional[str] = None,
        mask_image_url: str = "",
        image: Path = Input(description="A picture", default=None, accept="image/*"),
        document: File = None,
        steps: int = Input(default=20, ge=1, le=500),
        guidance_scale: float = Input(default=7, ge=1.5),
        go_fast: bool = False,
        token: Secret = Input(default="never shown"),
        words: List[str] = Input(default=["a"], min_length=1, max_length=9),
        sizes: List[List[int]] = Input(default=[], ge=0),
        seed: Union[int, str] = -1,
        code: str = Input(default="AB1", regex=r"[A-Z]{2}\d+"),
        weights: Dict[str, float] = Input(default={"a": 0.5}),
        old: int = Input(default=1, deprecated=True),
    ) -> str: ...

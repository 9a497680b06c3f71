from typing import List

import joblib
import numpy as np

from cog import BaseModel, BasePredictor, Input, Path


class Output(BaseModel):
    digit: int
    margin: float  # how far ahead of the next best guess, 0 is a tie


class Predictor(BasePredictor):
    def setup(self, weights: str) -> None:
        """`weights` is the text of COG_WEIGHTS: the file that `cog train` wrote."""
        if not weights:
            raise ValueError("set COG_WEIGHTS to the file that `cog train` wrote, see README.md")
        self.model = joblib.load(weights)

    def predict(self, image: Path = Input(description="A digit of 8x8 grey values, in the plain PGM format")) -> Output:
        scores = self.model.decision_function([read_pgm(image)])[0]
        ranked = np.argsort(scores)[::-1]
        return Output(digit=int(ranked[0]), margin=round(float(scores[ranked[0]] - scores[ranked[1]]), 2))


def read_pgm(path: Path) -> List[float]:
    """The pixels of a plain PGM image (https://netpbm.sourceforge.net/doc/pgm.html), scaled to 0..16, ink is high."""
    words = [word for line in path.read_text().splitlines() for word in line.split("#")[0].split()]
    if words[:3] != ["P2", "8", "8"]:
        raise ValueError("not a plain PGM image of 8x8 pixels")
    white = int(words[3])
    return [16 * (1 - int(word) / white) for word in words[4:68]]

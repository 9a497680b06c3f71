"""A text generator as small as one can be: a Markov chain over pairs of words, learnt from corpus.txt in setup()."""

import random
from collections import defaultdict
from pathlib import Path

from cog import BasePredictor, ConcatenateIterator, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        words = Path("corpus.txt").read_text(encoding="utf-8").split()
        self.starts = [pair for pair in zip(words, words[1:]) if pair[0][0].isupper()]
        self.following = defaultdict(list)
        for first, second, third in zip(words, words[1:], words[2:]):
            self.following[first, second].append(third)
        print(f"learnt {len(self.following)} pairs of words")

    def predict(
        self,
        words: int = Input(description="How many words at most", default=30, ge=2, le=500),
        seed: int = Input(description="The same seed gives the same text", default=1),
    ) -> ConcatenateIterator[str]:
        """Yield one word at a time: a client sees each as soon as it is there."""
        dice = random.Random(seed)
        pair = dice.choice(self.starts)
        yield pair[0]
        yield " " + pair[1]
        for _ in range(words - 2):
            following = self.following.get(pair)
            if not following:
                return
            pair = (pair[1], dice.choice(following))
            yield " " + pair[1]

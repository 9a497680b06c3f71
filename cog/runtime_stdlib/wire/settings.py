"""What a worker is told when it starts."""

from __future__ import annotations


class Settings:
    """What a worker is told. Plain data, so that it can also travel as an argument."""

    __slots__ = ("directory", "predict", "train", "mode", "concurrency", "outline_only")

    def __init__(
        self, directory: str, predict: str, train: str, mode: str, concurrency: int, outline_only: bool = False
    ) -> None:
        self.directory = directory
        self.predict = predict
        self.train = train
        self.mode = mode
        self.concurrency = concurrency  # 0: as the model itself says, else 1
        self.outline_only = outline_only

    def dump(self) -> str:
        import json

        return json.dumps([getattr(self, name) for name in self.__slots__])

    @classmethod
    def load(cls, text: str) -> Settings:
        import json

        return cls(*json.loads(text))

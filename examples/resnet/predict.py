from typing import List

import torch
from PIL import Image
from pictures import to_tensor
from resnet import BLOCKS, ResNet

from cog import BaseModel, BasePredictor, Input, Path


class Guess(BaseModel):
    label: str
    probability: float


class Predictor(BasePredictor):
    def setup(self) -> None:
        checkpoint = torch.load("weights/shapes.pt", weights_only=True)
        shape = checkpoint["shape"]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = ResNet(BLOCKS[shape["block"]], shape["depths"], shape["classes"], shape["width"])
        self.model.load_state_dict(checkpoint["state"])
        self.model.to(self.device).eval()
        self.size, self.labels = checkpoint["size"], checkpoint["labels"]

    @torch.inference_mode()
    def predict(
        self,
        image: Path = Input(description="The picture to classify"),
        top: int = Input(description="How many guesses", default=1, ge=1, le=10),
    ) -> List[Guess]:
        with Image.open(image) as picture:
            pixels = to_tensor(picture, self.size)
        probabilities = self.model(pixels.unsqueeze(0).to(self.device)).softmax(1)[0]
        best = probabilities.topk(min(top, len(self.labels)))
        return [
            Guess(label=self.labels[index], probability=round(value, 3))
            for value, index in zip(best.values.tolist(), best.indices.tolist())
        ]

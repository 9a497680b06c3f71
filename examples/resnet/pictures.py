"""From pictures to tensors, the same for training and prediction."""

import numpy as np
import torch
from PIL import Image

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)  # of the ImageNet training set, as published checkpoints expect
SPREAD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def to_tensor(picture: Image.Image, size: int) -> torch.Tensor:
    """Cut the middle square out, bring it to `size` pixels, and centre the values."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.convert("RGB").crop((left, top, left + side, top + side)).resize((size, size), Image.BILINEAR)
    pixels = torch.from_numpy(np.asarray(square, dtype=np.float32) / 255).permute(2, 0, 1)
    return (pixels - MEAN) / SPREAD

"""Make small weights: teach a small residual network to tell circles, squares and triangles apart.

It draws its own pictures, so there is no data set to fetch; half a minute is enough.
"""

import math
import random
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from pictures import to_tensor
from resnet import BLOCKS, ResNet

LABELS = ["circle", "square", "triangle"]
SHAPE = {"block": "basic", "depths": [1, 1, 1], "classes": len(LABELS), "width": 16}
SIZE = 48


def draw(label: str, dice: random.Random, size: int = SIZE) -> Image.Image:
    """One shape, anywhere, of any size, colour and angle, on any plain ground."""
    dark, light = sorted((dice.randrange(0, 100), dice.randrange(150, 256)), key=lambda _: dice.random())
    scale = 4
    picture = Image.new("RGB", (size * scale, size * scale), (dark, (dark + 20) % 256, dark))
    radius = dice.uniform(0.22, 0.38) * size * scale
    x, y = (dice.uniform(0.4, 0.6) * size * scale for _ in range(2))
    canvas = ImageDraw.Draw(picture)
    ink = (light, light, (light + 30) % 256)
    if label == "circle":
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    else:
        corners, turn = (4, dice.uniform(0, 2)) if label == "square" else (3, dice.uniform(0, 3))
        angles = [turn + 2 * math.pi * corner / corners for corner in range(corners)]
        canvas.polygon([(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles], fill=ink)
    return picture.resize((size, size), Image.BILINEAR)


def batch(dice: random.Random, count: int) -> "tuple[torch.Tensor, torch.Tensor]":
    labels = [dice.randrange(len(LABELS)) for _ in range(count)]
    return torch.stack([to_tensor(draw(LABELS[label], dice), SIZE) for label in labels]), torch.tensor(labels)


def main() -> None:
    torch.manual_seed(7)
    dice = random.Random(7)
    model = ResNet(BLOCKS[SHAPE["block"]], SHAPE["depths"], SHAPE["classes"], SHAPE["width"])
    steps = 120
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for _ in range(steps):
        pictures, labels = batch(dice, 48)
        loss = torch.nn.functional.cross_entropy(model(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        pictures, labels = batch(random.Random(8), 300)
        right = (model(pictures).argmax(1) == labels).float().mean().item()
    Path("weights").mkdir(exist_ok=True)
    torch.save({"shape": SHAPE, "size": SIZE, "labels": LABELS, "state": model.state_dict()}, "weights/shapes.pt")
    for label in LABELS:
        draw(label, random.Random(f"a {label} the network has not seen"), 160).save(f"{label}.png")
    print(f"weights/shapes.pt: {sum(p.numel() for p in model.parameters())} weights, {right:.0%} of 300 new shapes right")


if __name__ == "__main__":
    main()

"""Residual networks (He et al., 2015, https://arxiv.org/abs/1512.03385) with basic or bottleneck blocks.

The parameters are named as in torchvision, so that its published checkpoints load into `ResNet` as they are:
ResNet-18 is ResNet(Basic, (2, 2, 2, 2)), ResNet-50 is ResNet(Bottleneck, (3, 4, 6, 3)).
"""

from typing import Optional, Sequence, Type, Union

import torch
from torch import Tensor, nn


def _shortcut(inside: int, outside: int, stride: int) -> Optional[nn.Sequential]:
    """What brings the input to the size of the output, where the two differ."""
    if stride == 1 and inside == outside:
        return None
    return nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))


class Basic(nn.Module):
    widening = 1

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inside, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    widening = 4

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.widening, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.widening)
        self.downsample = _shortcut(inside, width * self.widening, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


BLOCKS = {"basic": Basic, "bottleneck": Bottleneck}


class ResNet(nn.Module):
    def __init__(
        self,
        block: Type[Union[Basic, Bottleneck]],
        depths: Sequence[int],
        classes: int = 1000,
        width: int = 64,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inside = width
        for stage, depth in enumerate(depths):
            blocks = []
            for number in range(depth):
                stride = 2 if stage and not number else 1
                blocks.append(block(inside, width << stage, stride))
                inside = (width << stage) * block.widening
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(depths)
        self.fc = nn.Linear(inside, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean(dim=(2, 3)))

"""A small residual network that reads handwritten digits."""

from __future__ import annotations

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, which is a 1x1 convolution where the shape changes.

    groups : int   of the second convolution (Xie et al. 2017)
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, groups=groups, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return self.relu(y + self.shortcut(x))


class MnistResNet(nn.Module):
    """Eight layers with weights: a stem, three residual blocks of two convolutions, a linear head. Source: He et al. (2016)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.block1 = ResidualBlock(16, 16)  # (batch, 16, 14, 14)
        self.block2 = ResidualBlock(16, 32, stride=2)  # (batch, 32, 7, 7)
        self.block3 = ResidualBlock(32, 64, stride=2, groups=4)  # (batch, 64, 4, 4)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of images: float[batch, 1, 28, 28] in 0 .. 1 -> float[batch, classes]."""
        x = self.block3(self.block2(self.block1(self.stem(x))))
        return self.head(torch.flatten(self.pool(x), 1))

"""A small convolutional network that reads handwritten digits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class MnistCNN(nn.Module):
    """Three convolutions with batch norm; max pooling after the first and the last, average pooling after the second."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.pool2 = nn.AvgPool2d(2)
        self.stage3 = nn.Sequential(nn.Conv2d(32, 48, 3, padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(48 * 3 * 3, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of images: float[batch, 1, 28, 28] in 0 .. 1 -> float[batch, classes]."""
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)  # (batch, 16, 14, 14)
        x = self.pool2(F.relu(self.norm2(self.conv2(x))))  # (batch, 32, 7, 7)
        x = self.stage3(x)  # (batch, 48, 3, 3)
        return self.head(self.dropout(torch.flatten(x, 1)))

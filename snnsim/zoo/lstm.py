"""A tiny recurrent network that reads an image of a digit row by row."""

from __future__ import annotations

import torch
from torch import nn


class DigitsLSTM(nn.Module):
    """One LSTM layer over the eight rows of an image; the state after the last row names the digit.

    Source: Hochreiter & Schmidhuber (1997), with the forget gate of Gers, Schmidhuber & Cummins (2000).
    """

    def __init__(self, inputs: int = 8, hidden: int = 32, classes: int = 10) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits of images, read row by row: float[batch, 8, 8] in 0 .. 1 -> float[batch, classes]."""
        states, _ = self.lstm(rows)  # (batch, 8, hidden)
        return self.head(states[:, -1])

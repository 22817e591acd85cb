"""One layer of a rate-coded conversion in torch; which neurons it holds, the file of their framework says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from snnsim.conversion.balance import Balance


class RateNeurons(nn.Module):
    """Neurons whose outputs are threshold times spike, from rest on: v_init flows in with the first input.

    A subclass holds the neurons: `rest` brings them to a potential of 0, `spikes` lets them take one step, `threshold` and `settings` tell
    what they hold.
    """

    v_init: torch.Tensor
    bias: torch.Tensor

    def __init__(self, balance: Balance, shape: tuple[int, ...], beta: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.beta, self.first = beta, True
        for name, value in (("v_init", balance.v_init), ("bias", balance.bias)):
            array = value.reshape(shape) if isinstance(value, np.ndarray) else value
            self.register_buffer(name, torch.tensor(array, dtype=dtype))

    def rest(self) -> None:
        """Begin anew."""
        self.first = True

    def spikes(self, x: torch.Tensor) -> torch.Tensor:
        """Return the spikes of one step, [batch, *shape]."""
        raise NotImplementedError(f"{type(self).__name__}.spikes")

    @property
    def threshold(self) -> torch.Tensor:
        """The potential at which a neuron fires."""
        raise NotImplementedError(f"{type(self).__name__}.threshold")

    def settings(self) -> Mapping[str, Any]:
        """Return pairs by name: what the neurons hold, and what makes them `RateNeuron`s."""
        raise NotImplementedError(f"{type(self).__name__}.settings")

    def changed(self) -> str:
        """Return the first setting that was changed by hand, and what it must be, or an empty string."""
        for name, (now, meant) in self.settings().items():
            # Numbers may have been rounded to another precision.
            same = math.isclose(now, meant, rel_tol=1e-6) if isinstance(now, float) and isinstance(meant, float) else now == meant
            if not same:
                return f"{name} = {now!r} must be {meant!r}"
        return ""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.bias
        if self.first:
            x = x + self.beta * self.v_init
            self.first = False
        return self.threshold * self.spikes(x)

    def balance(self) -> Balance:
        """Return threshold, initial potential and bias as they are now."""
        return Balance(_plain(self.threshold), _plain(self.v_init), _plain(self.bias))


def _plain(tensor: torch.Tensor) -> Any:
    array = tensor.detach().double().cpu().numpy()
    return float(array) if array.ndim == 0 else array.copy()

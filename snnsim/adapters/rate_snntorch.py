r"""Rate-coded neurons as snnTorch's.

With a delayed reset snnTorch keeps the potential that fired, u, and computes :math:`u_k = \beta u_{k-1} + x_k - \theta s_{k-1}`. Without
leak that is `RateNeuron`, whose u is :math:`\beta (u_{k-1} - \theta s_{k-1}) + x_k`; with a leak each neuron gets back
:math:`(1 - \beta) \theta` after its spike. ``reset_delay=False`` would not do: a neuron still over threshold after its reset is compared
with less than its potential there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import snntorch
import torch
from snntorch.surrogate import atan
from torch import nn

from snnsim.adapters.rate_neurons import RateNeurons
from snnsim.conversion.balance import Balance


class _MetOrExceeded(nn.Module):
    """Spikes where the threshold is met or exceeded, and there alone, with the gradient of a surrogate of snnTorch.

    The surrogate sees (v - threshold) / scale, so that its width is in units of the threshold.
    """

    def __init__(self, surrogate: Callable[[Any], Any], scale: float) -> None:
        super().__init__()
        self.surrogate, self.scale = surrogate, scale

    def forward(self, shifted: torch.Tensor) -> torch.Tensor:
        fired = (shifted >= 0.0).to(shifted.dtype)
        soft = self.surrogate(shifted / self.scale).to(shifted.dtype)
        return fired + (soft - soft.detach())


class SnntorchNeurons(RateNeurons):
    """Leaky; RLeaky, each neuron onto itself, where a leak meets a reset by subtraction."""

    def __init__(
        self, balance: Balance, shape: tuple[int, ...], beta: float, reset: str, dtype: torch.dtype, options: dict[str, Any]
    ) -> None:
        super().__init__(balance, shape, beta, dtype)
        self.reset = reset
        fixed: dict[str, Any] = {"beta": torch.tensor(beta, dtype=dtype), "reset_mechanism": reset, "init_hidden": True}
        fixed["threshold"] = torch.tensor(balance.threshold, dtype=dtype)
        fixed["spike_grad"] = _MetOrExceeded(options["spike_grad"] or atan(), balance.threshold)
        fixed["learn_threshold"] = options["learn_threshold"]
        self.cell: Any
        if reset == "subtract" and beta < 1.0:
            back = (1.0 - fixed["beta"]) * fixed["threshold"]
            self.cell = snntorch.RLeaky(**fixed, all_to_all=False, V=back, learn_recurrent=False)
        else:
            self.cell = snntorch.Leaky(**fixed)

    def settings(self) -> dict[str, tuple[Any, Any]]:
        """Return pairs of what Leaky holds and what makes it a `RateNeuron`."""
        cell = self.cell
        meant: dict[str, Any] = dict.fromkeys(("inhibition", "state_quant", "output"), False)
        meant |= {"reset_mechanism": self.reset, "reset_delay": True, "init_hidden": True}
        found = {name: (getattr(cell, name), value) for name, value in meant.items()}
        found["spike_grad"] = type(cell.spike_grad).__name__, _MetOrExceeded.__name__
        found |= {"beta": (cell.beta.tolist(), self.beta), "graded_spikes_factor": (cell.graded_spikes_factor.tolist(), 1.0)}
        if hasattr(cell, "V"):
            found["V"] = cell.V.tolist(), (1.0 - self.beta) * self.threshold.item()
        return found

    @property
    def threshold(self) -> torch.Tensor:
        """The neurons' own, which may be learned."""
        found: torch.Tensor = self.cell.threshold
        return found

    def rest(self) -> None:
        """Begin anew, without the tensors of the last run."""
        super().rest()
        self.cell.reset_mem()

    def spikes(self, x: torch.Tensor) -> torch.Tensor:
        """Return the spikes of one step, [batch, *shape]."""
        fired: torch.Tensor = self.cell(x)
        return fired

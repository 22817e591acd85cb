r"""Rate-coded neurons as Norse's LIFBox, the one with both resets.

Its :math:`v_k = v_{k-1} + a (x_k - v_{k-1})`, a = dt tau_mem_inv, is `RateNeuron` with beta = 1 - a for an input of x / a. Norse's IAF has
no leak but resets to a value alone. So a neuron without leak is LIFBox with a = 2^-64 here: doubles round that leak away, and a power
of two rounds nothing off the input.
"""

from __future__ import annotations

from typing import Any

import norse.torch
import torch
from norse.torch.functional.lif_box import LIFBoxFeedForwardState
from norse.torch.functional.reset import reset_subtract, reset_value

from snnsim.adapters.rate_neurons import RateNeurons
from snnsim.conversion.balance import Balance

_NO_LEAK = 2.0**-64


def _below(threshold: torch.Tensor) -> torch.Tensor:
    """Return the number below: Norse fires above v_th alone, `RateNeuron` at its threshold too."""
    return torch.nextafter(threshold, torch.zeros_like(threshold))


class NorseNeurons(RateNeurons):
    """An LIFBoxCell."""

    top: torch.Tensor

    def __init__(self, balance: Balance, shape: tuple[int, ...], beta: float, reset: str, dtype: torch.dtype, method: str) -> None:
        super().__init__(balance, shape, beta, dtype)
        self.register_buffer("top", torch.tensor(balance.threshold, dtype=dtype))
        self.state: LIFBoxFeedForwardState | None = None
        self.leak = 1.0 - beta if beta < 1.0 else _NO_LEAK
        self.method = reset_subtract if reset == "subtract" else reset_value
        given = norse.torch.LIFBoxParameters(
            tau_mem_inv=torch.tensor(self.leak, dtype=dtype),
            v_leak=torch.tensor(0.0, dtype=dtype),
            v_reset=torch.tensor(0.0, dtype=dtype),
            v_th=_below(self.top),
            method=method,
            reset_method=self.method,
        )
        self.cell = norse.torch.LIFBoxCell(given, dt=1.0)
        # Norse's parameters are no part of a state_dict.
        self.register_load_state_dict_post_hook(_follow)

    def settings(self) -> dict[str, tuple[Any, Any]]:
        """Return pairs of what LIFBoxCell holds and what makes it a `RateNeuron`."""
        meant = {"tau_mem_inv": self.leak, "v_leak": 0.0, "v_reset": 0.0, "v_th": float(_below(self.top))}
        found = {f"p.{name}": (float(getattr(self.cell.p, name)), value) for name, value in meant.items()}
        return {"dt": (self.cell.dt, 1.0), **found, "p.reset_method": (self.cell.p.reset_method, self.method)}

    @property
    def threshold(self) -> torch.Tensor:
        """What the neurons' v_th lies one number below."""
        return self.top

    def rest(self) -> None:
        """Begin anew."""
        super().rest()
        self.state = None

    def spikes(self, x: torch.Tensor) -> torch.Tensor:
        """Return the spikes of one step, [batch, *shape]."""
        state = LIFBoxFeedForwardState(v=torch.zeros_like(x)) if self.state is None else self.state
        fired, self.state = self.cell(x / self.leak, state)
        return fired


def _follow(neurons: NorseNeurons, _: object) -> None:
    """Take over a threshold that was loaded."""
    neurons.cell.p = neurons.cell.p._replace(v_th=_below(neurons.top))

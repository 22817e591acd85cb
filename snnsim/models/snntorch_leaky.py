"""snnTorch's Leaky neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.models.discrete import RESETS, DiscreteNeuron
from snnsim.models.spiking import ClockForm, filled, rows


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Leaky(DiscreteNeuron):
    r"""snnTorch's Leaky, spike for spike: dimensionless, one step of the clock is one step of snnTorch; an input adds its weight to v.

    .. math:: v_k = \beta v_{k-1} + (x_k + i_{ext}) - s_{k-1} v_{th}, \qquad s_k = [v_k > v_{th}]

    With ``reset_mechanism="zero"`` v_{k-1} counts as 0 after a spike instead; with "zero_with_input", that of RLeaky and Lapicque,
    v_k is 0, whatever its input. `states` hold v as snnTorch returns it. In snnTorch a spike passes all layers in one step:
    projections with a delay of 0 do so here.

    Parameters: `DiscreteNeuron`.

    Source: Eshraghian et al. (2023), Proc. IEEE 111:1016; snnTorch 1.0, snntorch/_neurons/leaky.py.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 5, "multiplies": 1, "state_reads": 2, "state_writes": 2},
    }

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return the update. Raises ParameterError unless dt is 1."""
        from snnsim.kernels.discrete import step_leaky  # numba is loaded when something runs, not by import snnsim

        self.check_step(dt)
        coef = rows(n, self.beta, self.v_th, RESETS.index(self.reset_mechanism), float(self.reset_delay), self.i_ext)
        return ClockForm(step_leaky, filled(n, 0.0), coef, current=((4, 1.0),))

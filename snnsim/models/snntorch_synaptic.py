"""snnTorch's Synaptic neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.errors import ParameterError
from snnsim.models.discrete import RESETS, DiscreteNeuron
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Synaptic(DiscreteNeuron):
    r"""snnTorch's Synaptic, spike for spike: dimensionless, one step of the clock is one step of snnTorch; an input adds to a current.

    .. math:: i_k = \alpha i_{k-1} + (x_k + i_{ext}), \qquad v_k = \beta v_{k-1} + i_k - s_{k-1} v_{th}, \qquad s_k = [v_k > v_{th}]

    With ``reset_mechanism="zero"`` v_k is 0 after a spike instead, whatever its input. `states` hold v and i as snnTorch returns
    them. In snnTorch a spike passes all layers in one step, as for `Leaky`.

    Parameters: `DiscreteNeuron`.

    Source: Eshraghian et al. (2023), Proc. IEEE 111:1016; snnTorch 1.0, snntorch/_neurons/synaptic.py.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i_syn")
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 6, "multiplies": 2, "state_reads": 3, "state_writes": 3},
    }

    alpha: float = param(0.8, ge=0.0, le=1.0, doc="share of the current left after a step")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reset_mechanism == "zero_with_input":
            raise ParameterError(
                "Synaptic.reset_mechanism = 'zero_with_input' must be 'zero' here: a reset of Synaptic wipes out the input of its step "
                "in any case. Use 'zero'."
            )

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return the update. Raises ParameterError unless dt is 1."""
        from snnsim.kernels.discrete import step_synaptic  # numba is loaded when something runs, not by import snnsim

        self.check_step(dt)
        coef = rows(n, self.beta, self.v_th, RESETS.index(self.reset_mechanism), float(self.reset_delay), self.alpha, self.i_ext)
        return ClockForm(step_synaptic, filled(n, 0.0, 0.0), coef, current=((5, 1.0),))

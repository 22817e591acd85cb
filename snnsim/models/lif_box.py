"""NIR's leaky integrate-and-fire neuron: its input is a current without synaptic dynamics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.models.box import SpikingBox
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIFBox(SpikingBox):
    r"""Leaky integrate-and-fire neuron under a current that is held for each step; a spike adds its weight to it.

    .. math:: \tau_m \dot v = v_{rest} - v + r \, (i_{ext} + \sum w)

    It fires when :math:`v > v_{th}`. With ``scheme="exact"`` and ``reset="value"`` it is set to v_reset where it crosses within the
    step and goes on from there, more than once if need be; a spike is stamped with the end of its step. Otherwise threshold
    and reset act at the end of the step. It starts at v_rest.

    Parameters: also `SpikingBox`, `BoxNeuron`.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, NIR's LIF; Norse 1.1, norse/torch/functional/lif_box.py, for the Euler step.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 3, "multiplies": 2, "state_reads": 2, "state_writes": 2},
    }

    tau_m: float = param(10.0, unit="ms", gt=0.0, doc="membrane time constant")
    r: float = param(1.0, doc="rise of the equilibrium per unit of current")
    v_rest: float = param(0.0, doc="potential at rest and at the start")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.box import INSIDE, step_box  # numba is loaded when something runs, not by import snnsim

        share = self.approach(self.tau_m, dt)
        v_th, v_reset, mode = self.limits
        if self.scheme == "exact" and self.reset == "value":
            mode = float(INSIDE)
        gain = share * self.r
        coef = rows(n, self.decay(self.tau_m, dt), share * self.v_rest + gain * self.i_ext, gain, v_th, v_reset, mode)
        return ClockForm(step_box, filled(n, self.v_rest), coef, current=((1, gain),))

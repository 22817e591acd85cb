"""NIR's integrate-and-fire neuron without leak: its input is a current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.models.box import SpikingBox
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class IFBox(SpikingBox):
    r"""Integrate-and-fire neuron without leak, under a current that is held for each step; a spike adds its weight to it.

    .. math:: \dot v = r \, (i_{ext} + \sum w)

    with r per *second*, as in NIR. It fires when :math:`v > v_{th}`. With ``scheme="exact"`` and ``reset="value"`` the input of
    the step beyond the crossing counts from v_reset on; otherwise threshold and reset act at the end of the step. It starts
    at v_reset.

    Parameters: also `SpikingBox`, `BoxNeuron`.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, NIR's IF.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 3, "multiplies": 2, "state_reads": 2, "state_writes": 2},
    }

    r: float = param(1.0, unit="1/s", doc="rise of v per second and unit of current")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.box import INSIDE, step_box  # numba is loaded when something runs, not by import snnsim

        gain = self.r * (dt * 1e-3)
        v_th, v_reset, mode = self.limits
        if self.scheme == "exact" and self.reset == "value":
            mode = float(INSIDE)
        coef = rows(n, 1.0, gain * self.i_ext, gain, v_th, v_reset, mode)
        return ClockForm(step_box, filled(n, self.v_reset), coef, current=((1, gain),))

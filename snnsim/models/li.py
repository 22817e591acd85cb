"""NIR's leaky integrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.models.box import SILENT, BoxNeuron
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LI(BoxNeuron):
    r"""Leaky integrator: `LIFBox` without a threshold. It never fires, and its potential is what it computes.

    .. math:: \tau_m \dot v = v_{rest} - v + r \, (i_{ext} + \sum w)

    Parameters: also `BoxNeuron`.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, NIR's LI.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 3, "multiplies": 2, "state_reads": 2, "state_writes": 2},
    }

    tau_m: float = param(10.0, unit="ms", gt=0.0, doc="time constant")
    r: float = param(1.0, doc="rise of the equilibrium per unit of current")
    v_rest: float = param(0.0, doc="potential at rest and at the start")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.box import step_box  # numba is loaded when something runs, not by import snnsim

        share = self.approach(self.tau_m, dt)
        gain = share * self.r
        coef = rows(n, self.decay(self.tau_m, dt), share * self.v_rest + gain * self.i_ext, gain, *SILENT)
        return ClockForm(step_box, filled(n, self.v_rest), coef, current=((1, gain),))

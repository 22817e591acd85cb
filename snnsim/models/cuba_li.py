"""NIR's leaky integrator with an exponential synaptic current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from snnsim.models.box import SILENT
from snnsim.models.cuba import CubaNeuron
from snnsim.models.spiking import ClockForm


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class CubaLI(CubaNeuron):
    r"""`CubaLIF` without a threshold: it never fires, and its potential is what it computes.

    .. math::
        \tau_{syn} \dot i_{syn} = -i_{syn} + w_{in} (i_{ext} + \sum w), \qquad \tau_m \dot v = v_{rest} - v + r \, i_{syn}

    Parameters: `CubaNeuron`, `BoxNeuron`.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, NIR's CubaLI.
    """

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        return self.cuba_form(n, dt, SILENT)

"""NIR's leaky integrate-and-fire neuron with an exponential synaptic current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from snnsim.models.box import SpikingBox
from snnsim.models.cuba import CubaNeuron
from snnsim.models.spiking import ClockForm


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class CubaLIF(CubaNeuron, SpikingBox):
    r"""Current-based leaky integrate-and-fire neuron; a spike adds its weight to the input of its synaptic current for one step.

    .. math::
        \tau_{syn} \dot i_{syn} = -i_{syn} + w_{in} (i_{ext} + \sum w), \qquad \tau_m \dot v = v_{rest} - v + r \, i_{syn}

    When :math:`v > v_{th}` at the end of a step it fires and is reset there; the current flows on. It starts at v_rest.

    Parameters: `CubaNeuron`, `SpikingBox`, `BoxNeuron`.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, NIR's CubaLIF.
    """

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        return self.cuba_form(n, dt, self.limits)

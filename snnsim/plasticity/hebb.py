"""Plain Hebbian learning on spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from snnsim.plasticity.base import SpikeRule, SynapseForm
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Hebb(SpikeRule):
    r"""Every pair of a pre and a post spike changes the weight, in either order; hard bounds.

    .. math::
        \Delta w = \eta \, x_{pre} \text{ at a post spike}, \qquad \Delta w = \eta \, x_{post} \text{ at a pre spike}

    .. math:: \tau \dot x = -x, \; x \to x + 1 \text{ at its spike}

    Rates r_pre and r_post without correlation: dw/dt = eta r_pre r_post (tau_pre + tau_post) on average. Nothing but w_max
    stops growth. A negative eta is the anti-Hebbian rule.

    delay : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Hebb (1949), The Organization of Behavior, ch. 4; Gerstner & Kistler (2002), Spiking Neuron Models, ch. 10, the
    term of pairs alone.
    """

    eta: float = param(0.01, doc="change by one pair at zero lag, in the unit of the weight")
    tau_pre: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_post: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_post")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    delay: str = "dendritic"

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.hebb import attend_hebb, learn_hebb, replay_hebb

        return SynapseForm((self.w_min, self.w_max, self.eta), (self.tau_pre,), (self.tau_post,), replay_hebb, learn_hebb, attend_hebb)

"""Oja's rule on spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.plasticity.base import SpikeRule, SynapseForm
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Oja(SpikeRule):
    r"""Hebbian growth against a decay by the squared postsynaptic rate; hard bounds.

    .. math:: \Delta w = \eta \, (x_{pre} - \alpha w \, x_{post}) \text{ at a post spike}

    .. math:: \tau \dot x = -x, \; x \to x + 1 \text{ at its spike}

    Both traces are those just before the post spike: its own does not count. Pre spikes change nothing. Rates r_pre and r_post
    without correlation, post spikes at random: dw/dt = eta (r_pre r_post tau_pre - alpha w r_post^2 tau_post) on average, with
    its rest at w = r_pre tau_pre / (alpha r_post tau_post). What a source adds to the chance of post spikes comes on top: weights
    end in proportion to their correlation with the neuron.

    Weights may change sign within the bounds; w_min = 0 keeps them excitatory.

    delay : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Oja (1982), J. Math. Biol. 15:267, with x_pre for the input, post spikes times x_post for the squared output.
    """

    signed: ClassVar[bool] = True

    eta: float = param(0.01, gt=0.0, doc="change by one pair at zero lag, in the unit of the weight")
    alpha: float = param(1.0, gt=0.0, doc="strength of the decay, per unit of the weight")
    tau_pre: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_post: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_post")
    w_min: float = param(-1.0, doc="lower bound of the weight")
    w_max: float = param(1.0, doc="upper bound of the weight")
    delay: str = "dendritic"

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.oja import replay_oja

        return SynapseForm((self.w_min, self.w_max, self.eta, self.alpha), (self.tau_pre,), (self.tau_post,), replay_oja)

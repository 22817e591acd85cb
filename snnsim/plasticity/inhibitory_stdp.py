"""Plasticity of inhibitory synapses that holds the rate of their targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.plasticity.base import SpikeRule, SynapseForm
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class InhibitorySTDP(SpikeRule):
    r"""Symmetric STDP of inhibition, less a constant per pre spike: targets come to fire at the rate rho_0.

    .. math::
        \Delta w = \eta\, x_{pre} \text{ at a post spike}, \qquad
        \Delta w = \eta\, (x_{post} - \alpha) \text{ at a pre spike}, \qquad \alpha = 2 \rho_0 \tau

    .. math:: \tau \dot x = -x, \; x \to x + 1 \text{ at its spike}

    w is the size of the weight: weights are <= 0, and inhibition grows with w. A pre spike alone weakens it, by eta * alpha.

    delay : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569. NEST's vogels_sprekeler_synapse:
    rho_0 = 1000 * alpha / (2 * tau) Hz.
    """

    inhibitory: ClassVar[bool] = True

    eta: float = param(1e-3, ge=0.0, doc="learning rate: change of the weight by one pair at zero lag, in the unit of the weight")
    rho_0: float = param(3.0, unit="Hz", ge=0.0, doc="rate at which targets are held")
    tau: float = param(20.0, unit="ms", gt=0.0, doc="time constant of both traces")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    delay: str = "dendritic"

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.inhibitory_stdp import attend_inhibitory, learn_inhibitory, replay_inhibitory

        alpha = 2.0 * self.rho_0 * self.tau / 1000.0
        coef = (self.w_min, self.w_max, self.eta, alpha)
        return SynapseForm(coef, (self.tau,), (self.tau,), replay_inhibitory, learn_inhibitory, attend_inhibitory)

"""Spike-timing dependent plasticity with a power law of the weight."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import final

from snnsim.plasticity.base import SpikeRule, SynapseForm
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class PowerLawSTDP(SpikeRule):
    r"""STDP of all pairs whose potentiation grows with a power of the weight and whose depression grows with the weight.

    .. math::
        \Delta w = +a_+ w_0 \Big(\frac{w}{w_0}\Big)^{\mu} x_{pre} \text{ at a post spike}, \qquad
        \Delta w = -a_- w\, x_{post} \text{ at a pre spike}

    .. math:: \tau_\pm \dot x = -x, \; x \to x + 1 \text{ at its spike}

    w is the size of the weight; its sign stays. There is no upper bound: with mu < 1 depression overtakes potentiation as the
    weight grows. A weight of 0 stays there, unless mu = 0.

    delay : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Morrison, Aertsen & Diesmann (2007), Neural Comput. 19:1437. NEST's stdp_pl_synapse_hom, where w_0 = 1:
    a_plus = lambda, a_minus = lambda * alpha.
    """

    a_plus: float = param(0.1, ge=0.0, doc="potentiation of the weight w_0 by one pair at zero lag, as a fraction of it")
    a_minus: float = param(0.011, ge=0.0, doc="depression by one pair at zero lag, as a fraction of the weight")
    tau_plus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_minus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_post")
    mu: float = param(0.4, ge=0.0, le=1.0, doc="exponent of the weight in potentiation")
    w_0: float = param(1.0, gt=0.0, doc="size of the weight of reference, in the unit of the weight")
    delay: str = "dendritic"
    w_min: float = dataclasses.field(default=0.0, init=False, repr=False)
    w_max: float = dataclasses.field(default=float("inf"), init=False, repr=False)

    def form(self) -> SynapseForm:
        """Return the traces and kernel of this rule."""
        from snnsim.kernels.power_law_stdp import replay_power_law

        coef = (self.w_min, self.w_max, self.a_plus * self.w_0, self.a_minus, self.mu, 1.0 / self.w_0)
        return SynapseForm(coef, (self.tau_plus,), (self.tau_minus,), replay_power_law)

"""Pair-based spike-timing dependent plasticity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from snnsim.plasticity.base import SpikeRule, SynapseForm, check_choice
from snnsim.units import param

_PAIRINGS = ("all_to_all", "nearest_symmetric", "nearest_pre_centred", "nearest_restricted")


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class PairSTDP(SpikeRule):
    r"""STDP of pairs of spikes, with hard bounds or slowing down towards them.

    .. math::
        \Delta w = +a_+ w_{max} \Big(\frac{w_{max} - w}{w_{max} - w_{min}}\Big)^{\mu_+} x_{pre} \text{ at a post spike}, \qquad
        \Delta w = -a_- w_{max} \Big(\frac{w - w_{min}}{w_{max} - w_{min}}\Big)^{\mu_-} x_{post} \text{ at a pre spike}

    .. math:: \tau_\pm \dot x = -x, \; x \to x + 1 \text{ at its spike}

    w is the size of the weight; its sign stays. mu_plus = mu_minus = 0 is the additive rule, 1 the multiplicative one; mixed
    exponents as well. Negative a_plus and a_minus give anti-STDP, a negative a_minus alone a window that is potentiation on
    both sides.

    pairing : 'all_to_all'            every pre spike with every post spike
              'nearest_symmetric'     every spike with the last one of the other side: x is set to 1 at a spike
              'nearest_pre_centred'   every pre spike with the last post spike before it and the next one after it
              'nearest_restricted'    only neighbours: no spike of either side lies between the two of a pair
    delay   : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Song, Miller & Abbott (2000), Nat. Neurosci. 3:919, additive; Guetig, Aharonov, Rotter & Sompolinsky (2003),
    J. Neurosci. 23:3697, eqs. 2-3, exponents; Morrison, Diesmann & Gerstner (2008), Biol. Cybern. 98:459, sect. 4, pairings.
    NEST's stdp_synapse: a_plus = lambda, a_minus = lambda * alpha, w_max = Wmax.
    """

    a_plus: float = param(0.01, doc="potentiation by one pair at zero lag, as a fraction of w_max")
    a_minus: float = param(0.012, doc="depression by one pair at zero lag, as a fraction of w_max")
    tau_plus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_minus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_post")
    mu_plus: float = param(0.0, ge=0.0, doc="exponent of the weight dependence of potentiation")
    mu_minus: float = param(0.0, ge=0.0, doc="exponent of the weight dependence of depression")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    pairing: str = "all_to_all"
    delay: str = "dendritic"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("PairSTDP.pairing", self.pairing, _PAIRINGS)

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels import pair_stdp as kernels

        up, down = self.a_plus * self.w_max, self.a_minus * self.w_max
        coef = (self.w_min, self.w_max, up, down, self.mu_plus, self.mu_minus, self.tau_plus, self.tau_minus)
        traces = (self.tau_plus,), (self.tau_minus,)
        if self.pairing == "nearest_pre_centred":
            return SynapseForm(coef, *traces, kernels.replay_centred, own=0.0, post_nearest=True)
        if self.pairing == "nearest_restricted":
            return SynapseForm(coef, *traces, kernels.replay_restricted, pre_nearest=True, post_nearest=True)
        nearest = self.pairing == "nearest_symmetric"
        if self.mu_plus > 0.0 or self.mu_minus > 0.0:
            return SynapseForm(coef, *traces, kernels.replay_weighted, pre_nearest=nearest, post_nearest=nearest)
        return SynapseForm(coef, *traces, kernels.replay_additive, kernels.learn_additive, kernels.attend_additive, nearest, nearest)

"""Pair-based spike-timing dependent plasticity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.plasticity.base import Plasticity
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class PairSTDP(Plasticity):
    r"""Additive STDP over all pairs of spikes, with hard bounds.

    .. math::
        \Delta w = +a_+ w_{max} x_{pre} \text{ at a post spike}, \qquad
        \Delta w = -a_- w_{max} x_{post} \text{ at a pre spike}, \qquad
        \tau_\pm \dot x = -x, \; x \to x + 1 \text{ at its spike}

    The delay is dendritic: a pre spike reaches the synapse at once, a post spike after the delay. A pair that meets there at
    exactly one time is not counted. Weights stay within [w_min, w_max], in the unit of the projection's weight.

    Source: Song, Miller & Abbott (2000), Nat. Neurosci. 3:919; NEST's stdp_synapse with mu_plus = mu_minus = 0, where
    a_plus = lambda, a_minus = lambda * alpha and w_max = Wmax.
    """

    a_plus: float = param(0.01, ge=0.0, doc="potentiation by one pair at zero lag, as a fraction of w_max")
    a_minus: float = param(0.012, ge=0.0, doc="depression by one pair at zero lag, as a fraction of w_max")
    tau_plus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_minus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_post")
    w_min: float = param(0.0, doc="lower bound of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("a_plus", "a_minus", "tau_plus", "tau_minus", "w_min", "w_max"):
            if isinstance(getattr(self, field), np.ndarray):
                raise ParameterError(f"PairSTDP.{field} must be one number for the projection. Make one projection per value.")
        if self.w_min >= self.w_max:
            raise ParameterError(f"PairSTDP.w_min = {self.w_min:g} must be < w_max = {self.w_max:g}. Widen the bounds.")

    def coefficients(self, dt: float) -> tuple[float, ...]:
        """Return the row of `Learning.coef`, with times in units of `dt` ms."""
        return (self.a_plus * self.w_max, self.a_minus * self.w_max, self.tau_plus / dt, self.tau_minus / dt, self.w_min, self.w_max)

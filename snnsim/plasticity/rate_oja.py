"""Oja's rule of rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.plasticity.base import Synapses
from snnsim.plasticity.rates import RateRule
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RateOja(RateRule):
    r"""Oja's rule of rates: Hebbian growth against a decay that keeps the length of the weight vector.

    .. math:: f = (r_{post} - \theta_{post}) \big[ (r_{pre} - \theta_{pre}) - \alpha (r_{post} - \theta_{post}) w \big]

    For a linear neuron, r_post - theta_post = g sum_i w_i (r_pre,i - theta_pre), weights tend to the first principal component
    of the inputs about theta_pre, with length 1 / sqrt(alpha g). Rates start at theta_pre and theta_post.
    Parameters of rates and bounds: `RateRule`.

    Source: Oja (1982), J. Math. Biol. 15:267, eq. 3.
    """

    alpha: float = param(1.0, gt=0.0, doc="weight of the decay")
    theta_pre: float = param(0.0, unit="Hz", ge=0.0, doc="presynaptic rate that counts as 0")
    theta_post: float = param(0.0, unit="Hz", ge=0.0, doc="postsynaptic rate that counts as 0")

    def start(self, n_pre: int, n_post: int) -> dict[str, np.ndarray]:
        """Return rates of theta_pre and theta_post: a neuron not yet heard is at its zero, and teaches nothing."""
        return {"pre": np.full(n_pre, self.theta_pre), "post": np.full(n_post, self.theta_post)}

    def drift(self, w: np.ndarray, pre: np.ndarray, post: np.ndarray, synapses: Synapses) -> np.ndarray:
        """Return growth less decay."""
        x, y = pre[synapses.source] - self.theta_pre, post[synapses.target] - self.theta_post
        return y * (x - self.alpha * y * w)

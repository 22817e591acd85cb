"""Sanger's rule of rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.plasticity.base import Synapses
from snnsim.plasticity.rates import RateRule
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RateSanger(RateRule):
    r"""The generalised Hebbian algorithm of rates: neuron j learns what neurons 0 .. j - 1 have left over.

    .. math::
        f_{ij} = y_j \Big[ x_i - \alpha \sum_{k \le j} w_{ik} y_k \Big], \qquad
        x = r_{pre} - \theta_{pre}, \; y = r_{post} - \theta_{post}

    Linear neurons find the principal components of the inputs about theta_pre, in order. A synapse sees the sum over the synapses
    of its source onto the targets before its own. Rates start at theta_pre and theta_post.
    Parameters of rates and bounds: `RateRule`.

    Source: Sanger (1989), Neural Netw. 2:459, eq. 4.
    """

    alpha: float = param(1.0, gt=0.0, doc="weight of the decay")
    theta_pre: float = param(0.0, unit="Hz", ge=0.0, doc="presynaptic rate that counts as 0")
    theta_post: float = param(0.0, unit="Hz", ge=0.0, doc="postsynaptic rate that counts as 0")

    def start(self, n_pre: int, n_post: int) -> dict[str, np.ndarray]:
        """Return rates of theta_pre and theta_post: a neuron not yet heard is at its zero, and teaches nothing."""
        return {"pre": np.full(n_pre, self.theta_pre), "post": np.full(n_post, self.theta_post)}

    def drift(self, w: np.ndarray, pre: np.ndarray, post: np.ndarray, synapses: Synapses) -> np.ndarray:
        """Return growth less what is explained."""
        x, y = pre[synapses.source] - self.theta_pre, post[synapses.target] - self.theta_post
        explained = np.cumsum(w * y)
        # Less the sum before the first synapse of each source: rows lie one after the other.
        begins = np.searchsorted(synapses.source, np.arange(synapses.n_pre))
        before = np.concatenate([[0.0], explained])[begins]
        return y * (x - self.alpha * (explained - before[synapses.source]))

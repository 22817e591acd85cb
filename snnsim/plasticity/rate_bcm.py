"""The rule of Bienenstock, Cooper and Munro, of rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.plasticity.base import Synapses
from snnsim.plasticity.rates import RateRule
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RateBCM(RateRule):
    r"""BCM rule of rates: potentiation above a threshold that follows the mean square of the postsynaptic rate.

    .. math:: f = r_{pre} \, r_{post} (r_{post} - \theta), \qquad \tau_\theta \dot\theta = r_{post}^2 / r_0 - \theta

    theta starts at r_0, the rate at which a neuron of constant rate is at rest. Parameters of rates and bounds: `RateRule`;
    weights stay >= 0 unless w_min is lowered.

    Source: Bienenstock, Cooper & Munro (1982), J. Neurosci. 2:32; Intrator & Cooper (1992), Neural Netw. 5:3, for the square.
    """

    slow: ClassVar[tuple[str, ...]] = ("theta",)

    eta: float = param(1e-6, gt=0.0, doc="learning rate")
    w_min: float = param(0.0, doc="lower bound of the weight")
    r_0: float = param(10.0, unit="Hz", gt=0.0, doc="rate of rest")
    tau_theta: float = param(5_000.0, unit="ms", gt=0.0, doc="time constant of the threshold")

    def start(self, n_pre: int, n_post: int) -> dict[str, np.ndarray]:
        """Return rates of 0 Hz and thresholds of r_0."""
        return super().start(n_pre, n_post) | {"theta": np.full(n_post, self.r_0)}

    def drift(self, w: np.ndarray, pre: np.ndarray, post: np.ndarray, synapses: Synapses) -> np.ndarray:
        """Return growth above threshold, and decline below it."""
        keep, theta = np.exp(-self.interval / self.tau_theta), synapses.state["theta"]
        change = post * (post - theta)
        theta[:] = keep * theta + (1.0 - keep) * post**2 / self.r_0
        return pre[synapses.source] * change[synapses.target]

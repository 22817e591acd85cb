"""The covariance rule of rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.plasticity.base import Synapses
from snnsim.plasticity.rates import RateRule
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RateCovariance(RateRule):
    r"""Hebb's rule of rates about thresholds: neurons that rise and fall together join, others part.

    .. math:: f = (r_{pre} - \theta_{pre}) (r_{post} - \theta_{post})

    Thresholds are the mean rates of the neurons, low-passed with tau_mean, or those given. Parameters of rates and bounds:
    `RateRule`.

    Source: Sejnowski (1977), J. Math. Biol. 4:303.
    """

    slow: ClassVar[tuple[str, ...]] = ("pre_mean", "post_mean")

    theta_pre: float | None = param(None, unit="Hz", ge=0.0, doc="presynaptic threshold; None: the mean rate")
    theta_post: float | None = param(None, unit="Hz", ge=0.0, doc="postsynaptic threshold; None: the mean rate")
    tau_mean: float = param(10_000.0, unit="ms", gt=0.0, doc="time constant of mean rates")

    def start(self, n_pre: int, n_post: int) -> dict[str, np.ndarray]:
        """Return rates and mean rates of 0 Hz."""
        return super().start(n_pre, n_post) | {"pre_mean": np.zeros(n_pre), "post_mean": np.zeros(n_post)}

    def drift(self, w: np.ndarray, pre: np.ndarray, post: np.ndarray, synapses: Synapses) -> np.ndarray:
        """Return the product of the deviations."""
        keep = np.exp(-self.interval / self.tau_mean)
        sides = []
        for side, rate, given in (("pre", pre, self.theta_pre), ("post", post, self.theta_post)):
            mean = synapses.state[f"{side}_mean"]
            mean[:] = keep * mean + (1.0 - keep) * rate
            sides.append(rate - (mean if given is None else given))
        return sides[0][synapses.source] * sides[1][synapses.target]

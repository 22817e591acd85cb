"""What the rules have in common that read firing rates: how a rate is estimated, and how often they act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnsim.errors import ParameterError
from snnsim.plasticity.base import IntervalRule, Synapses
from snnsim.units import param


@dataclass(frozen=True, kw_only=True, eq=False)
class RateRule(IntervalRule):
    r"""A Hebbian rule of rates: every `interval` the weight changes by `eta` times a drift, in s of simulated time.

    .. math:: \tau \dot r = -r + \sum_k \delta(t - t_k), \qquad \Delta w = \eta \, f(w, r_{pre}, r_{post}) \, \Delta t

    Rates are in Hz, low-passed with tau; both start at 0, or where a rule says. w_min and w_max bound the weight itself, which may
    be negative: Dale's law is not kept unless w_min >= 0.
    """

    hears: ClassVar[bool] = True

    eta: float = param(1e-4, gt=0.0, doc="learning rate")
    tau: float = param(100.0, unit="ms", gt=0.0, doc="time constant of the rates")
    interval: float = param(10.0, unit="ms", gt=0.0, doc="time between two changes")
    w_min: float = param(-1e6, doc="lower bound of the weight")
    w_max: float = param(1e6, doc="upper bound of the weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        if not self.w_min < self.w_max:
            raise ParameterError(f"{name}.w_min = {self.w_min:g} must be < w_max = {self.w_max:g}. Widen the bounds.")

    def check_weights(self, owner: str, weight: np.ndarray) -> None:
        """Raise ParameterError for weights outside the bounds."""
        bad = weight[(weight < self.w_min) | (weight > self.w_max)]
        if bad.size:
            raise ParameterError(
                f"{owner} = {bad[0]:g} must lie within {type(self).__name__}.w_min = {self.w_min:g} and w_max = {self.w_max:g}: "
                "the rule keeps weights there. Change the weight or the bounds."
            )

    def start(self, n_pre: int, n_post: int) -> dict[str, np.ndarray]:
        """Return rates of 0 Hz."""
        return {"pre": np.zeros(n_pre), "post": np.zeros(n_post)}

    def act(self, synapses: Synapses) -> None:
        """Bring the rates up to date, and move the weights along their drift."""
        keep, seconds = np.exp(-self.interval / self.tau), self.interval * 1e-3
        for side, count in (("pre", synapses.pre_count), ("post", synapses.post_count)):
            synapses.state[side][:] = keep * synapses.state[side] + (1.0 - keep) * count / seconds
        w = synapses.weight
        w += self.eta * seconds * self.drift(w, synapses.state["pre"], synapses.state["post"], synapses)
        np.clip(w, self.w_min, self.w_max, out=w)

    def drift(self, w: np.ndarray, pre: np.ndarray, post: np.ndarray, synapses: Synapses) -> np.ndarray:
        """Return f for every synapse, float64[n]; pre : float64[n_pre], post : float64[n_post] Hz."""
        raise NotImplementedError(f"{type(self).__name__}.drift")

"""The covariance rule on spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.plasticity.base import SpikeRule, SynapseForm, check_slower
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class CovarianceHebb(SpikeRule):
    r"""Weights follow the covariance of the two spike trains, not their product; hard bounds.

    .. math::
        \Delta w = \eta \, (x_{pre} - \langle x_{pre} \rangle) \text{ at a post spike}, \qquad
        \Delta w = \eta \, (x_{post} - \langle x_{post} \rangle) \text{ at a pre spike}

    .. math:: \tau \dot x = -x, \; x \to x + 1 \text{ at its spike}; \qquad \langle x \rangle = \nu \tau

    nu is the mean rate, given (`rate_pre`, `rate_post`) or running: a trace of time constant `tau_mean`, divided by tau_mean,
    which starts from 0. Let r_pre and r_post be the rates and C(s) the covariance density of post at s with pre at 0, in 1/ms^2.
    On average, for stationary trains,

    .. math::
        \dot w = \eta \int C(s) K(s) ds + \eta \, r_{pre} r_{post} \Big[
        \tau_{pre} \Big(1 - \frac{\nu_{pre}}{r_{pre}}\Big) + \tau_{post} \Big(1 - \frac{\nu_{post}}{r_{post}}\Big) \Big]

    with K(s) = exp(-s / tau_pre) for s > 0 and exp(s / tau_post) for s < 0. The bracket vanishes where nu is the mean rate. It
    always does with running means, and K is then less (tau_pre / tau_mean) exp(-s / tau_mean), likewise for s < 0: its integral
    is zero, so that covariances much slower than tau_mean are left out. One mean is subtracted per spike, not both: the mean
    change is the same, and nothing happens between spikes.

    Weights may change sign within the bounds; w_min = 0 keeps them excitatory.

    delay : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Sejnowski (1977), J. Math. Biol. 4:303, the covariance rule, there for potentials; with traces for the rates.
    """

    signed: ClassVar[bool] = True

    eta: float = param(0.01, doc="change by one pair at zero lag, in the unit of the weight")
    tau_pre: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_post: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_post")
    rate_pre: float | None = param(None, unit="Hz", ge=0.0, doc="mean presynaptic rate; None: running")
    rate_post: float | None = param(None, unit="Hz", ge=0.0, doc="mean postsynaptic rate; None: running")
    tau_mean: float = param(1_000.0, unit="ms", gt=0.0, doc="time constant of running means")
    w_min: float = param(-1.0, doc="lower bound of the weight")
    w_max: float = param(1.0, doc="upper bound of the weight")
    delay: str = "dendritic"

    def __post_init__(self) -> None:
        super().__post_init__()
        for rate, tau in ((self.rate_pre, "tau_pre"), (self.rate_post, "tau_post")):
            if rate is None:
                check_slower(self, "tau_mean", tau)

    @property
    def slow(self) -> str:  # type: ignore[override]  # by its parameters
        """The time constant of running means, where there is one."""
        return "tau_mean" if self.rate_pre is None or self.rate_post is None else ""

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.covariance_hebb import replay_covariance_hebb

        pre, post = self._mean(self.tau_pre, self.rate_pre), self._mean(self.tau_post, self.rate_post)
        coef = (self.w_min, self.w_max, self.eta, *pre, *post)
        return SynapseForm(coef, (self.tau_pre, self.tau_mean), (self.tau_post, self.tau_mean), replay_covariance_hebb)

    def _mean(self, tau: float, rate: float | None) -> tuple[float, float]:
        """Return the mean of a trace per slow trace, and what is given of it."""
        return (tau / self.tau_mean, 0.0) if rate is None else (0.0, 1e-3 * rate * tau)

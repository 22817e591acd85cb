"""The rule of Bienenstock, Cooper and Munro on spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.plasticity.base import SpikeRule, SynapseForm, check_slower
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class BCM(SpikeRule):
    r"""Potentiation above, depression below a threshold that slides with the postsynaptic rate; hard bounds.

    .. math:: \Delta w = \eta \, x_{pre} \, (x_{fast} - \tau_{fast} \theta) \text{ at a post spike}

    .. math::
        \theta = \nu_0 \Big(\frac{\bar\nu}{\nu_0}\Big)^{1 + p}, \qquad \bar\nu = \frac{x_{slow}}{\tau_{slow}}; \qquad
        \tau \dot x = -x, \; x \to x + 1 \text{ at its spike}

    x_fast and x_slow are traces of the post spikes; all traces are those just before the spike. Pre spikes change nothing. Rates
    r_pre and r_post without correlation, post spikes at random: dw/dt = eta r_pre tau_pre tau_fast r_post (r_post - <theta>) on
    average. nu_0 is `rate_target`, p is `power`; for p = 1, theta = nu^2 / nu_0, and <theta> = (r_post^2 + r_post / (2 tau_slow))
    / nu_0. x_slow starts from 0: for some tau_slow the threshold is low.

    delay : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Bienenstock, Cooper & Munro (1982), J. Neurosci. 2:32, for a threshold that grows as a power > 1 of the mean
    activity; Intrator & Cooper (1992), Neural Netw. 5:3, for phi = c (c - theta), here post spikes times (x_fast - ...).
    """

    slow: ClassVar[str] = "tau_slow"

    eta: float = param(0.01, gt=0.0, doc="change by one pre spike, post spikes above threshold, in the unit of the weight")
    tau_pre: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_fast: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_fast, the activity")
    tau_slow: float = param(1_000.0, unit="ms", gt=0.0, doc="time constant of x_slow, by which the threshold slides")
    rate_target: float = param(10.0, unit="Hz", gt=0.0, doc="nu_0, the rate at which the threshold is the rate")
    power: float = param(1.0, gt=0.0, doc="p, by which the threshold grows faster than the rate")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    delay: str = "dendritic"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_slower(self, "tau_slow", "tau_fast")

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.bcm import replay_bcm

        target = 1e-3 * self.rate_target
        coef = (self.w_min, self.w_max, self.eta, self.tau_fast * target, 1.0 / (self.tau_slow * target), 1.0 + self.power)
        return SynapseForm(coef, (self.tau_pre,), (self.tau_fast, self.tau_slow), replay_bcm)

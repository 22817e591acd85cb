"""Short-term plasticity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from snnsim.plasticity.base import ReleaseRule
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TsodyksMarkram(ReleaseRule):
    r"""Short-term depression and facilitation: a spike releases u x of its weight.

    .. math:: \tau_{rec} \dot x = 1 - x, \qquad \tau_{fac} \dot u = -u

    .. math:: u \to u + U (1 - u), \; \text{then } u x \text{ is released, then } x \to x - u x \text{ at a pre spike}

    x is the fraction of resources at hand, u the share of it that a spike uses. tau_fac = 0 is depression alone: u = U at every
    spike. The weight itself stays; `Result.weights` holds it whole. A projection may have a `SpikeRule` besides.

    Source: Tsodyks, Uziel & Markram (2000), J. Neurosci. 20:RC50, with instantaneous inactivation, as NEST's
    tsodyks2_synapse.
    """

    U: float = param(0.5, gt=0.0, le=1.0, doc="share of the resources at hand that the first spike uses")
    tau_rec: float = param(800.0, unit="ms", gt=0.0, doc="time constant of recovery from depression")
    tau_fac: float = param(0.0, unit="ms", ge=0.0, doc="time constant of facilitation; 0: there is none")
    u_init: float = param(0.0, ge=0.0, le=1.0, doc="u at 0 ms; 0: at rest")
    x_init: float = param(1.0, ge=0.0, le=1.0, doc="x at 0 ms; 1: at rest")

    def release_form(self) -> tuple[tuple[float, float], tuple[float, float, float, float]]:
        """Return u and x at 0 ms, and the coefficients of `kernels.release`, rates in 1/ms."""
        facilitation, kept = (1.0 / self.tau_fac, 1.0) if self.tau_fac > 0.0 else (0.0, 0.0)
        return (self.u_init, self.x_init), (self.U, 1.0 / self.tau_rec, facilitation, kept)

"""Synaptic scaling: all weights onto a neuron grow while it fires too little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.plasticity.base import IntervalRule, Synapses
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SynapticScaling(IntervalRule):
    r"""Scale the weights onto every target towards the rate it should have.

    .. math:: \dot w = \beta \, w \, (r_0 - r_{post}), \qquad \tau \dot r_{post} = -r_{post} + \sum_k \delta(t - t_k)

    Scaling keeps the proportions of the weights. r starts at r_0, so that nothing happens before a rate is known.

    Source: Turrigiano, Leslie, Desai, Rutherford & Nelson (1998), Nature 391:892; van Rossum, Bi & Turrigiano (2000),
    J. Neurosci. 20:8812, eq. 4, its proportional term.
    """

    hears: ClassVar[bool] = True
    slow: ClassVar[tuple[str, ...]] = ("post",)

    rate: float = param(10.0, unit="Hz", gt=0.0, doc="rate r_0 that every target should have")
    beta: float = param(0.01, gt=0.0, doc="speed of scaling, per s and Hz")
    tau: float = param(1_000.0, unit="ms", gt=0.0, doc="time constant of the rate")
    interval: float = param(100.0, unit="ms", gt=0.0, doc="time between two scalings")

    def start(self, n_pre: int, n_post: int) -> dict[str, np.ndarray]:
        """Return the rates to begin with."""
        return {"post": np.full(n_post, self.rate)}

    def act(self, synapses: Synapses) -> None:
        """Scale the weights in place."""
        keep, seconds, rate = np.exp(-self.interval / self.tau), self.interval * 1e-3, synapses.state["post"]
        rate[:] = keep * rate + (1.0 - keep) * synapses.post_count / seconds
        synapses.weight[:] *= np.exp(self.beta * seconds * (self.rate - rate))[synapses.target]

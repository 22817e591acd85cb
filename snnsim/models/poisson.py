"""Poisson spike source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.spiking import ClockForm, EventForm, NeuronModel, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class PoissonSource(NeuronModel):
    r"""Independent Poisson spike trains.

    .. math:: P(k \text{ spikes in } dt) = \frac{(rate \cdot dt)^k}{k!} e^{-rate \cdot dt}

    On the clock a neuron may fire several times in one step; off the clock its intervals are exponential. Either is a pure
    function of seed, population, neuron and step (or spike number).

    Source: Devroye (1986), Non-Uniform Random Variate Generation, chapters VI.1 (exponential intervals) and X.3 (counts by
    inversion).
    """

    is_source: ClassVar[bool] = True
    channels: ClassVar[int] = 0

    rate: float = param(unit="Hz", ge=0.0, le=1e9, doc="spikes per second of each neuron")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return counts per step; one rate for all is drawn through a guide table."""
        from snnsim.kernels.random import guide, step_poisson  # numba is loaded when something runs, not by import snnsim

        mean = self.rate * (1e-3 * dt)
        if isinstance(mean, np.ndarray):
            return ClockForm(step_poisson, np.empty((0, n)), rows(n, mean, np.exp(-mean)))
        coef = guide(mean)[None]
        return ClockForm(step_poisson, np.empty((0, n)), coef, cut=lambda low, high: coef)

    def event_form(self, n: int) -> EventForm:
        """Return exponential intervals."""
        from snnsim.kernels.random import advance_poisson, peek_nothing

        with np.errstate(divide="ignore"):
            interval = 1e3 / np.asarray(self.rate)
        return EventForm(advance_poisson, peek_nothing, np.zeros((1, n)), rows(n, interval if interval.ndim else float(interval)))

    def expected_rate(self, duration: float) -> float:
        """Return the mean of `rate`, Hz."""
        return float(np.mean(self.rate))

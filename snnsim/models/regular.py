"""Regular spike source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.spiking import ClockForm, EventForm, NeuronModel, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RegularSource(NeuronModel):
    r"""Spikes at equal intervals.

    .. math:: t_k = (k + phase) / rate, \quad k = 0, 1, 2, \ldots

    A rate of 0 is silence. Times are computed from k, so they do not drift. On the clock a spike belongs to the step that
    ends at its time, or to the step that contains it; several may fall into one step.
    """

    is_source: ClassVar[bool] = True
    channels: ClassVar[int] = 0

    rate: float = param(unit="Hz", ge=0.0, doc="spikes per second of each neuron")
    phase: float = param(1.0, gt=0.0, le=1.0, doc="first spike, in intervals after the start")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return spikes per step."""
        from snnsim.kernels.regular import step_regular  # numba is loaded when something runs, not by import snnsim

        return ClockForm(step_regular, np.empty((0, n)), rows(n, self.rate * (1e-3 * dt), self.phase))

    def event_form(self, n: int) -> EventForm:
        """Return intervals."""
        from snnsim.kernels.random import peek_nothing
        from snnsim.kernels.regular import advance_regular

        with np.errstate(divide="ignore"):
            interval = 1e3 / np.asarray(self.rate)
        coef = rows(n, interval if interval.ndim else float(interval), self.phase)
        return EventForm(advance_regular, peek_nothing, np.zeros((1, n)), coef)

    def expected_rate(self, duration: float) -> float:
        """Return the mean of `rate`, Hz."""
        return float(np.mean(self.rate))

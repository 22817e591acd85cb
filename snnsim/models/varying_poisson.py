"""Poisson spike source whose rate changes in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.errors import ParameterError, WiringError
from snnsim.models.spiking import ClockForm, EventForm, NeuronModel
from snnsim.units import check_number


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class VaryingPoissonSource(NeuronModel):
    r"""Independent Poisson spike trains of a piecewise constant rate.

    .. math:: P(k \text{ spikes in } [a, b]) = \frac{\Lambda^k}{k!} e^{-\Lambda}, \quad \Lambda = \int_a^b rate(t)\, dt

    Parameters
    ----------
    times : float[m]                      ms, rising from 0: rates[k] holds from times[k] to times[k + 1], the last for ever
    rates : float[m] or float[m, *shape]  Hz, >= 0: for all neurons, or for each

    On the clock the counts of a step have the mean of its integrated rate, wherever the rate changes within it. Off the
    clock the integrated rate grows by an exponential number of mean 1 from spike to spike, which is exact. Either is a pure
    function of seed, population, neuron and step (or spike number).

    Source: Devroye (1986), Non-Uniform Random Variate Generation, chapter VI.1.3 (inversion of the integrated rate).
    """

    is_source: ClassVar[bool] = True
    channels: ClassVar[int] = 0

    times: np.ndarray
    rates: np.ndarray

    def __post_init__(self) -> None:
        times = np.atleast_1d(check_number("VaryingPoissonSource.times", self.times, unit="ms", ge=0.0))
        rates = np.atleast_1d(check_number("VaryingPoissonSource.rates", self.rates, unit="Hz", ge=0.0, le=1e9))
        if times.ndim != 1 or rates.shape[:1] != times.shape:
            raise ParameterError(
                f"VaryingPoissonSource.rates has shape {rates.shape} but must begin with that of times, {times.shape}: one rate per piece."
            )
        if not times.size or times[0] != 0.0 or np.any(np.diff(times) <= 0.0):
            raise ParameterError(f"VaryingPoissonSource.times = {self.times!r} must rise strictly from 0 ms. Sort it, and begin with 0.")
        for name, array in (("times", times), ("rates", rates)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def check_shape(self, population: str, shape: tuple[int, ...]) -> None:
        """Refuse rates of neurons that the population does not have."""
        if self.rates.ndim > 1 and self.rates.shape[1:] != shape:
            raise WiringError(
                f"Population({population!r}).model.rates has shape {self.rates.shape} but must be {self.rates.shape[:1]} or "
                f"{(len(self.times), *shape)}: one rate per piece, or per piece and neuron."
            )

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return times in steps and spikes per step."""
        from snnsim.kernels.varying_poisson import step_varying_poisson  # numba is loaded when something runs

        steps = self.times / dt
        # A change within rounding of a grid point happens there.
        steps = np.where(np.abs(steps - np.rint(steps)) <= 1e-9 * np.maximum(steps, 1.0), np.rint(steps), steps)
        coef = self._table(steps, 1e-3 * dt)
        shared = len(coef) == 2
        rows = (lambda low, high: coef) if shared else (lambda low, high: coef[np.r_[0, low + 1 : high + 1]])
        return ClockForm(step_varying_poisson, np.empty((0, n)), coef, cut=rows)

    def event_form(self, n: int) -> EventForm:
        """Return times in ms and rates per ms."""
        from snnsim.kernels.random import peek_nothing
        from snnsim.kernels.varying_poisson import advance_varying_poisson

        return EventForm(advance_varying_poisson, peek_nothing, np.zeros((2, n)), self._table(self.times, 1e-3))

    def _table(self, times: np.ndarray, scale: float) -> np.ndarray:
        """Stack times and scaled rates into float64[1 + (1 or n), m]."""
        return np.ascontiguousarray(np.vstack([times, self.rates.reshape(len(times), -1).T * scale]))

    def expected_rate(self, duration: float) -> float:
        """Return the mean rate of a run of `duration` ms from the start, Hz."""
        length = np.diff(np.minimum(np.append(self.times, max(duration, self.times[-1])), duration))
        return float(length @ self.rates.reshape(len(self.times), -1).mean(axis=1)) / duration

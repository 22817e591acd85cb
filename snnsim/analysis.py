"""Statistics of spike trains."""

from __future__ import annotations

import numpy as np

from snnsim.results import SpikeTrains


def intervals(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray]:
    """Return the interspike intervals (ms) of all neurons, and the neuron of each."""
    order = np.lexsort((trains.times, trains.indices))
    times, neurons = trains.times[order], trains.indices[order]
    within = neurons[1:] == neurons[:-1]
    return np.diff(times)[within], neurons[1:][within]


def isi_cv(trains: SpikeTrains) -> np.ndarray:
    """Return the coefficient of variation of the intervals of each neuron, float64[n]; NaN below two intervals.

    1 for a Poisson process, 0 for a clock.
    """
    gaps, neurons = intervals(trains)
    count = np.bincount(neurons, minlength=trains.n)
    enough = np.where(count >= 2, count, 1)
    mean = np.bincount(neurons, gaps, trains.n) / enough
    variance = np.bincount(neurons, (gaps - mean[neurons]) ** 2, trains.n) / enough
    return np.where(count >= 2, np.sqrt(variance) / np.where(mean > 0.0, mean, 1.0), np.nan)

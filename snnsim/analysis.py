"""Statistics of spike trains, such as `Result.spikes[name]`."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains


def intervals(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the interspike intervals of all neurons, and the neuron of each.

    .. math:: I_k = t_{k+1} - t_k \text{ between successive spikes of one neuron in one trial}

    Parameters
    ----------
    trains : SpikeTrains   times in ms (steps of the schedule for integer units)

    Returns
    -------
    gaps : float64[n_intervals]    ms, >= 0 (or steps), by neuron, then trial, then time
    neurons : int64[n_intervals]   index in the flattened population

    Raises
    ------
    ParameterError   for anything but SpikeTrains

    Source: Perkel, Gerstein & Moore (1967), Biophys. J. 7:391.
    """
    _check("intervals", trains)
    order = np.lexsort((trains.times, trains.trials, trains.indices))
    times, trials, neurons = trains.times[order], trains.trials[order], trains.indices[order]
    within = (neurons[1:] == neurons[:-1]) & (trials[1:] == trials[:-1])
    return np.diff(times)[within], neurons[1:][within]


def isi_cv(trains: SpikeTrains) -> np.ndarray:
    r"""Return the coefficient of variation of the interspike intervals of each neuron: 1 for a Poisson process, 0 for a clock.

    .. math:: CV = \sqrt{\langle (I - \langle I \rangle)^2 \rangle} \, / \, \langle I \rangle

    Parameters
    ----------
    trains : SpikeTrains   times in ms

    Returns
    -------
    cv : float64[n]   one per neuron of the population, without unit, >= 0; NaN below two intervals

    Raises
    ------
    ParameterError   for anything but SpikeTrains

    Source: Softky & Koch (1993), J. Neurosci. 13:334.
    """
    _check("isi_cv", trains)
    gaps, neurons = intervals(trains)
    count = np.bincount(neurons, minlength=trains.n)
    enough = np.where(count >= 2, count, 1)
    mean = np.bincount(neurons, gaps, trains.n) / enough
    variance = np.bincount(neurons, (gaps - mean[neurons]) ** 2, trains.n) / enough
    return np.where(count >= 2, np.sqrt(variance) / np.where(mean > 0.0, mean, 1.0), np.nan)


def _check(owner: str, trains: Any) -> None:
    if not isinstance(trains, SpikeTrains):
        raise ParameterError(
            f"{owner}.trains = {type(trains).__name__} must be SpikeTrains: one population of a run. Give result.spikes[name]."
        )

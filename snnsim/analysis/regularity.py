"""How regular spikes are: interspike intervals and what is computed from them."""

from __future__ import annotations

import numpy as np

from snnsim.analysis.checks import Window, check_trains
from snnsim.analysis.rate import counts_by_neuron
from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains


def _ordered(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return intervals, their neurons, and whether each is followed by one of the same neuron and trial."""
    order = np.lexsort((trains.times, trains.trials, trains.indices))
    times, trials, neurons = trains.times[order], trains.trials[order], trains.indices[order]
    within = (neurons[1:] == neurons[:-1]) & (trials[1:] == trials[:-1])
    followed = np.append(within[1:], False)[within] if len(within) else within
    return np.diff(times)[within], neurons[1:][within], followed


def intervals(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the interspike intervals of all neurons, and the neuron of each.

    .. math:: I_k = t_{k+1} - t_k \text{ between successive spikes of one neuron in one trial}

    Parameters
    ----------
    trains : SpikeTrains   times in ms (steps of the schedule for integer units)

    Returns
    -------
    gaps : float64[n_intervals]    ms, >= 0 (or steps), by neuron, then trial, then time; empty without two spikes of a neuron
    neurons : int64[n_intervals]   index in the flattened population

    Raises
    ------
    ParameterError   for anything but SpikeTrains

    Source: Perkel, Gerstein & Moore (1967), Biophys. J. 7:391.
    """
    check_trains("intervals", trains)
    return _ordered(trains)[:2]


def isi_cv(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the coefficient of variation of the interspike intervals of each neuron: 1 for a Poisson process, 0 for a clock.

    .. math:: CV = \sqrt{\langle (I - \langle I \rangle)^2 \rangle} \, / \, \langle I \rangle

    Parameters
    ----------
    trains : SpikeTrains   times in ms

    Returns
    -------
    cv : float64[k]        without unit, >= 0
    neurons : int64[k]     those with at least two intervals, ascending

    Raises
    ------
    ParameterError   for anything but SpikeTrains, or when no neuron has two intervals

    Source: Softky & Koch (1993), J. Neurosci. 13:334.
    """
    check_trains("isi_cv", trains)
    gaps, neurons, _ = _ordered(trains)
    mean, count = _mean("isi_cv", gaps, neurons, trains.n, "two intervals (three spikes)", 2)
    squared = np.bincount(neurons, (gaps - mean[neurons]) ** 2, trains.n)
    chosen = np.flatnonzero(count >= 2)
    # All spikes at one time: equal intervals, as regular as can be.
    divisor = np.where(mean[chosen] > 0.0, mean[chosen], 1.0)
    return np.sqrt(squared[chosen] / count[chosen]) / divisor, chosen


def isi_cv2(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray]:
    r"""Return CV2 of each neuron, which compares neighbours alone and so ignores slow changes of rate: 1 for Poisson, 0 for a clock.

    .. math:: CV_2 = \left\langle 2 |I_{k+1} - I_k| / (I_{k+1} + I_k) \right\rangle

    Parameters
    ----------
    trains : SpikeTrains   times in ms

    Returns
    -------
    cv2 : float64[k]       without unit, in 0 .. 2; two intervals of 0 count as equal
    neurons : int64[k]     those with at least two successive intervals, ascending

    Raises
    ------
    ParameterError   for anything but SpikeTrains, or when no neuron has two successive intervals

    Source: Holt, Softky, Koch & Douglas (1996), J. Neurophysiol. 75:1806.
    """
    contrast, neurons = _contrast("isi_cv2", trains)
    return _by_neuron("isi_cv2", 2.0 * contrast, neurons, trains.n)


def isi_lv(trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the local variation of each neuron: 1 for Poisson, 0 for a clock, above 1 for bursts.

    .. math:: LV = \left\langle 3 (I_{k+1} - I_k)^2 / (I_{k+1} + I_k)^2 \right\rangle

    Parameters
    ----------
    trains : SpikeTrains   times in ms

    Returns
    -------
    lv : float64[k]        without unit, in 0 .. 3; two intervals of 0 count as equal
    neurons : int64[k]     those with at least two successive intervals, ascending

    Raises
    ------
    ParameterError   for anything but SpikeTrains, or when no neuron has two successive intervals

    Source: Shinomoto, Shima & Tanji (2003), Neural Comput. 15:2823.
    """
    contrast, neurons = _contrast("isi_lv", trains)
    return _by_neuron("isi_lv", 3.0 * contrast**2, neurons, trains.n)


def fano_factor(trains: SpikeTrains, width: float, *, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the Fano factor of each neuron's spike counts: 1 for a Poisson process, near 0 for a clock.

    .. math:: F = \mathrm{var}(n) / \langle n \rangle \text{ over successive bins, with the unbiased variance}

    Parameters
    ----------
    trains, width, window   as in `binned_counts`; at least two bins

    Returns
    -------
    fano : float64[k]      without unit, >= 0
    neurons : int64[k]     those that spiked, ascending

    Raises
    ------
    ParameterError   as in `binned_counts`, for fewer than two bins, or when no neuron spiked

    Source: Fano (1947), Phys. Rev. 72:26; Gerstner et al. (2014), Neuronal Dynamics, section 7.2.
    """
    _, counts = counts_by_neuron("fano_factor", trains, width, window, 2)
    mean = counts.mean(axis=0)
    neurons = np.flatnonzero(mean > 0.0)
    if not len(neurons):
        raise ParameterError("fano_factor.trains holds no spikes in the bins: there is no mean to divide by. Simulate for longer.")
    return counts[:, neurons].var(axis=0, ddof=1) / mean[neurons], neurons


def _contrast(owner: str, trains: SpikeTrains) -> tuple[np.ndarray, np.ndarray]:
    """Return abs(difference) / sum of successive intervals, and the neuron of each."""
    check_trains(owner, trains)
    gaps, neurons, followed = _ordered(trains)
    first = np.flatnonzero(followed)
    total = gaps[first + 1] + gaps[first]
    return np.abs(gaps[first + 1] - gaps[first]) / np.where(total > 0.0, total, 1.0), neurons[first]


def _by_neuron(owner: str, terms: np.ndarray, neurons: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    mean, count = _mean(owner, terms, neurons, n, "two successive intervals (three spikes)", 1)
    chosen = np.flatnonzero(count)
    return mean[chosen], chosen


def _mean(owner: str, terms: np.ndarray, neurons: np.ndarray, n: int, needed: str, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of `terms` by neuron and how many each has; a neuron without any has mean 0."""
    count = np.bincount(neurons, minlength=n)
    if not (count >= least).any():
        raise ParameterError(f"{owner}.trains holds no neuron with {needed}. Simulate for longer, or drive the neurons harder.")
    return np.bincount(neurons, terms, n) / np.maximum(count, 1), count

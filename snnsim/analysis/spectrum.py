"""Rhythms: correlograms of spike times and the power spectrum of a population."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.analysis.checks import Window, one_number
from snnsim.analysis.rate import summed_counts
from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains
from snnsim.units import finite_number

_MOST_PAIRS = 2**27


def cross_correlogram(
    times: np.ndarray, others: np.ndarray, *, width: float, max_lag: float, duration: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the rate of one train at given lags from the spikes of another: the rate itself when they are independent.

    .. math:: C(\tau_k) = \frac{\#\{(i, j) : |t'_j - t_i - \tau_k| < \Delta / 2\}}{n \, \Delta \, (1 - |\tau_k| / T)}

    The last factor makes up for spikes that would have fallen outside the run.

    Parameters
    ----------
    times : float[n]      ms, spikes that are the reference, such as ``trains.of(3)``
    others : float[m]     ms, spikes that are counted; at a positive lag they come later
    width : float         ms, > 0; lags are its multiples
    max_lag : float       ms, in width .. duration (excluded)
    duration : float      ms, > 0, of the run both come from

    Returns
    -------
    lags : float64[2 k + 1]   ms, ascending, 0 in the middle
    rate : float64[2 k + 1]   Hz, >= 0

    Raises
    ------
    ParameterError   for a train without spikes, times that are not finite, lags beyond the run, or pairs too many to count

    Source: Perkel, Gerstein & Moore (1967), Biophys. J. 7:419.
    """
    reference, counted = _times("cross_correlogram.times", times), _times("cross_correlogram.others", others)
    return _correlogram("cross_correlogram", reference, counted, width, max_lag, duration, same=False)


def autocorrelogram(times: np.ndarray, *, width: float, max_lag: float, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rate of a train at given lags from its own spikes, as in `cross_correlogram`; no spike is paired with itself.

    Parameters
    ----------
    times : float[n]                    ms, n >= 2
    width, max_lag, duration : float    ms, as in `cross_correlogram`

    Returns
    -------
    lags : float64[2 k + 1]   ms
    rate : float64[2 k + 1]   Hz, the same at lag and -lag

    Raises
    ------
    ParameterError   for fewer than two spikes, and as in `cross_correlogram`

    Source: Perkel, Gerstein & Moore (1967), Biophys. J. 7:391.
    """
    reference = _times("autocorrelogram.times", times)
    if len(reference) < 2:
        raise ParameterError("autocorrelogram.times holds 1 spike but needs 2 for a lag. Simulate for longer.")
    return _correlogram("autocorrelogram", reference, reference, width, max_lag, duration, same=True)


def _times(owner: str, times: Any) -> np.ndarray:
    values: Any = np.asarray(finite_number(owner, times, "ms"))
    if values.ndim != 1 or not len(values):
        raise ParameterError(
            f"{owner} has shape {values.shape} but must hold the spike times of one neuron, at least one. Give trains.of(i)."
        )
    return np.sort(values)


def _correlogram(
    owner: str, reference: np.ndarray, counted: np.ndarray, width: float, max_lag: float, duration: float, *, same: bool
) -> tuple[np.ndarray, np.ndarray]:
    duration = one_number(f"{owner}.duration", duration, "ms", gt=0.0)
    width = one_number(f"{owner}.width", width, "ms", gt=0.0)
    max_lag = one_number(f"{owner}.max_lag", max_lag, "ms", ge=width, lt=duration)
    n_lags = int(np.floor(max_lag / width + 1e-9))
    reach = (n_lags + 0.5) * width
    first, last = np.searchsorted(counted, reference - reach), np.searchsorted(counted, reference + reach, side="right")
    pairs = last - first
    if pairs.sum() > _MOST_PAIRS:
        raise ParameterError(
            f"{owner}.max_lag = {max_lag:g} ms pairs {pairs.sum()} spikes, too many to hold. Take a shorter lag or fewer spikes."
        )
    partner = np.arange(pairs.sum()) - np.repeat(np.cumsum(pairs) - pairs, pairs) + np.repeat(first, pairs)
    # Rounded half to even on both sides of 0, so that an autocorrelogram is symmetric.
    lag = np.rint((counted[partner] - np.repeat(reference, pairs)) / width).astype(np.int64)
    lag = lag[np.abs(lag) <= n_lags]
    counts = np.bincount(lag + n_lags, minlength=2 * n_lags + 1)
    if same:
        counts[n_lags] -= len(reference)
    lags = np.arange(-n_lags, n_lags + 1) * width
    return lags, counts / (len(reference) * width * 1e-3 * (1.0 - np.abs(lags) / duration))


def power_spectrum(
    trains: SpikeTrains, *, width: float = 1.0, segment: float = 1_000.0, window: Window | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the power spectrum of the population's summed spike train, per neuron: flat at the mean rate for Poisson neurons.

    .. math::
        S(f) = \left\langle |\hat n(f)|^2 \right\rangle / \left( N \Delta \textstyle\sum_k w_k^2 \right), \qquad
        \hat n(f) = \textstyle\sum_k w_k (n_k - \bar n) e^{-2 \pi i f k \Delta}

    Welch's method: segments that overlap by half, a Hann taper w, the mean of their periodograms. The spectrum is two-sided, so
    its sum over f and -f, times the spacing of f, is the variance of the population's rate times n. n copies of one train give
    n times the spectrum of one.

    Parameters
    ----------
    trains : SpikeTrains   of one trial, times in ms
    width : float          ms, > 0; the highest frequency is 500 / width Hz
    segment : float        ms, at least 8 bins; the spacing of frequencies is 1000 / segment Hz
    window : (float, float) or None   start and stop, ms; None means the whole run

    Returns
    -------
    frequencies : float64[k]   Hz, > 0: the mean, and with it frequency 0, is taken out
    power : float64[k]         Hz (spikes squared per second), >= 0

    Raises
    ------
    ParameterError   as in `binned_counts`, for a segment below 8 bins or longer than the window, or without spikes

    Source: Welch (1967), IEEE Trans. Audio Electroacoust. 15:70.
    """
    width = one_number("power_spectrum.width", width, "ms", gt=0.0)
    segment = one_number("power_spectrum.segment", segment, "ms", ge=8.0 * width)
    size = int(np.floor(segment / width + 1e-9))
    _, counts = summed_counts("power_spectrum", trains, width, window, 1)
    if len(counts) < size:
        raise ParameterError(
            f"power_spectrum.segment = {segment:g} ms is longer than the {len(counts) * width:g} ms of spikes. "
            "Take a shorter segment, or simulate for longer."
        )
    if not counts.any():
        raise ParameterError("power_spectrum.trains holds no spikes: silence has no spectrum. Simulate for longer.")
    pieces = np.lib.stride_tricks.sliding_window_view(counts - counts.mean(), size)[:: size // 2]
    taper = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    total = np.zeros(size // 2 + 1)
    for piece in pieces:
        total += np.abs(np.fft.rfft(taper * piece)) ** 2
    power = total / (len(pieces) * trains.n * width * 1e-3 * (taper**2).sum())
    return np.fft.rfftfreq(size, width * 1e-3)[1:], power[1:]

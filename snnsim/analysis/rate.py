"""Spike counts and firing rates over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.analysis.checks import Window, bin_numbers, in_window, one_number
from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains
from snnsim.units import finite_number


def binned_counts(trains: SpikeTrains, width: float, *, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes of each neuron in successive bins. A bin holds its end, where the clock engine stamps a step.

    Parameters
    ----------
    trains : SpikeTrains   of one trial, times in ms
    width : float          ms, > 0; a remainder of the window shorter than a bin is left out
    window : (float, float) or None   start and stop, ms; None means the whole run. Give it for a run that continued another

    Returns
    -------
    centres : float64[n_bins]     ms
    counts : int64[n_bins, n]

    Raises
    ------
    ParameterError   for anything but SpikeTrains, several trials, or a window without a whole bin or longer than the run

    Source: Perkel, Gerstein & Moore (1967), Biophys. J. 7:391.
    """
    return counts_by_neuron("binned_counts", trains, width, window, 1)


def counts_by_neuron(owner: str, trains: SpikeTrains, width: float, window: Window | None, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `binned_counts` of at least `least` bins; errors name `owner`."""
    times, indices, start, stop = in_window(owner, trains, window)
    place, n_bins = bin_numbers(owner, times, start, stop, width, trains.n, least)
    kept = place < n_bins
    counts = np.bincount(place[kept] * trains.n + indices[kept], minlength=n_bins * trains.n)
    return _centres(start, width, n_bins), counts.reshape(n_bins, trains.n)


def summed_counts(owner: str, trains: SpikeTrains, width: float, window: Window | None, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (centres, counts) of all neurons together, int64[n_bins], without a column for each."""
    times, _, start, stop = in_window(owner, trains, window)
    place, n_bins = bin_numbers(owner, times, start, stop, width, 1, least)
    return _centres(start, width, n_bins), np.bincount(place[place < n_bins], minlength=n_bins)


def _centres(start: float, width: float, n_bins: int) -> np.ndarray:
    return start + (np.arange(n_bins) + 0.5) * width


def binned_rates(trains: SpikeTrains, width: float, *, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the firing rate of each neuron over time: `binned_counts` by the width of a bin.

    Parameters
    ----------
    trains, width, window   as in `binned_counts`

    Returns
    -------
    centres : float64[n_bins]     ms
    rates : float64[n_bins, n]    Hz

    Raises
    ------
    ParameterError   as in `binned_counts`
    """
    centres, counts = counts_by_neuron("binned_rates", trains, width, window, 1)
    return centres, counts / (width * 1e-3)


def population_rate(trains: SpikeTrains, width: float, *, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the firing rate over time, averaged over the neurons.

    .. math:: A(t) = n(t; t + \Delta t) / (N \Delta t)

    Parameters
    ----------
    trains, width, window   as in `binned_counts`

    Returns
    -------
    centres : float64[n_bins]   ms
    rate : float64[n_bins]      Hz per neuron

    Raises
    ------
    ParameterError   as in `binned_counts`

    Source: Gerstner, Kistler, Naud & Paninski (2014), Neuronal Dynamics, eq. 7.11.
    """
    centres, counts = summed_counts("population_rate", trains, width, window, 1)
    return centres, counts / (trains.n * width * 1e-3)


def smoothed(rates: np.ndarray, width: float, sigma: float) -> np.ndarray:
    r"""Return rates smoothed along time by a Gaussian; at the ends its part inside is scaled up, so that a constant stays itself.

    .. math:: \bar A_k = \sum_j A_j G(k - j) / \sum_j G(k - j), \qquad G(m) = \exp(-(m \Delta t)^2 / 2 \sigma^2)

    Parameters
    ----------
    rates : float[n_bins] or float[n_bins, n]   of `population_rate` or `binned_rates`, in any unit
    width : float                               ms, > 0, of one bin
    sigma : float                               ms, >= width / 2: a narrower Gaussian falls between the bins

    Returns
    -------
    rates : float64, same shape and unit

    Raises
    ------
    ParameterError   for empty or non-finite rates, other shapes, or a sigma below half a bin

    Source: Gerstner, Kistler, Naud & Paninski (2014), Neuronal Dynamics, section 7.3.
    """
    values: Any = np.asarray(finite_number("smoothed.rates", rates, "Hz"))
    if values.ndim not in (1, 2) or values.size == 0:
        raise ParameterError(f"smoothed.rates has shape {values.shape} but must hold (bins,) or (bins, neurons). Give binned rates.")
    width = one_number("smoothed.width", width, "ms", gt=0.0)
    sigma = one_number("smoothed.sigma", sigma, "ms", ge=0.5 * width)
    reach = min(int(np.ceil(5.0 * sigma / width)), len(values) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * width / sigma) ** 2)
    inside = np.convolve(np.ones(len(values)), kernel)[reach : reach + len(values)]
    columns = values.reshape(len(values), -1).T
    rows = [np.convolve(column, kernel)[reach : reach + len(values)] / inside for column in columns]
    return np.stack(rows, axis=1).reshape(values.shape)

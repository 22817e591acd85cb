"""How much neurons act together."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.analysis.checks import Window
from snnsim.analysis.rate import counts_by_neuron, summed_counts
from snnsim.errors import ParameterError
from snnsim.results import Recording, SpikeTrains
from snnsim.units import finite_number


def voltage_synchrony(recording: Recording | np.ndarray) -> float:
    r"""Return chi of a recorded state: 1 when all neurons move as one, about 1 / sqrt(n) when they are independent.

    .. math:: \chi^2 = \mathrm{var}_t \langle v_i \rangle_i \, / \, \langle \mathrm{var}_t \, v_i \rangle_i

    Parameters
    ----------
    recording : Recording or float[n_samples, n]   at least two samples of two neurons, in any unit

    Returns
    -------
    chi : float   without unit, 0 .. 1

    Raises
    ------
    ParameterError   for other shapes, values that are not finite, or a state that never changes

    Source: Golomb & Rinzel (1993), Phys. Rev. E 48:4810; Golomb (2007), Scholarpedia 2(1):1347.
    """
    given = recording.values if isinstance(recording, Recording) else recording
    values: Any = np.asarray(finite_number("voltage_synchrony.recording", given))
    if values.ndim != 2 or min(values.shape) < 2:
        raise ParameterError(
            f"voltage_synchrony.recording has shape {values.shape} but needs (samples, neurons), two or more of both. "
            "Give result.recordings[name]['v'] of two or more neurons."
        )
    # Centred first: the variance of values near -65 mV must not be lost to rounding.
    moving = values - values.mean(axis=0)
    single = float((moving**2).mean())
    if single <= (1e-12 * max(float(np.abs(values).max()), 1e-300)) ** 2:
        raise ParameterError(
            "voltage_synchrony.recording never changes, so nothing can be in step. Drive the neurons or record for longer."
        )
    return float(np.sqrt((moving.mean(axis=1) ** 2).mean() / single))


def count_synchrony(trains: SpikeTrains, width: float, *, window: Window | None = None) -> float:
    r"""Return the Fano factor of the summed spike count: 1 for independent Poisson neurons, n for n copies of one Poisson train.

    .. math:: S = \mathrm{var}\left(\textstyle\sum_i n_i\right) / \left\langle \textstyle\sum_i n_i \right\rangle

    Parameters
    ----------
    trains, width, window   as in `binned_counts`; at least two bins. 3 ms in the source

    Returns
    -------
    synchrony : float   without unit, >= 0

    Raises
    ------
    ParameterError   as in `binned_counts`, for fewer than two bins, or without spikes

    Source: Potjans & Diesmann (2014), Cereb. Cortex 24:785.
    """
    _, counts = summed_counts("count_synchrony", trains, width, window, 2)
    if not counts.any():
        raise ParameterError("count_synchrony.trains holds no spikes in the bins: silence has no synchrony. Simulate for longer.")
    return float(counts.var(ddof=1) / counts.mean())


def correlations(trains: SpikeTrains, width: float, *, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    r"""Return Pearson's correlation coefficients between the binned spike counts of all pairs of neurons.

    .. math:: \rho_{ij} = \mathrm{cov}(n_i, n_j) / \sqrt{\mathrm{var}(n_i) \, \mathrm{var}(n_j)}

    Parameters
    ----------
    trains, width, window   as in `binned_counts`; at least two bins

    Returns
    -------
    rho : float64[k, k]    without unit, -1 .. 1, symmetric, 1 on the diagonal
    neurons : int64[k]     those whose counts vary, ascending: a constant correlates with nothing

    Raises
    ------
    ParameterError   as in `binned_counts`, for fewer than two bins, or when fewer than two neurons have counts that vary

    Source: de la Rocha, Doiron, Shea-Brown, Josic & Reyes (2007), Nature 448:802.
    """
    _, counts = counts_by_neuron("correlations", trains, width, window, 2)
    neurons = np.flatnonzero((counts != counts[0]).any(axis=0))
    if len(neurons) < 2:
        raise ParameterError(
            f"correlations.trains holds {len(neurons)} neurons whose counts vary; a pair needs two. Simulate for longer, or change width."
        )
    moving = counts[:, neurons] - counts[:, neurons].mean(axis=0)
    moving /= np.sqrt((moving**2).sum(axis=0))
    rho = np.clip(moving.T @ moving, -1.0, 1.0)
    np.fill_diagonal(rho, 1.0)
    return rho, neurons

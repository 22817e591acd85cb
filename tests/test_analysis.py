"""Statistics of spike trains."""

import numpy as np

from snnsim.analysis import intervals, isi_cv
from snnsim.results import SpikeTrains


def trains(times, indices, n):
    order = np.lexsort((indices, times))
    return SpikeTrains(np.asarray(times, float)[order], np.asarray(indices)[order], n, 1000.0)


def test_intervals_are_within_neurons():
    gaps, neurons = intervals(trains([1.0, 2.0, 4.0, 7.0, 9.0], [0, 1, 0, 1, 0], 3))
    assert gaps.tolist() == [3.0, 5.0, 5.0] and neurons.tolist() == [0, 0, 1]


def test_cv_is_zero_for_a_clock_one_for_poisson_and_unknown_for_too_few_spikes():
    random = np.random.default_rng(0)
    poisson = np.cumsum(random.exponential(size=20_000))
    times = np.concatenate([np.arange(1.0, 50.0), poisson, [3.0, 5.0]])
    cv = isi_cv(trains(times, np.repeat([0, 1, 2], [49, 20_000, 2]), 4))
    assert cv[0] < 1e-12
    assert abs(cv[1] - 1.0) < 0.03
    assert np.all(np.isnan(cv[2:]))

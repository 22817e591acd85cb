"""Statistics of spike trains."""

import numpy as np
import pytest

from snnsim.analysis import intervals, isi_cv
from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains


def trains(times, indices, n):
    order = np.lexsort((indices, times))
    return SpikeTrains(np.asarray(times, float)[order], np.asarray(indices)[order], n, 1000.0)


def test_intervals_are_within_neurons():
    gaps, neurons = intervals(trains([1.0, 2.0, 4.0, 7.0, 9.0], [0, 1, 0, 1, 0], 3))
    assert gaps.tolist() == [3.0, 5.0, 5.0] and neurons.tolist() == [0, 0, 1]


def test_intervals_do_not_span_trials():
    both = SpikeTrains(np.array([1.0, 2.0, 4.0, 5.0]), np.zeros(4, int), 1, 10.0, trials=np.array([0, 1, 0, 1]))
    gaps, neurons = intervals(both)
    assert gaps.tolist() == [3.0, 3.0] and neurons.tolist() == [0, 0]


@pytest.mark.parametrize("statistic", [intervals, isi_cv])
def test_anything_but_spike_trains_is_refused_with_what_to_give(statistic):
    with pytest.raises(ParameterError, match=rf"{statistic.__name__}\.trains = list must be SpikeTrains.* Give result\.spikes"):
        statistic([1.0, 2.0])


def test_cv_is_zero_for_a_clock_one_for_poisson_and_unknown_for_too_few_spikes():
    random = np.random.default_rng(0)
    poisson = np.cumsum(random.exponential(size=20_000))
    times = np.concatenate([np.arange(1.0, 50.0), poisson, [3.0, 5.0]])
    cv = isi_cv(trains(times, np.repeat([0, 1, 2], [49, 20_000, 2]), 4))
    assert cv[0] < 1e-12
    assert abs(cv[1] - 1.0) < 0.03
    assert np.all(np.isnan(cv[2:]))

"""Poisson spikes at a rate that changes in steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError, WiringError
from snnsim.kernels.varying_poisson import integral
from snnsim.models.poisson import PoissonSource
from snnsim.models.varying_poisson import VaryingPoissonSource
from snnsim.network import Network, Population

TIMES, RATES = np.array([0.0, 200.0, 350.05, 600.0, 800.0]), np.array([20.0, 100.0, 0.0, 300.0, 10.0])
ENGINES = ["event", "clock"]


def run(n, duration, engine, model, dt=0.1, seed=0, start=None):
    net = Network(Population("source", n, model))
    return run_spiking(net, duration=duration, engine=engine, dt=dt, seed=seed, record={"source": ["spikes"]}, start=start)


def integrated(t, times=TIMES, rates=RATES):
    """Return the expected spikes up to each time."""
    known = np.concatenate([[0.0], np.cumsum(rates[:-1] * np.diff(times))])
    at = np.searchsorted(times, t, side="right") - 1
    return 1e-3 * (known[at] + rates[at] * (t - times[at]))


def far_from_even(values):
    """Return the Kolmogorov-Smirnov distance from the uniform distribution on [0, 1] over its 0.1 % point."""
    values, n = np.sort(values), len(values)
    return np.max(np.abs(values - (np.arange(n) + 0.5) / n)) * np.sqrt(n) / 1.95


@pytest.mark.parametrize("engine", ENGINES)
def test_spikes_follow_the_integrated_rate(engine):
    n, end = 200, 1000.0
    trains = run(n, end, engine, VaryingPoissonSource(times=TIMES, rates=RATES), seed=3).spikes["source"]
    total = integrated(np.array([end]))[0]
    assert abs(len(trains.times) - n * total) < 4.0 * np.sqrt(n * total)
    counts = np.bincount(trains.indices, minlength=n)
    assert abs(counts.var() / total - 1.0) < 4.0 * np.sqrt(2.0 / n)
    # A time on the clock stands for its step: spread it over the step.
    times = trains.times if engine == "event" else trains.times - 0.1 * np.random.default_rng(0).random(len(trains.times))
    assert far_from_even(integrated(times) / total) < 1.0
    silent = (trains.times > 350.2) & (trains.times <= 600.0)
    assert not np.any(silent)


def test_rescaled_intervals_are_exponential_and_independent():
    trains = run(100, 1000.0, "event", VaryingPoissonSource(times=TIMES, rates=RATES), seed=5).spikes["source"]
    order = np.lexsort((trains.times, trains.indices))
    grown, neurons = integrated(trains.times[order]), trains.indices[order]
    first = np.append(True, neurons[1:] != neurons[:-1])
    intervals = np.diff(np.append(0.0, grown))
    intervals[first] = grown[first]
    # A run that ends cuts the last interval, so only the first few of each neuron are a fair sample.
    rank = np.arange(len(first)) - np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    early = intervals[rank < 30]
    assert len(early) == 3000 and far_from_even(1.0 - np.exp(-early)) < 1.0
    assert abs(np.corrcoef(early[:-1], early[1:])[0, 1]) < 4.0 / np.sqrt(3000)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_constant_rate_is_a_poisson_source(engine):
    plain = run(50, 500.0, engine, PoissonSource(rate=80.0)).spikes["source"]
    pieces = VaryingPoissonSource(times=[0.0, 100.0, 250.0], rates=[80.0, 80.0, 80.0])
    varying = run(50, 500.0, engine, pieces).spikes["source"]
    np.testing.assert_allclose(varying.times, plain.times, rtol=1e-12)
    np.testing.assert_array_equal(varying.indices, plain.indices)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_neuron_may_have_its_own_rates(engine):
    own = np.array([[0.0, 500.0], [500.0, 0.0], [0.0, 0.0]]).T
    trains = run(3, 1000.0, engine, VaryingPoissonSource(times=[0.0, 400.0], rates=own)).spikes["source"]
    late, early = trains.times[trains.indices == 0], trains.times[trains.indices == 1]
    assert late.min() > 400.0 and early.max() <= 400.0 and not np.any(trains.indices == 2)
    assert abs(len(late) - 300) < 4 * np.sqrt(300) and abs(len(early) - 200) < 4 * np.sqrt(200)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_continued_run_gives_the_same_bits(engine):
    model = VaryingPoissonSource(times=TIMES, rates=RATES)
    whole = run(20, 1000.0, engine, model, seed=9).spikes["source"]
    first = run(20, 300.0, engine, model, seed=9)
    second = run(20, 700.0, engine, model, seed=9, start=first.state)
    for field in ("times", "indices"):
        joined = np.concatenate([getattr(part.spikes["source"], field) for part in (first, second)])
        np.testing.assert_array_equal(joined, getattr(whole, field))
    assert not np.array_equal(run(20, 1000.0, engine, model, seed=8).spikes["source"].indices, whole.indices)


def test_many_spikes_may_fall_into_one_step():
    trains = run(10, 100.0, "clock", VaryingPoissonSource(times=[0.0, 50.5], rates=[2000.0, 8000.0]), dt=1.0).spikes["source"]
    per_step = np.bincount(np.rint(trains.times).astype(int), minlength=101)[1:] / 10
    for steps, mean in ((slice(0, 50), 2.0), (slice(50, 51), 5.0), (slice(51, 100), 8.0)):
        part = per_step[steps]
        assert abs(part.mean() - mean) < 4.0 * np.sqrt(mean / (10 * len(part)))


@given(cuts=st.lists(st.floats(0.01, 20.0), min_size=1, max_size=6, unique=True), begin=st.integers(0, 19), seed=st.integers(0, 2**32 - 1))
def test_the_mean_of_a_step_is_the_integrated_rate_of_the_step(cuts, begin, seed):
    times = np.array([0.0, *sorted(cuts)])
    rate = np.random.default_rng(seed).uniform(0.0, 5.0, len(times))
    at = int(np.searchsorted(times, begin, side="right")) - 1
    for run_integral in (integral, integral.py_func):
        wanted = 1e3 * (integrated(np.array([begin + 1.0]), times, rate) - integrated(np.array([float(begin)]), times, rate))[0]
        assert run_integral(times, rate, at, float(begin), begin + 1.0) == pytest.approx(wanted, abs=1e-9)


def test_the_expected_rate_is_the_mean_over_the_run():
    model = VaryingPoissonSource(times=TIMES, rates=RATES)
    for duration in (100.0, 300.0, 800.0, 2000.0):
        assert model.expected_rate(duration) == pytest.approx(1e3 * integrated(np.array([duration]))[0] / duration)


@pytest.mark.parametrize(
    ("times", "rates", "words"),
    [
        ([0.0, 1.0], [1.0], r"rates has shape \(1,\) but must begin with that of times, \(2,\)"),
        ([1.0, 2.0], [1.0, 1.0], "must rise strictly from 0 ms"),
        ([0.0, 2.0, 2.0], [1.0, 1.0, 1.0], "must rise strictly from 0 ms"),
        ([0.0], [-1.0], r"VaryingPoissonSource\.rates = -1 Hz must be >= 0"),
        ([0.0], [np.nan], r"VaryingPoissonSource\.rates = nan Hz must be finite"),
        ([[0.0]], [[1.0]], "rates has shape"),
    ],
)
def test_wrong_values_are_refused(times, rates, words):
    with pytest.raises(ParameterError, match=words):
        VaryingPoissonSource(times=times, rates=rates)


def test_rates_of_other_neurons_than_there_are_are_refused():
    with pytest.raises(WiringError, match=r"model\.rates has shape \(1, 2\) but must be \(1,\) or \(1, 3\)"):
        Population("source", 3, VaryingPoissonSource(times=[0.0], rates=[[1.0, 2.0]]))

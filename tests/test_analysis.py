"""Statistics of spike trains, against closed forms."""

import warnings

import numpy as np
import pytest

import snnsim as sim
from snnsim import analysis
from snnsim.errors import ParameterError
from snnsim.results import Recording, SpikeTrains


def trains(times, indices, n, duration=1000.0):
    order = np.lexsort((indices, times))
    return SpikeTrains(np.asarray(times, float)[order], np.asarray(indices, np.int64)[order], n, duration)


def poisson(rate, n, duration, seed=0):
    """Independent Poisson trains at `rate` Hz."""
    random = np.random.default_rng(seed)
    counts = random.poisson(rate * duration * 1e-3, n)
    return trains(random.uniform(0.0, duration, counts.sum()), np.repeat(np.arange(n), counts), n, duration)


def copies(rate, n, duration, keep=1.0, seed=0):
    """n trains that each keep every spike of one Poisson train with probability `keep`."""
    random = np.random.default_rng(seed)
    mother = random.uniform(0.0, duration, random.poisson(rate * duration * 1e-3))
    kept = random.random((n, len(mother))) < keep
    return trains(np.concatenate([mother[row] for row in kept]), np.repeat(np.arange(n), kept.sum(axis=1)), n, duration)


def clocks(n=2, gap=10.0, duration=1000.0):
    """Regular trains, in step."""
    ticks = np.arange(gap, duration + gap / 2, gap)
    return trains(np.tile(ticks, n), np.repeat(np.arange(n), len(ticks)), n, duration)


SILENT = trains([], [], 3)
ONE = trains([5.0], [1], 3)

STATISTICS = {
    "intervals": analysis.intervals,
    "isi_cv": analysis.isi_cv,
    "isi_cv2": analysis.isi_cv2,
    "isi_lv": analysis.isi_lv,
    "fano_factor": lambda t: analysis.fano_factor(t, 10.0),
    "binned_counts": lambda t: analysis.binned_counts(t, 10.0),
    "binned_rates": lambda t: analysis.binned_rates(t, 10.0),
    "population_rate": lambda t: analysis.population_rate(t, 10.0),
    "count_synchrony": lambda t: analysis.count_synchrony(t, 10.0),
    "correlations": lambda t: analysis.correlations(t, 10.0),
    "power_spectrum": lambda t: analysis.power_spectrum(t, segment=100.0),
}
DEFINED_IN_SILENCE = {"intervals", "binned_counts", "binned_rates", "population_rate"}


@pytest.mark.parametrize("name", STATISTICS)
def test_anything_but_spike_trains_is_refused_with_what_to_give(name):
    with pytest.raises(ParameterError, match=rf"{name}\.trains = list must be SpikeTrains.* Give result\.spikes"):
        STATISTICS[name]([1.0, 2.0])


@pytest.mark.parametrize("few", [SILENT, ONE], ids=["silent", "one spike"])
@pytest.mark.parametrize("name", sorted(set(STATISTICS) - DEFINED_IN_SILENCE))
def test_too_few_spikes_are_refused_by_name_and_never_give_nan(name, few):
    if few is ONE and name in ("fano_factor", "count_synchrony", "power_spectrum"):
        assert np.isfinite(np.concatenate([np.ravel(part) for part in np.atleast_1d(STATISTICS[name](few))])).all()
        return
    with pytest.raises(ParameterError, match=rf"{name}\.trains holds.*(Simulate|drive)"):
        STATISTICS[name](few)


@pytest.mark.parametrize("name", sorted(DEFINED_IN_SILENCE))
def test_silence_has_rate_zero_and_no_intervals(name):
    assert not np.any(STATISTICS[name](SILENT)[1])


@pytest.mark.parametrize("name", sorted(set(STATISTICS) - {"intervals", "isi_cv", "isi_cv2", "isi_lv"}))
def test_what_has_a_time_axis_refuses_several_trials_and_runs_that_started_late(name):
    both = SpikeTrains(np.array([1.0, 2.0]), np.zeros(2, int), 1, 10.0, trials=np.array([0, 1]))
    with pytest.raises(ParameterError, match=rf"{name}\.trains hold several trials"):
        STATISTICS[name](both)
    with pytest.raises(ParameterError, match=r"spike at 1500 ms, outside 0 \.\. 1000 ms.* Give window"):
        STATISTICS[name](trains([1200.0, 1500.0], [0, 0], 1))


@pytest.mark.parametrize("window", [(5.0, 5.0), (0.0, 2000.0), (-1.0, 5.0), 5.0, (1.0, np.nan)])
def test_a_window_outside_the_run_is_refused(window):
    with pytest.raises(ParameterError, match=r"binned_counts\.window"):
        analysis.binned_counts(clocks(), 1.0, window=window)


@pytest.mark.parametrize(
    ("width", "text"), [(0.0, "must be > 0"), (2000.0, "leaves 0 bins"), (1e-7, "too many"), ([1.0, 2.0], "one number")]
)
def test_a_width_that_makes_no_sensible_bins_is_refused(width, text):
    with pytest.raises(ParameterError, match=rf"binned_counts\.width.*{text}"):
        analysis.binned_counts(clocks(), width)


# --- rates


def test_a_bin_holds_its_end_for_every_step_of_the_clock():
    dt = 0.1
    stamped = trains(np.arange(1, 1001) * dt, np.zeros(1000, int), 1, 100.0)
    for width in (0.1, 0.5, 1.0, 2.5):
        assert (analysis.binned_counts(stamped, width)[1] == round(width / dt)).all()
    centres, counts = analysis.binned_counts(stamped, 1.0, window=(20.0, 50.5))
    assert centres[[0, -1]].tolist() == [20.5, 49.5] and counts.shape == (30, 1)


def test_rates_are_counts_by_time_for_each_neuron_and_for_all():
    some = trains([1.0, 11.0, 12.0, 19.0], [0, 0, 1, 1], 4, 20.0)
    centres, rates = analysis.binned_rates(some, 10.0)
    assert centres.tolist() == [5.0, 15.0] and rates.tolist() == [[100.0, 0, 0, 0], [100.0, 200.0, 0, 0]]
    assert analysis.population_rate(some, 10.0)[1].tolist() == [25.0, 75.0]
    assert rates.mean() == pytest.approx(some.mean_rate())


def test_a_continued_run_is_binned_in_its_own_window():
    one = sim.Network(sim.Population("a", 5, sim.LIF(i_ext=300.0)))
    first = sim.simulate(one, 100.0, engine="clock")
    second = sim.simulate(one, 100.0, start=first.state)
    whole = sim.simulate(one, 200.0, engine="clock").spikes["a"]
    parts = [
        analysis.binned_counts(first.spikes["a"], 10.0)[1],
        analysis.binned_counts(second.spikes["a"], 10.0, window=(100.0, 200.0))[1],
    ]
    assert (np.concatenate(parts) == analysis.binned_counts(whole, 10.0)[1]).all()


def test_smoothing_keeps_a_constant_and_turns_a_pulse_into_a_gaussian():
    assert analysis.smoothed(np.full((50, 3), 7.0), 1.0, 4.0) == pytest.approx(np.full((50, 3), 7.0))
    pulse = np.zeros(201)
    pulse[100] = 1.0
    x = np.arange(-100, 101)
    assert analysis.smoothed(pulse, 0.5, 2.0) == pytest.approx(np.exp(-0.5 * (x / 4.0) ** 2) / (4.0 * np.sqrt(2 * np.pi)), abs=1e-6)
    assert analysis.smoothed([3.0], 1.0, 10.0).tolist() == [3.0]


@pytest.mark.parametrize("arguments", [([], 1.0, 1.0), ([1.0, np.nan], 1.0, 1.0), (np.ones((2, 2, 2)), 1.0, 1.0), ([1.0], 1.0, 0.1)])
def test_smoothing_refuses_what_it_cannot_smooth(arguments):
    with pytest.raises(ParameterError, match=r"smoothed\."):
        analysis.smoothed(*arguments)


# --- regularity


def test_intervals_are_within_neurons():
    gaps, neurons = analysis.intervals(trains([1.0, 2.0, 4.0, 7.0, 9.0], [0, 1, 0, 1, 0], 3))
    assert gaps.tolist() == [3.0, 5.0, 5.0] and neurons.tolist() == [0, 0, 1]


def test_intervals_do_not_span_trials():
    both = SpikeTrains(np.array([1.0, 2.0, 4.0, 5.0]), np.zeros(4, int), 1, 10.0, trials=np.array([0, 1, 0, 1]))
    gaps, neurons = analysis.intervals(both)
    assert gaps.tolist() == [3.0, 3.0] and neurons.tolist() == [0, 0]
    with pytest.raises(ParameterError, match="two successive intervals"):
        analysis.isi_cv2(both)


REGULARITY = [analysis.isi_cv, analysis.isi_cv2, analysis.isi_lv]


@pytest.mark.parametrize("statistic", REGULARITY)
def test_regularity_is_zero_for_a_clock_one_for_poisson_and_leaves_out_neurons_with_too_few_spikes(statistic):
    random = np.random.default_rng(0)
    steady = np.cumsum(random.exponential(size=20_000))
    times = np.concatenate([np.arange(1.0, 50.0), steady, [3.0, 5.0]])
    values, neurons = statistic(trains(times, np.repeat([0, 1, 2], [49, 20_000, 2]), 4))
    assert neurons.tolist() == [0, 1]
    assert values[0] < 1e-12
    assert values[1] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("statistic", [analysis.isi_cv2, analysis.isi_lv])
def test_the_last_interval_of_one_neuron_is_not_compared_with_the_first_of_the_next(statistic):
    values, _ = statistic(trains([1, 2, 3, 4, 10, 20, 30, 40], [0] * 4 + [1] * 4, 2))
    assert values.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("order", [2, 5])
def test_regularity_of_gamma_intervals_is_what_theory_says(order):
    times = np.cumsum(np.random.default_rng(1).gamma(order, size=60_000))
    some = trains(times, np.zeros(60_000, int), 1)
    assert analysis.isi_cv(some)[0][0] == pytest.approx(order**-0.5, rel=0.02)
    assert analysis.isi_lv(some)[0][0] == pytest.approx(3.0 / (2 * order + 1), rel=0.02)  # Shinomoto et al. (2003)


def test_a_slow_change_of_rate_raises_cv_but_not_cv2():
    slow = np.concatenate([np.arange(100) * 1.0, 100.0 + np.arange(100) * 10.0])
    some = trains(slow, np.zeros(200, int), 1, 1200.0)
    assert analysis.isi_cv(some)[0][0] > 0.7 and analysis.isi_cv2(some)[0][0] < 0.02


@pytest.mark.parametrize("statistic", REGULARITY)
def test_spikes_at_one_time_are_regular_not_nan(statistic):
    values, _ = statistic(trains([2.0, 2.0, 2.0], [0, 0, 0], 1))
    assert values.tolist() == [0.0]


def test_fano_factor_is_one_for_poisson_zero_for_a_clock_and_needs_two_bins():
    values, neurons = analysis.fano_factor(poisson(40.0, 50, 20_000.0), 50.0)
    assert len(neurons) == 50 and values.mean() == pytest.approx(1.0, abs=0.03)
    assert analysis.fano_factor(clocks(), 100.0)[0].tolist() == [0.0, 0.0]
    with pytest.raises(ParameterError, match="leaves 1 bins .* needs 2"):
        analysis.fano_factor(clocks(), 600.0)


# --- synchrony


def test_chi_is_one_in_step_and_one_over_root_n_when_independent():
    wave = np.sin(np.arange(1000.0))[:, None]
    times = np.arange(1000.0)
    assert analysis.voltage_synchrony(Recording(times, -65.0 + np.tile(wave, 30))) == pytest.approx(1.0)
    noise = np.random.default_rng(0).normal(size=(4000, 100))
    assert analysis.voltage_synchrony(noise) == pytest.approx(0.1, rel=0.1)
    half = 0.6 * noise[:, :1] + 0.8 * noise  # a shared part with 0.36 of the variance
    assert analysis.voltage_synchrony(half[:, 1:]) == pytest.approx(np.sqrt(0.36 + 0.64 / 99), rel=0.05)


@pytest.mark.parametrize(
    "values", [np.zeros((0, 0)), np.ones((1, 5)), np.ones((5, 1)), np.full((9, 4), -65.0), [[1.0, np.nan], [1.0, 2.0]]]
)
def test_chi_refuses_what_has_no_common_motion(values):
    with pytest.raises(ParameterError, match=r"voltage_synchrony\.recording"):
        analysis.voltage_synchrony(values)


def test_count_synchrony_is_one_for_independent_poisson_neurons_and_n_for_copies():
    assert analysis.count_synchrony(poisson(10.0, 50, 50_000.0), 5.0) == pytest.approx(1.0, abs=0.05)
    assert analysis.count_synchrony(copies(10.0, 50, 50_000.0), 5.0) == pytest.approx(50.0, rel=0.05)


@pytest.mark.parametrize("keep", [0.2, 0.6])
def test_thinned_copies_correlate_by_the_probability_of_keeping_a_spike(keep):
    rho, _ = analysis.correlations(copies(40.0, 6, 100_000.0, keep), 5.0)
    assert rho.shape == (6, 6) and (np.diag(rho) == 1.0).all() and (rho == rho.T).all()
    assert rho[np.triu_indices(6, 1)].mean() == pytest.approx(keep, abs=0.015)


def test_correlations_leave_out_neurons_that_never_vary_and_reach_both_ends():
    some = trains([1.0, 11.0, 12.0, 21.0, 5.0, 15.0, 25.0], [0, 1, 0, 0, 2, 2, 2], 4, 40.0)
    _, neurons = analysis.correlations(some, 10.0)
    assert neurons.tolist() == [0, 1, 2]
    two = trains([1.0, 21.0, 11.0, 31.0], [0, 0, 1, 1], 2, 40.0)
    assert analysis.correlations(two, 10.0)[0][0, 1] == pytest.approx(-1.0)


# --- rhythms


def test_a_correlogram_of_independent_trains_is_the_rate_of_the_counted_one():
    both = poisson(30.0, 2, 200_000.0)
    lags, rate = analysis.cross_correlogram(both.of(0), both.of(1), width=5.0, max_lag=100.0, duration=200_000.0)
    assert lags[[0, 20, -1]].tolist() == [-100.0, 0.0, 100.0]
    assert rate.mean() == pytest.approx(len(both.of(1)) / 200.0, rel=0.02)
    assert rate.std() < 0.15 * rate.mean()


def test_a_correlogram_finds_the_delay_and_makes_up_for_the_ends():
    times = np.arange(10.0, 500.0, 10.0)
    lags, rate = analysis.cross_correlogram(times, times + 3.0, width=1.0, max_lag=5.0, duration=500.0)
    assert lags[rate > 0].tolist() == [3.0]
    ticks = clocks(1, 10.0, 1000.0).of(0)
    lags, rate = analysis.autocorrelogram(ticks, width=1.0, max_lag=305.0, duration=1000.0)
    peaks = rate[rate > 0]
    assert lags[rate > 0].tolist() == [k for k in range(-300, 301, 10) if k]
    assert peaks == pytest.approx(np.full(60, 1000.0))  # certain within its bin of 1 ms
    assert rate == pytest.approx(rate[::-1])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: analysis.autocorrelogram([1.0], width=1.0, max_lag=5.0, duration=10.0), "holds 1 spike but needs 2"),
        (lambda: analysis.autocorrelogram([], width=1.0, max_lag=5.0, duration=10.0), "at least one"),
        (lambda: analysis.cross_correlogram([1.0], [], width=1.0, max_lag=5.0, duration=10.0), "others has shape"),
        (lambda: analysis.cross_correlogram([np.inf], [1.0], width=1.0, max_lag=5.0, duration=10.0), "must be finite"),
        (lambda: analysis.cross_correlogram([1.0], [1.0], width=1.0, max_lag=10.0, duration=10.0), "must be < 10 ms"),
        (lambda: analysis.cross_correlogram(np.ones(20_000), np.ones(20_000), width=1.0, max_lag=5.0, duration=10.0), "too many"),
        (lambda: analysis.power_spectrum(clocks(), segment=5.0), "must be >= 8"),
        (lambda: analysis.power_spectrum(clocks(), segment=2000.0), "longer than the 1000 ms of spikes"),
    ],
)
def test_rhythms_of_too_little_are_refused(call, text):
    with pytest.raises(ParameterError, match=text):
        call()


def test_the_spectrum_of_poisson_neurons_is_flat_at_their_rate():
    frequencies, power = analysis.power_spectrum(poisson(25.0, 20, 100_000.0), width=2.0, segment=500.0)
    assert frequencies[[0, -1]].tolist() == [2.0, 250.0]
    assert power.mean() == pytest.approx(25.0, rel=0.02)
    assert np.abs(np.array([part.mean() for part in np.array_split(power, 5)]) / 25.0 - 1.0).max() < 0.05


def test_copies_have_n_times_the_spectrum_and_a_rhythm_has_its_peak():
    _, power = analysis.power_spectrum(copies(25.0, 8, 100_000.0))
    assert power.mean() == pytest.approx(8 * 25.0, rel=0.05)
    random = np.random.default_rng(0)
    waves = np.arange(25.0, 20_000.0, 25.0)[:, None] + random.normal(0.0, 2.0, (799, 10))
    frequencies, power = analysis.power_spectrum(trains(waves.ravel(), np.tile(np.arange(10), 799), 10, 20_050.0))
    assert frequencies[power.argmax()] == 40.0


def test_the_sum_of_the_spectrum_is_the_variance_of_the_rate():
    some = poisson(20.0, 5, 60_000.0)
    frequencies, power = analysis.power_spectrum(some, width=5.0, segment=500.0)
    _, rate = analysis.population_rate(some, 5.0)
    both_sides = 2.0 * power[:-1].sum() + power[-1]
    assert both_sides * (frequencies[1] - frequencies[0]) == pytest.approx(5 * rate.var(), rel=0.03)


# --- weights


def test_the_weight_matrix_is_what_the_run_used():
    a, b = sim.Population("a", 6, sim.LIF()), sim.Population("b", 4, sim.LIF())
    weight = np.arange(24.0)
    full = sim.Network(sim.Projection(a, b, sim.AllToAll(), weight=weight, delay=np.linspace(0.1, 5.0, 24)[::-1]))
    assert (analysis.weight_matrix(full, "a -> b") == weight.reshape(6, 4)).all()
    some = sim.Network(sim.Projection(a, b, sim.FixedProbability(0.4), weight=0.5, plasticity=sim.PairSTDP()))
    start = analysis.weight_matrix(some, "a -> b", seed=3)
    final = sim.simulate(some, 10.0, seed=3).weights["a -> b"]
    assert np.nansum(start) == 0.5 * len(final) and 0 < len(final) < 24
    again = analysis.weight_matrix(some, "a -> b", seed=3, weights=np.arange(len(final)) + 1.0)
    assert (np.isnan(again) == np.isnan(start)).all()
    assert again[~np.isnan(again)].tolist() == list(range(1, len(final) + 1))


@pytest.mark.parametrize(
    ("change", "text"),
    [({"network": 5}, "must be a Network"), ({"projection": "b -> a"}, "Valid: a -> b"), ({"weights": np.ones(3)}, "has 24 synapses")],
)
def test_a_weight_matrix_of_nothing_is_refused(change, text):
    a, b = sim.Population("a", 6, sim.LIF()), sim.Population("b", 4, sim.LIF())
    with pytest.raises(ParameterError, match=text):
        analysis.weight_matrix(**{"network": sim.Network(sim.Projection(a, b, sim.AllToAll())), "projection": "a -> b"} | change)


@pytest.fixture(autouse=True)
def no_warning_from_numpy():
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="First-class function type feature is experimental")
        yield

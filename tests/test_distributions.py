"""Distributions of weights and delays."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.connect import AllToAll, OneToOne
from snnsim.distributions import _CHUNK, LogNormal, Normal, Uniform, draw_single, draw_steps, sample
from snnsim.errors import ParameterError, WiringError
from snnsim.models.lif import LIF
from snnsim.models.poisson import PoissonSource
from snnsim.models.staircase import Staircase
from snnsim.network import Network, Population, Projection, description_digest

PRE, POST = Population("pre", 20, PoissonSource(rate=5.0)), Population("post", 30, LIF())
FREE = [
    Normal(mean=0.4, std=0.1), LogNormal(median=2.0, sigma=0.5), LogNormal(median=-2.0, sigma=0.5), Uniform(low=-1.0, high=3.0),
    Normal(mean=0.4, std=0.3, low=0.0), Normal(mean=0.0, std=1.0, low=-0.5, high=2.0), LogNormal(median=1.0, sigma=1.0, high=1.5),
    LogNormal(median=-1.0, sigma=1.0, low=-1.5, high=-0.5),
]  # fmt: skip


@pytest.mark.parametrize("distribution", FREE, ids=repr)
def test_values_follow_the_distribution_cut_at_its_bounds(distribution):
    n = 20_000
    values = np.sort(sample(distribution, n, np.random.default_rng(2)))
    low, high = distribution.bounds
    assert values[0] >= low and values[-1] <= high
    lost = distribution.below(low) if math.isfinite(low) else 0.0
    share = (distribution.below(high) if math.isfinite(high) else 1.0) - lost
    wanted = (np.array([distribution.below(x) for x in values]) - lost) / share
    # Kolmogorov-Smirnov, 0.1 % point.
    assert np.max(np.abs(wanted - (np.arange(n) + 0.5) / n)) < 1.95 / np.sqrt(n)


def test_the_parameters_are_those_of_numpy():
    n = 100_000
    values = sample(LogNormal(median=3.0, sigma=0.25), n, np.random.default_rng(0))
    assert abs(np.log(values).mean() - np.log(3.0)) < 4 * 0.25 / np.sqrt(n) and abs(np.log(values).std() / 0.25 - 1.0) < 0.02
    values = sample(Normal(mean=-1.0, std=2.0), n, np.random.default_rng(0))
    assert abs(values.mean() + 1.0) < 8.0 / np.sqrt(n) and abs(values.std() / 2.0 - 1.0) < 0.02


def test_a_step_gives_multiples_within_the_bounds_and_no_heap_at_them():
    values = sample(Normal(mean=1.5, std=0.75, low=0.3, high=2.1, step=0.1), 50_000, np.random.default_rng(4))
    whole = np.rint(values / 0.1)
    np.testing.assert_allclose(values, whole * 0.1, rtol=1e-15)
    assert whole.min() == 3 and whole.max() == 21
    counts = np.bincount(whole.astype(int))[3:]
    raw = Normal(mean=1.5, std=0.75)
    p = np.array([raw.below(0.1 * (k + 0.5)) - raw.below(0.1 * (k - 0.5)) for k in range(3, 22)])
    expected = 50_000 * p / p.sum()
    assert np.sum((counts - expected) ** 2 / expected) < 42.3  # 0.1 % point of chi-square with 18 degrees of freedom


@pytest.mark.parametrize("distribution", [*FREE, Normal(mean=1.5, std=0.75, low=0.1, step=0.1)], ids=repr)
def test_numbers_of_single_precision_are_the_sample_rounded(distribution):
    n = 2 * _CHUNK + 7
    exact = sample(distribution, n, np.random.default_rng(6))
    single = draw_single(distribution, n, np.random.default_rng(6))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=2.0**-23)
    low, high = (bound * (distribution.step or 1.0) for bound in distribution.bounds)
    assert single.min() >= np.float64(low) and single.max() <= np.float64(high)


def test_rounding_to_single_precision_does_not_cross_a_bound():
    third = 1.0 / 3.0  # the nearest single is larger
    assert np.float64(np.float32(third)) > third
    for low, high in ((third - 5e-8, third), (-third, -third + 5e-8)):
        values = draw_single(Uniform(low=low, high=high), 1000, np.random.default_rng(0)).astype(np.float64)
        assert low <= values.min() <= values.max() <= high


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (Uniform(low=0.1 - 1e-12, high=0.1), "must have a number of single precision between its bounds"),
        (Normal(mean=1e39, std=1e37), r"must stay below 3\.4e38"),
    ],
)
def test_what_single_precision_cannot_hold_is_refused(distribution, words):
    with pytest.raises(ParameterError, match=words):
        draw_single(distribution, 100, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("distribution", "dtype"),
    [
        (Normal(mean=1.5, std=0.75, low=0.1, high=25.5, step=0.1), np.uint8),
        (Normal(mean=20.0, std=2.0, low=0.1, step=0.1), np.uint16),
        (LogNormal(median=1e4, sigma=1.0, step=0.1), np.uint32),
    ],
)
def test_steps_are_the_sample_counted_in_the_narrowest_integers(distribution, dtype):
    n = _CHUNK + 3
    steps = draw_steps(distribution, n, np.random.default_rng(1))
    assert steps.dtype == dtype
    np.testing.assert_array_equal(steps * 0.1, sample(distribution, n, np.random.default_rng(1)))


def test_a_rare_large_number_of_steps_widens_those_before_it():
    # The first chunk fits one byte; a later one does not.
    distribution = LogNormal(median=10.0, sigma=0.71, step=1.0)
    n = 3 * _CHUNK
    whole = sample(distribution, n, np.random.default_rng(9))
    assert whole.max() > 255.0
    np.testing.assert_array_equal(draw_steps(distribution, n, np.random.default_rng(9)), whole)


def test_steps_need_a_step_and_no_sign():
    with pytest.raises(ParameterError, match=r"Normal\.step = None must be a number"):
        draw_steps(Normal(mean=1.0, std=1.0), 5, np.random.default_rng(0))
    with pytest.raises(ParameterError, match=r"Normal gave -\d.* must be >= 0"):
        draw_steps(Normal(mean=0.0, std=1.0, step=0.1), 50, np.random.default_rng(0))


@pytest.mark.parametrize("draw", [sample, draw_single, draw_steps])
def test_a_longer_draw_begins_with_the_chunks_of_a_shorter_one(draw):
    distribution = Normal(mean=2.0, std=2.0, low=0.1, step=0.1)
    whole, part = (draw(distribution, n, np.random.default_rng(2)) for n in (3 * _CHUNK, 2 * _CHUNK))
    np.testing.assert_array_equal(whole[: 2 * _CHUNK], part)


@given(n=st.integers(0, 50), seed=st.integers(0, 2**32 - 1))
def test_the_same_generator_gives_the_same_bits(n, seed):
    first, second = (sample(FREE[4], n, np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == (n,) and first.dtype == np.float64 and first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Normal(mean=0.0, std=0.0), r"Normal\.std = 0 must be > 0"),
        (lambda: Normal(mean=[0.0, 1.0], std=1.0), r"Normal\.mean = .* must be one number"),
        (lambda: Normal(mean=0.0, std=1.0, low=2.0, high=1.0), r"Normal\.low = 2 must be < high = 1"),
        (lambda: Normal(mean=0.0, std=1.0, low=9.0), r"Normal has .* % of its draws within low = 9\.0"),
        (lambda: Normal(mean=0.0, std=1.0, low=0.01, high=0.09, step=0.1), r"Normal\.step = 0\.1 has no multiple between"),
        (lambda: LogNormal(median=0.0, sigma=1.0), r"LogNormal\.median = 0 must be > 0"),
        (lambda: LogNormal(median=1.0, sigma=1.0, high=0.0), r"LogNormal has 0 % of its draws"),
        (lambda: Uniform(low=1.0, high=1.0), r"Uniform\.low = 1 must be < high = 1"),
        (lambda: Uniform(low=0.0, high=np.inf), r"Uniform\.high = inf must be finite"),
    ],
)
def test_wrong_values_are_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


@pytest.mark.parametrize("delay", [Normal(mean=1.0, std=0.1), LogNormal(median=1.0, sigma=0.1, step=0.1), Uniform(low=0.0, high=1.0)])
def test_a_projection_refuses_delays_that_may_not_be_positive(delay):
    with pytest.raises(ParameterError, match=r"Projection\('pre' -> 'post'\)\.delay = .* must be > 0 ms in every draw"):
        Projection(PRE, POST, AllToAll(), delay=delay)


@pytest.mark.parametrize("delay", [LogNormal(median=1.0, sigma=0.1), Normal(mean=1.0, std=0.5, low=0.1), Uniform(low=0.5, high=1.0)])
def test_a_projection_takes_distributions_of_positive_delays(delay):
    projection = Projection(PRE, POST, AllToAll(), weight=Normal(mean=0.0, std=1.0), delay=delay)
    assert projection.delay is delay


def test_integer_units_take_no_distribution():
    a, b = (Population(name, 3, Staircase(theta=1, s_min=-3, s_max=3)) for name in "ab")
    with pytest.raises(WiringError, match="integer units take whole numbers, not a Normal"):
        Projection(a, b, OneToOne(), weight=Normal(mean=0.0, std=1.0))


def test_the_digest_of_a_network_knows_its_distributions():
    def digest(weight):
        return description_digest(Network(Projection(PRE, POST, AllToAll(), weight=weight)))

    assert digest(Normal(mean=0.0, std=1.0)) == digest(Normal(mean=0.0, std=1.0))
    names = [digest(weight) for weight in (*FREE, None, 0.4)]
    assert len(set(names)) == len(names)

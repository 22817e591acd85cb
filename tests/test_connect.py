"""Connectors."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synapse_lists import listed

from snnsim.connect import AllToAll, Dense, FixedProbability, FromArrays, OneToOne, Product, SumOver
from snnsim.errors import ParameterError, WiringError

SIZES = st.integers(1, 12)


def synapses(connector, n_pre, n_post, same=False, seed=0):
    return listed(connector.synapses(n_pre, n_post, same=same, random=np.random.default_rng(seed)))


@given(n=SIZES)
def test_one_to_one_joins_equal_numbers(n):
    source, target, entry, _ = synapses(OneToOne(), n, n)
    assert source.tolist() == target.tolist() == list(range(n)) and entry is None
    with pytest.raises(WiringError, match=f"joins {n} to {n + 1} units"):
        OneToOne().check("here", (n,), (n + 1,))


@settings(deadline=None)
@given(n_pre=SIZES, n_post=SIZES, p=st.floats(0.0, 1.0), seed=st.integers(0, 2**32 - 1))
def test_fixed_probability_lists_distinct_pairs_in_order(n_pre, n_post, p, seed):
    source, target, *_ = synapses(FixedProbability(p), n_pre, n_post, seed=seed)
    pairs = source * n_post + target
    assert np.all(np.diff(pairs) > 0)
    assert np.all((source >= 0) & (source < n_pre) & (target >= 0) & (target < n_post))


@pytest.mark.parametrize("p", [0.0, 1e-4, 0.02, 0.5, 0.99, 1.0])
def test_fixed_probability_makes_the_expected_number_evenly_over_targets(p):
    _, target, *_ = synapses(FixedProbability(p), 500, 400, seed=1)
    n = 200_000
    assert abs(len(target) - n * p) <= 4.0 * np.sqrt(n * p * (1 - p))
    halves = np.sum(target < 200), np.sum(target >= 200)
    assert abs(halves[0] - halves[1]) <= 4.0 * np.sqrt(n * p * (1 - p))


@pytest.mark.parametrize("p", [0.03, 0.4, 0.8])
def test_fixed_probability_is_an_independent_toss_for_every_pair(p):
    """Degrees of both sides are binomial, and pairs of one row or column are uncorrelated."""
    rows, trials = 12, 4000
    tosses = np.zeros((trials, rows, rows))
    for seed in range(trials):
        source, target, *_ = synapses(FixedProbability(p), rows, rows, seed=seed)
        tosses[seed, source, target] = 1.0
    error = 4.5 * np.sqrt(p * (1 - p) / trials)
    assert np.max(np.abs(tosses.mean(axis=0) - p)) < error
    for degree in (tosses.sum(axis=1), tosses.sum(axis=2)):
        counts = np.bincount(degree.astype(int).ravel(), minlength=rows + 1)
        expected = degree.size * np.array([comb(rows, k) * p**k * (1 - p) ** (rows - k) for k in range(rows + 1)])
        # Degrees of one trial and side come from different pairs: independent.
        assert np.sum((counts - expected)[expected > 5] ** 2 / expected[expected > 5]) < 32.9  # 0.1 % point, 12 degrees of freedom
    for a, b in (((0, 0), (0, 1)), ((3, 2), (3, 9)), ((0, 0), (1, 0)), ((5, 7), (6, 8))):
        assert abs(np.corrcoef(tosses[:, *a], tosses[:, *b])[0, 1]) < 4.5 / np.sqrt(trials)


@pytest.mark.parametrize("n_pre", [1, 300])
@pytest.mark.parametrize("p", [1e-300, 1e-12, 1.0 - 2.0**-53])
def test_extreme_probabilities_make_nothing_or_everything(n_pre, p):
    source, target, *_ = synapses(FixedProbability(p), n_pre, 70_000)
    assert len(source) == len(target) == (n_pre * 70_000 if p > 0.5 else 0)


@pytest.mark.parametrize("connector", [AllToAll(), FixedProbability(1.0), FixedProbability(0.5), OneToOne()])
def test_one_neuron_joins_one_neuron(connector):
    counts = [len(synapses(connector, 1, 1, seed=seed).source) for seed in range(40)]
    assert set(counts) == ({0, 1} if isinstance(connector, FixedProbability) and connector.p == 0.5 else {1})
    assert len(synapses(connector, 1, 1, same=True).source) == isinstance(connector, OneToOne)


@pytest.mark.parametrize("n", [1 << 16, (1 << 16) + 1])
@pytest.mark.parametrize("connector", [AllToAll, lambda **k: FixedProbability(1.0, **k), lambda **k: FixedProbability(0.999, **k)])
def test_targets_take_two_bytes_where_they_fit(connector, n):
    drawn = connector().synapses(2, n, same=np.array([n - 1, n]), random=np.random.default_rng(0))
    assert drawn.target.dtype == (np.uint16 if n == 1 << 16 else np.uint32)
    first, second = (drawn.target[slice(*drawn.row_ptr[k : k + 2])].astype(np.int64) for k in (0, 1))
    assert first[-1] < n - 1 and second[-1] >= n - 20 and np.all(np.diff(second) > 0)


@pytest.mark.parametrize("connector", [AllToAll, lambda **k: FixedProbability(1.0, **k)])
def test_a_source_that_is_some_target_is_not_joined_to_it(connector):
    own = np.array([3, 5, 0, 5])
    source, target, *_ = synapses(connector(), 4, 5, same=own)
    assert [target[source == k].tolist() for k in range(4)] == [[0, 1, 2, 4], [0, 1, 2, 3, 4], [1, 2, 3, 4], [0, 1, 2, 3, 4]]
    assert len(synapses(connector(autapses=True), 4, 5, same=own).source) == 20


@pytest.mark.parametrize("connector", [AllToAll, lambda **k: FixedProbability(1.0, **k)])
def test_a_population_is_not_joined_to_itself_unless_asked(connector):
    assert len(synapses(connector(), 5, 5, same=True).source) == 20
    assert len(synapses(connector(autapses=True), 5, 5, same=True).source) == 25
    assert len(synapses(connector(), 5, 5, same=False).source) == 25


def test_listed_synapses_are_sorted_and_remember_where_they_stood():
    given_source, given_target = np.array([2, 0, 2, 1]), np.array([1, 3, 0, 2])
    source, target, entry, _ = synapses(FromArrays(given_source, given_target), 3, 4)
    assert list(zip(source, target, strict=True)) == [(0, 3), (1, 2), (2, 0), (2, 1)]
    np.testing.assert_array_equal(given_source[entry], source)
    np.testing.assert_array_equal(given_target[entry], target)


def test_wrong_values_are_refused():
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(ParameterError, match=r"FixedProbability\.p"):
            FixedProbability(p)
    with pytest.raises(ParameterError, match="must hold whole numbers"):
        FromArrays([0.5], [1])
    with pytest.raises(ParameterError, match="2 and target 1 entries"):
        FromArrays([0, 1], [1])
    for bad in ([3], [-1]):
        with pytest.raises(WiringError, match=r"FromArrays\.source holds -?\d but must lie in 0 \.\. 2"):
            FromArrays(bad, [0]).check("here", (3,), (3,))


def test_structured_connectors_refuse_shapes_they_cannot_join():
    Dense(np.ones((3, 2), dtype=int)).check("here", (5, 3), (5, 2))
    with pytest.raises(WiringError, match="cannot join"):
        Dense(np.ones((3, 2), dtype=int)).check("here", (5, 3), (4, 2))
    with pytest.raises(ParameterError, match=r"Dense.weight = 32768 must be <= 32767"):
        Dense(np.full((1, 1), 32768))
    SumOver().check("here", (5, 3), (3,))
    with pytest.raises(WiringError, match="SumOver joins"):
        SumOver().check("here", (5, 3), (5,))


@pytest.mark.parametrize("subscripts", ["ij", "ij,jk", "ij,jk->", "ii,jk->ik", "ij,kl->ik", "ij,jk->im"])
def test_a_product_refuses_subscripts_that_mean_nothing(subscripts):
    with pytest.raises(ParameterError, match=r"Product\.subscripts"):
        Product(None, subscripts)


def test_a_product_works_out_split_axes_from_the_post_population():
    product = Product(None, "ihd,jhd->hij")
    with pytest.raises(WiringError, match="does not fit"):
        product.sizes("here", (16, 32), (16, 33), (4, 16, 16))
    assert product.sizes("here", (16, 32), (16, 32), (4, 16, 16)) == {"h": 4, "i": 16, "j": 16, "d": 8}

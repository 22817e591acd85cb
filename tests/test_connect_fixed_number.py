"""Connectors with a fixed number of synapses."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synapse_lists import listed

from snnsim.connect import FixedInDegree, FixedOutDegree, FixedTotalNumber
from snnsim.connect.fixed_number import hypergeometric, multinomial
from snnsim.errors import ParameterError, WiringError

RULES = [FixedInDegree, FixedOutDegree, FixedTotalNumber]


def synapses(connector, n_pre, n_post, same=False, seed=0):
    return listed(connector.synapses(n_pre, n_post, same=same, random=np.random.default_rng(seed)))


def chi_square(counts):
    """Return chi-square against equal cells, standardised: about normal for many cells."""
    expected = counts.sum() / counts.size
    free = counts.size - 1
    return (np.sum((counts - expected) ** 2) / expected - free) / np.sqrt(2.0 * free)


@given(n_pre=st.integers(1, 9), n_post=st.integers(1, 9), same=st.booleans(), autapses=st.booleans(), multapses=st.booleans(),
       n=st.integers(0, 12), seed=st.integers(0, 2**32 - 1))  # fmt: skip
@pytest.mark.parametrize("rule", RULES)
def test_the_number_is_exact_and_pairs_are_those_asked_for(rule, n_pre, n_post, same, autapses, multapses, n, seed):
    n_post = n_pre if same else n_post
    out = same and not autapses
    room = {FixedInDegree: n_pre - out, FixedOutDegree: n_post - out, FixedTotalNumber: n_pre * (n_post - out)}[rule]
    connector = rule(n, autapses=autapses, multapses=multapses)
    if n > room and not (multapses and room):
        with pytest.raises(WiringError, match=rf"{rule.__name__}\.n = {n} must be <= {room}"):
            synapses(connector, n_pre, n_post, same, seed)
        return
    source, target, entry, weight = synapses(connector, n_pre, n_post, same, seed)
    assert entry is None and weight is None and source.dtype == target.dtype == np.int64
    pairs = source * n_post + target
    assert np.all(np.diff(pairs) >= 0) and (multapses or np.all(np.diff(pairs) > 0))
    assert np.all((source >= 0) & (source < n_pre) & (target >= 0) & (target < n_post))
    assert not (out and np.any(source == target))
    if rule is FixedInDegree:
        assert np.all(np.bincount(target, minlength=n_post) == n)
    elif rule is FixedOutDegree:
        assert np.all(np.bincount(source, minlength=n_pre) == n)
    assert len(source) == {FixedInDegree: n * n_post, FixedOutDegree: n * n_pre, FixedTotalNumber: n}[rule]
    again = synapses(connector, n_pre, n_post, same, seed)
    np.testing.assert_array_equal(again.source, source)
    np.testing.assert_array_equal(again.target, target)


@pytest.mark.parametrize(("n", "k"), [(5, 2), (6, 3), (6, 4), (4, 1)])
def test_every_subset_is_equally_likely(n, k):
    rows = 30_000
    found = dict.fromkeys(combinations(range(n), k), 0)
    for row in synapses(FixedOutDegree(k), rows, n, seed=3).target.reshape(rows, k).tolist():
        found[tuple(row)] += 1
    assert abs(chi_square(np.array(list(found.values())))) < 4.0


def test_every_multiset_is_as_likely_as_its_orders():
    rows, n, k = 30_000, 3, 3
    found = Counter(map(tuple, synapses(FixedOutDegree(k, multapses=True), rows, n, seed=4).target.reshape(rows, k).tolist()))
    orders = Counter(tuple(sorted(values)) for values in product(range(n), repeat=k))
    assert set(found) == set(orders)
    expected = {row: rows * ways / n**k for row, ways in orders.items()}
    assert sum((found[row] - expected[row]) ** 2 / expected[row] for row in orders) < 27.9  # 0.1 % point, 9 degrees of freedom


@pytest.mark.parametrize(("share", "repeat"), [(multinomial, 1), (hypergeometric, 0)])
def test_the_numbers_of_the_rows_have_their_mean_and_covariance(share, repeat):
    width, n, trials = np.array([5, 40, 1, 30, 0, 24]), 37, 20_000
    random = np.random.default_rng(5)
    counts = np.array([share(n, width, random) for _ in range(trials)])
    assert np.all(counts.sum(axis=1) == n) and counts.min() >= 0 and (repeat or np.all(counts <= width))
    q = width / width.sum()
    covariance = n * (np.diag(q) - np.outer(q, q)) * (1.0 if repeat else (100 - n) / 99)
    np.testing.assert_allclose(counts.mean(axis=0), n * q, atol=4.0 * np.sqrt(covariance.max() / trials))
    np.testing.assert_allclose(np.cov(counts.T), covariance, atol=0.25)


def test_all_pairs_and_none_can_be_shared_out():
    width, random = np.array([3, 0, 7]), np.random.default_rng(0)
    assert hypergeometric(10, width, random).tolist() == [3, 0, 7]
    for share in (multinomial, hypergeometric):
        assert share(0, width, random).tolist() == [0, 0, 0]


@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize(("rule", "n"), [(FixedInDegree, 60), (FixedOutDegree, 190), (FixedTotalNumber, 16_000)])
def test_pairs_are_drawn_evenly(rule, n, same, multapses):
    size, counts = 200, np.zeros((200, 200))
    for seed in range(4):
        source, target, *_ = synapses(rule(n, multapses=multapses), size, size, same, seed)
        np.add.at(counts, (source, target), 1)
    allowed = ~np.eye(size, dtype=bool) if same else np.ones((size, size), dtype=bool)
    assert not np.any(counts[~allowed])
    # Without repeats a pair's count varies less than chi-square assumes: only too large a value is evidence.
    assert chi_square(counts[allowed]) < 4.0
    if multapses:
        assert chi_square(counts[allowed]) > -4.0
    for axis in (0, 1):
        assert chi_square(counts.sum(axis=axis)) < 4.0


@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_a_source_that_is_some_target_is_not_joined_to_it(rule, multapses):
    own = np.array([3, 5, 0, 5, 2, 5])  # 5 targets: sources 1, 3 and 5 are none of them
    n = {FixedInDegree: 5, FixedOutDegree: 4, FixedTotalNumber: 27}[rule]
    source, target, *_ = synapses(rule(n, multapses=multapses), 6, 5, same=own)
    assert not np.any(own[source] == target) and len(source) == {FixedInDegree: 25, FixedOutDegree: 24, FixedTotalNumber: 27}[rule]
    if rule is FixedTotalNumber and not multapses:  # all pairs there are
        assert np.bincount(source).tolist() == [4, 5, 4, 5, 4, 5]
    with pytest.raises(WiringError, match="must be <="):
        synapses(rule(n + 1), 6, 5, same=own)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_post", [1 << 16, (1 << 16) + 1])
def test_targets_take_two_bytes_where_they_fit(rule, n_post):
    drawn = rule({FixedInDegree: 2, FixedOutDegree: 40_000, FixedTotalNumber: 90_000}[rule]).synapses(
        3, n_post, same=False, random=np.random.default_rng(1)
    )
    assert drawn.target.dtype == (np.uint16 if n_post == 1 << 16 else np.uint32)
    assert drawn.target.max() >= n_post - 20 and drawn.target.min() < 20


def test_many_synapses_onto_few_targets_are_drawn_evenly():
    target = synapses(FixedOutDegree(200_000, multapses=True), 1, 2).target
    assert np.all(np.diff(target) >= 0) and abs(target.mean() - 0.5) < 4 * 0.5 / np.sqrt(200_000)


def test_different_seeds_give_different_synapses():
    for rule in RULES:
        assert not np.array_equal(synapses(rule(20), 50, 50, seed=1).target, synapses(rule(20), 50, 50, seed=2).target) or not (
            np.array_equal(synapses(rule(20), 50, 50, seed=1).source, synapses(rule(20), 50, 50, seed=2).source)
        )


def test_a_large_sparse_choice_costs_no_matrix_of_pairs():
    source, target, *_ = synapses(FixedTotalNumber(100_000), 2_000_000, 2_000_000)  # 4e12 pairs
    assert len(source) == 100_000 and abs(source.mean() / 1e6 - 1.0) < 0.01 and abs(target.mean() / 1e6 - 1.0) < 0.01


def test_wrong_values_are_refused():
    for rule in RULES:
        with pytest.raises(ParameterError, match=rf"{rule.__name__}\.n = -1 must be >= 0"):
            rule(-1)
        with pytest.raises(ParameterError, match=rf"{rule.__name__}\.n = 1\.5 must be a whole number"):
            rule(1.5)
        with pytest.raises(ParameterError, match=rf"{rule.__name__}\.multapses = 1 must be True or False"):
            rule(1, multapses=1)
        with pytest.raises(WiringError, match=r"here: \w+\.n = 99 must be <= \d+, .* or allow multapses"):
            rule(99).check("here", (2, 3), (4,))
        rule(99, multapses=True).check("here", (2, 3), (4,))

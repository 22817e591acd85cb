"""Counter-based random numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels.random import draw, draw_guided, guide, poisson, stream_key, uniform


def draws(seed, stream, n):
    key = np.uint64(stream_key(np.uint64(seed), np.uint64(stream)))
    return np.array([uniform(np.uint64(draw(key, i % 100, i // 100))) for i in range(n)])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**63 - 1), neuron=st.integers(0, 2**31), step=st.integers(0, 2**40))
def test_a_draw_depends_on_its_counters_alone(seed, neuron, step):
    key = np.uint64(stream_key(np.uint64(seed), np.uint64(0)))
    assert draw(key, neuron, step) == draw(key, neuron, step)
    assert draw(key, neuron, step) != draw(key, neuron + 1, step)
    assert draw(key, neuron, step) != draw(key, neuron, step + 1)


def test_uniform_numbers_fill_the_unit_interval_evenly_and_streams_are_uncorrelated():
    a, b = draws(1, 0, 20_000), draws(1, 1, 20_000)
    assert a.min() >= 0.0 and a.max() < 1.0
    cells, _ = np.histogram(a, bins=20, range=(0, 1))
    chi2 = np.sum((cells - 1000.0) ** 2 / 1000.0)
    assert chi2 < 43.8  # 0.1 % point of chi-square with 19 degrees of freedom
    assert abs(np.corrcoef(a, b)[0, 1]) < 4.0 / np.sqrt(20_000)
    assert abs(np.corrcoef(a[:-1], a[1:])[0, 1]) < 4.0 / np.sqrt(20_000)


@pytest.mark.parametrize("mean", [0.0, 0.0015, 0.7, 12.0, 100.0])
def test_poisson_counts_have_mean_and_variance_equal_to_the_rate(mean):
    n = 20_000
    key = np.uint64(stream_key(np.uint64(3), np.uint64(0)))
    counts = np.array([poisson(np.uint64(draw(key, i, 0)), mean) for i in range(n)])
    assert abs(counts.mean() - mean) <= 4.0 * np.sqrt(mean / n)
    # Var(sample variance) of a Poisson number is (mean + 2 mean^2) / n.
    assert abs(counts.var() - mean) <= 4.0 * np.sqrt((mean + 2.0 * mean**2) / n)


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.05, 0.7, 2.0, 9.3, 16.0, 16.5, 40.0])
def test_a_guide_draws_what_inversion_draws(mean):
    n, key = 3000, np.uint64(stream_key(np.uint64(5), np.uint64(1)))
    count, scratch = np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.int32)
    table = guide(mean)
    for step in range(10):
        draw_guided(step, table, key, scratch, count)
        assert count.tolist() == [poisson(np.uint64(draw(key, i, step)), mean) for i in range(n)]


@pytest.mark.parametrize("mean", [0.05, 2.0, 16.0])
def test_the_edges_of_a_guide_are_where_inversion_counts_up(mean):
    for k, edge in enumerate(guide(mean)[2:98]):
        if edge < 1.0:
            bits = int(edge * 2**53)
            assert poisson(np.uint64(bits << 11), mean) > k
            assert bits == 0 or poisson(np.uint64((bits - 1) << 11), mean) <= k
    assert k == 95

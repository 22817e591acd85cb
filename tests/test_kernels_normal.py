"""Normal numbers, made of bits."""

from statistics import NormalDist

import numpy as np
import pytest

from snnsim.kernels._jit import kernel
from snnsim.kernels.normal import TAIL, edges, normal
from snnsim.kernels.random import draw, stream_key

KEY = np.uint64(stream_key(np.uint64(3), np.uint64(1 << 32)))


@kernel
def many(key, n):
    out = np.empty(n)
    for i in range(n):
        out[i] = normal(draw(key, i, 7))
    return out


def test_normal_numbers_have_the_normal_distribution():
    z, n = np.sort(many(KEY, 2_000_000)), 2_000_000
    # Kolmogorov and Smirnov's distance: 1.95 / sqrt(n) is passed once in 1000.
    grid = np.linspace(-4.5, 4.5, 901)
    expected = np.array([NormalDist().cdf(x) for x in grid])
    assert np.max(np.abs(np.searchsorted(z, grid) / n - expected)) < 1.95 / np.sqrt(n)
    for k, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        spread = np.sqrt({1: 1, 2: 2, 3: 15, 4: 96}[k] / n)
        assert np.mean(z**k) == pytest.approx(moment, abs=4 * spread)
    for cut in (2.0, TAIL - 0.2, TAIL, 4.2):  # the tail has a method of its own
        share = 2.0 * NormalDist().cdf(-cut)
        assert np.sum(np.abs(z) > cut) == pytest.approx(n * share, abs=4 * np.sqrt(n * share))
    unsorted = many(KEY, n)
    assert abs(np.mean(unsorted[1:] * unsorted[:-1])) < 4 / np.sqrt(n)


def test_the_layers_of_the_ziggurat_have_equal_area_and_close_at_zero():
    x = edges()
    area = x[1:-1] * np.diff(np.exp(-0.5 * x[1:] ** 2))
    np.testing.assert_allclose(area, x[0] * np.exp(-0.5 * TAIL**2), rtol=1e-9)
    assert len(x) == 257 and np.all(np.diff(x) < 0.0)

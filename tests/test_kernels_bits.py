import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.kernels.bits import MOST, SPREAD, count_rows, workspace


def packed(dense):
    """Return rows of bits, 64 targets a word."""
    width = -(-dense.shape[1] // 64) * 64
    padded = np.zeros((len(dense), width), dtype=bool)
    padded[:, : dense.shape[1]] = dense
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64).ravel(), width // 64


def counted(run, dense, sources, times, first=0, words=None):
    bits, stride = packed(dense)
    words = stride - first if words is None else words
    counts = np.full(8 * words, 77, dtype=np.uint64)
    run(bits, stride, first, words, sources, times, MOST, workspace(words), np.zeros((2, 9), dtype=np.int64), SPREAD, counts)
    return counts.view(np.uint8)


@pytest.mark.parametrize("n_spikes", [0, 1, 2, 3, 4, 7, 8, 31, 32, 33, 127, 128, 254, MOST])
def test_counts_are_the_column_sums(n_spikes):
    random = np.random.default_rng(n_spikes)
    dense = random.random((300, 200)) < 0.3
    sources = np.sort(random.choice(300, n_spikes, replace=False)).astype(np.int32)
    counts = counted(count_rows, dense, sources, np.ones(n_spikes, dtype=np.int32))
    np.testing.assert_array_equal(counts[:200], dense[sources].sum(axis=0))
    assert not counts[200:].any()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 40), width=st.integers(1, 300))
def test_sources_that_fire_several_times_count_as_often(seed, n, width):
    random = np.random.default_rng(seed)
    dense = random.random((50, width)) < random.random()
    sources, times = random.integers(50, size=n).astype(np.int32), random.integers(0, 6, size=n).astype(np.int32)
    expected = (dense[sources] * times[:, None]).sum(axis=0)
    np.testing.assert_array_equal(counted(count_rows, dense, sources, times)[:width], expected)


def test_part_of_the_words_can_be_counted_alone():
    random = np.random.default_rng(3)
    dense = random.random((20, 640)) < 0.5
    sources, times = np.arange(20, dtype=np.int32), np.ones(20, dtype=np.int32)
    np.testing.assert_array_equal(counted(count_rows, dense, sources, times, 3, 4), dense[:, 192:448].sum(axis=0))

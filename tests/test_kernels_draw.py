"""Synapses drawn row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.connect import FixedInDegree, FixedOutDegree, FixedProbability, FixedTotalNumber
from snnsim.connect import rows as module
from snnsim.kernels.draw import fill_rows, transpose

EMPTY = np.iinfo(np.uint64).max


def filled(counts, n_post, own, repeat, parts, dtype=np.uint32):
    row_ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    out = np.zeros(row_ptr[-1], dtype=dtype)
    cells = np.full(3 * max(counts) + 2, EMPTY)
    for first, last in parts:
        fill_rows(np.uint64(7), first, last, n_post, own, repeat, row_ptr, cells, out)
        assert np.all(cells == EMPTY)  # scratch is left as it was found
    return out


@given(seed=st.integers(0, 2**32 - 1), repeat=st.booleans(), n_post=st.integers(2, 40))
def test_a_row_does_not_depend_on_the_rows_drawn_with_it_nor_on_the_type(seed, repeat, n_post):
    random = np.random.default_rng(seed)
    counts = random.integers(0, n_post, 9)
    own = random.integers(0, n_post + 1, 9)
    whole = filled(counts, n_post, own, repeat, [(0, 9)])
    np.testing.assert_array_equal(filled(counts, n_post, own, repeat, [(4, 9), (0, 1), (1, 4)]), whole)
    np.testing.assert_array_equal(filled(counts, n_post, own, repeat, [(0, 9)], np.uint16), whole)


@pytest.mark.parametrize("connector", [FixedProbability(0.3), FixedOutDegree(20), FixedInDegree(20), FixedTotalNumber(900, multapses=True)])
def test_threads_draw_the_same_bits(monkeypatch, connector):
    def draw():
        return connector.synapses(60, 60, same=True, random=np.random.default_rng(3))

    alone = draw()
    monkeypatch.setattr(module, "_SHARE", 100)
    monkeypatch.setattr(module, "_cores", lambda: 5)
    shared = draw()
    assert shared.target.tobytes() == alone.target.tobytes() and shared.row_ptr.tobytes() == alone.row_ptr.tobytes()


@given(seed=st.integers(0, 2**32 - 1), n_pre=st.integers(1, 9), n_post=st.integers(1, 9), n=st.integers(0, 7))
def test_a_transposition_lists_the_targets_of_every_source_in_order(seed, n_pre, n_post, n):
    source = np.random.default_rng(seed).integers(0, n_pre, (n_post, n)).astype(np.uint16)
    row_ptr, target = np.zeros(n_pre + 2, dtype=np.int64), np.zeros(source.size, dtype=np.uint16)
    transpose(source.ravel(), n, row_ptr, target)
    for i in range(n_pre):
        assert target[row_ptr[i] : row_ptr[i + 1]].tolist() == np.nonzero(source == i)[0].tolist()


def test_targets_of_a_wide_row_are_uniform_at_both_ends():
    """2^32 is no multiple of the width: the draw must not favour any target."""
    n_post, n = 3 << 30, 300_000
    own = np.array([n_post])
    targets = filled(np.array([n]), n_post, own, True, [(0, 1)]).astype(np.float64)
    counts = np.bincount((targets * (3 / n_post)).astype(int), minlength=3)
    assert np.sum((counts - n / 3) ** 2) / (n / 3) < 13.8  # 0.1 % point, 2 degrees of freedom
    # Without rejection every third target would come twice as often.
    residues = np.bincount(targets.astype(np.int64) % 3, minlength=3)
    assert np.sum((residues - n / 3) ** 2) / (n / 3) < 13.8

"""Marks of driven neurons, counted in words, against a sum over bytes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snnsim.kernels.marks import count_marks


@given(seed=st.integers(0, 2**32 - 1), words=st.integers(1, 700), share=st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_marked_neurons_are_counted_and_cleared_and_no_others(seed, words, share):
    random = np.random.default_rng(seed)
    marks = (random.random(8 * words) < share).astype(np.uint8)
    first = int(random.integers(0, marks.size))
    n = int(random.integers(0, marks.size - first + 1))
    before, tally = marks.copy(), np.array([5, 7])
    count_marks(marks, first, n, tally)
    driven = int(before[first : first + n].sum())
    assert tally.tolist() == [5 + driven, 7 + n - driven]
    before[first : first + n] = 0
    np.testing.assert_array_equal(marks, before)

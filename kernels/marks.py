"""Marks of the neurons that had input: one byte each, counted and cleared after every step."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_part

#: bytes of a word, and the words whose bytes add up without a carry into the next
BYTES, MOST = 8, 255
_IDLE, _NONE, _BYTE, _TOP = np.uint8(0), np.uint64(0), np.uint64(8), np.uint64(48)
_PAIRS, _ONES = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0001000100010001)


@leaf_part
def _take(marks, first, last):
    """Count and clear marks one by one."""
    driven = 0
    for i in range(first, last):
        driven += marks[i]
        marks[i] = _IDLE
    return driven


@leaf
def count_marks(marks, first, n, tally):
    """Add the marked ones of `n` neurons from `first` on to tally[0], the others to tally[1], and clear the marks.

    marks : uint8[8 k]   0 or 1. Eight are added at a time: byte by byte it was a tenth of the step of a quiet network.
    """
    last, words = first + n, marks.view(np.uint64)
    low = min(last, -(-first // BYTES) * BYTES)
    high = max(low, last // BYTES * BYTES)
    driven = _take(marks, first, low) + _take(marks, high, last)
    if high > low:
        for block in range(low // BYTES, high // BYTES, MOST):
            some, sums = words[block : min(block + MOST, high // BYTES)], _NONE
            for k in range(some.size):
                sums += some[k]
                some[k] = _NONE
            sums = (sums & _PAIRS) + (sums >> _BYTE & _PAIRS)
            driven += np.int64(sums * _ONES >> _TOP)
    tally[0] += driven
    tally[1] += n - driven

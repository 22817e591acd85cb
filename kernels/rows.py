"""Rows of targets, looked at once before a run: cut at the neurons of a thread, or turned into bits."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel

_WORD, _BIT = np.uint64(6), np.uint64(63)
_ONE = np.uint64(1)


@kernel
def bounds_of_rows(row_ptr, target, low, high):
    """Return int64[n_pre], twice: first synapse of each row onto a target >= low, and first onto one >= high."""
    n = row_ptr.size - 1
    begin, end = np.empty(n, np.int64), np.empty(n, np.int64)
    for row in range(n):
        mine = target[row_ptr[row] : row_ptr[row + 1]]
        begin[row] = row_ptr[row] + np.searchsorted(mine, low)
        end[row] = row_ptr[row] + np.searchsorted(mine, high)
    return begin, end


@kernel
def bits_of_rows(row_ptr, target, n_post):
    """Return uint64[n_pre, words]: bit t of row s is set where s has a synapse onto t."""
    bits = np.zeros((row_ptr.size - 1, (n_post + 63) // 64), np.uint64)
    for row in range(row_ptr.size - 1):
        for t in target[row_ptr[row] : row_ptr[row + 1]]:
            bits[row, np.uint64(t) >> _WORD] |= _ONE << (np.uint64(t) & _BIT)
    return bits

"""Delivery through a full matrix of weights: every source reaches every target, so that a row needs no list of targets."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf_apart
from snnsim.kernels.memory import ANY, borrow

#: Rows added in one pass over the inputs, which are then read and written once for all of them.
_TOGETHER = 4


@leaf_apart
def add_rows_of(weights, stride, low, sources, times, number, mine):
    """Add times * row to the inputs of a thread, for each source in turn.

    weights : float[n_pre * stride]   row by row
    low : int                         first target of the thread
    number : float[1]                 rounds to the type of the inputs
    mine : float[n]                   inputs of its targets, modified in place. O(sources * n), in vectors

    Each input is added to in the order of the sources, however many threads share the targets.
    """
    n, k = mine.size, 0
    while k + _TOGETHER <= sources.size:
        number[0] = times[k]
        t0 = number[0]
        number[0] = times[k + 1]
        t1 = number[0]
        number[0] = times[k + 2]
        t2 = number[0]
        number[0] = times[k + 3]
        t3 = number[0]
        a0 = np.int64(sources[k]) * stride + low
        r0 = weights[a0 : a0 + n]
        a1 = np.int64(sources[k + 1]) * stride + low
        r1 = weights[a1 : a1 + n]
        a2 = np.int64(sources[k + 2]) * stride + low
        r2 = weights[a2 : a2 + n]
        a3 = np.int64(sources[k + 3]) * stride + low
        r3 = weights[a3 : a3 + n]
        for i in range(n):
            mine[i] = (((mine[i] + t0 * r0[i]) + t1 * r1[i]) + t2 * r2[i]) + t3 * r3[i]
        k += _TOGETHER
    while k < sources.size:
        number[0] = times[k]
        t0 = number[0]
        a0 = np.int64(sources[k]) * stride + low
        r0 = weights[a0 : a0 + n]
        for i in range(n):
            mine[i] += t0 * r0[i]
        k += 1


@leaf_apart
def add_matrix(strand, q, sources, times, n_post, number, inputs):
    """Deliver through projection q, whose weights are a full matrix. n_post : targets of this thread"""
    s = strand[q]
    first = np.int64(s.place + np.uint64(s.low))
    mine = inputs[first : first + n_post]
    if s.double > 0:
        add_rows_of(borrow(s.weights, ANY, np.float64), s.stride, s.low, sources, times, number, mine)
    else:
        add_rows_of(borrow(s.weights, ANY, np.float32), s.stride, s.low, sources, times, number, mine)

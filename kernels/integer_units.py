"""The functions g of integer units: from a row of accumulators to the row of values that the units want to have emitted.

All share one signature, so that a driver can hold them in a table and a user can add one:

    g(acc, params, want)
    acc : int32[width]      accumulators of one row
    params : int64[n]       as made by the unit's ``flat``
    want : int32[width]     modified in place

Integer division rounds down everywhere: one tie rule on every machine. It is done in float64, which vectorises: for
integers with abs(x) < 2^52, x / y misses the next integer by at least 1 / y, relatively more than 2^-52, so the correctly
rounded quotient never crosses it and its floor is exact. Units refuse parameters, and the compiler final accumulators, that
would leave that range. Cost O(width).
"""

from __future__ import annotations

import numpy as np
from numba import types

from snnsim.kernels._jit import inline, kernel_with, leaf

UNIT = types.void(types.int32[::1], types.Array(types.int64, 1, "C", readonly=True), types.int32[::1])


@inline
def _clip(value, low, high):
    return min(max(value, low), high)


@inline
def _divide(x, y):
    """floor(x / y) for integers abs(x) < 2^52, 0 < y."""
    return np.int64(np.floor(np.float64(x) / np.float64(y)))


@kernel_with(UNIT)
def keep(acc, params, want):
    """Leave `want` as it is: inputs are set from outside, readouts stay silent."""


@kernel_with(UNIT)
def staircase(acc, params, want):
    """Clipped quotient, rounded half up. params: s_min, s_max, theta[width]."""
    low, high = params[0], params[1]
    theta = params[2:]
    for i in range(acc.size):
        want[i] = _clip(_divide(2 * np.int64(acc[i]) + theta[i], 2 * theta[i]), low, high)


@kernel_with(UNIT)
def table(acc, params, want):
    """Look-up of the rounded quotient. params: low, n, theta[width], values[n]."""
    low, n = params[0], params[1]
    theta = params[2 : 2 + acc.size]
    values = params[2 + acc.size :]
    for i in range(acc.size):
        entry = _divide(2 * np.int64(acc[i]) + theta[i], 2 * theta[i]) - low
        want[i] = values[_clip(entry, 0, n - 1)]


@kernel_with(UNIT)
def softmax_row(acc, params, want):
    """Softmax of a row by table. params: levels, shift, n, table[n]."""
    levels, shift, n = params[0], params[1], params[2]
    exponential = params[3:]
    top = np.int64(acc[0])
    for i in range(1, acc.size):
        top = max(top, np.int64(acc[i]))
    total = np.int64(0)
    for i in range(acc.size):
        e = exponential[min((top - acc[i]) >> shift, n - 1)]
        want[i] = e
        total += e
    for i in range(acc.size):
        want[i] = _divide(2 * levels * np.int64(want[i]) + total, 2 * total)


@inline
def _integer_root(value):
    """floor(sqrt(value)) for 0 <= value < 2^62: the float root is off by at most one, which the loops mend."""
    root = np.int64(np.sqrt(np.float64(value)))
    while root * root > value:
        root -= 1
    while (root + 1) * (root + 1) <= value:
        root += 1
    return root


@kernel_with(UNIT)
def norm_row(acc, params, want):
    """LayerNorm of a row. params: s_min, s_max, epsilon, gain[width], offset[width]; gain and offset times 2^12."""
    n = acc.size
    low, high, epsilon = params[0], params[1], params[2]
    gain = params[3 : 3 + n]
    offset = params[3 + n :]
    total = np.int64(0)
    squares = np.int64(0)
    for i in range(n):
        x = np.int64(acc[i])
        total += x
        squares += x * x
    # Transient accumulators may be anything, even wrapped: then the value is meaningless, but there must be one.
    root = _integer_root(_clip(n * squares - total * total + epsilon, 1, (1 << 42) - 1) << 20)
    for i in range(n):
        scaled = _divide((n * np.int64(acc[i]) - total) * gain[i] << 10, root)
        want[i] = _clip((scaled + offset[i] + 2048) >> 12, low, high)


@leaf
def evaluate_rows(units, kind, acc, params, want):
    """Apply ``units[kind]`` to every row. acc, want : int32[rows, width]; want is modified in place."""
    for row in range(len(acc)):
        units[kind](acc[row], params, want[row])

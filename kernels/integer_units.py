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
    """Look-up of the rounded quotient. params: low, n, shift, theta[width], gain[width], s_min[width], s_max[width], values[n]."""
    width = acc.size
    low, n, shift = params[0], params[1], params[2]
    theta, gain = params[3 : 3 + width], params[3 + width : 3 + 2 * width]
    s_min, s_max = params[3 + 2 * width : 3 + 3 * width], params[3 + 3 * width : 3 + 4 * width]
    values = params[3 + 4 * width :]
    half = (np.int64(1) << shift) >> 1
    for i in range(width):
        entry = _divide(2 * np.int64(acc[i]) + theta[i], 2 * theta[i]) - low
        want[i] = _clip((values[_clip(entry, 0, n - 1)] * gain[i] + half) >> shift, s_min[i], s_max[i])


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
        e = exponential[min((top - np.int64(acc[i])) >> shift, n - 1)]
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


@inline
def _bits(value):
    """Bits of value >= 0."""
    n = 0
    while value >> n > 0:
        n += 1
    return n


@kernel_with(UNIT)
def norm_row(acc, params, want):
    """LayerNorm or RMSNorm of a row. params: s_min, s_max, epsilon, centred, fraction, gain[width], offset[width], scale[width].

    Distances from the mean are cut to 20 bits, so that nothing overflows whatever the accumulators are.
    """
    n = acc.size
    low, high, epsilon, centred, fraction = params[0], params[1], params[2], params[3], params[4]
    gain = params[5 : 5 + n]
    offset = params[5 + n : 5 + 2 * n]
    scale = params[5 + 2 * n :]
    total = np.int64(0)
    if centred != 0:
        for i in range(n):
            total += np.int64(acc[i]) * scale[i]
    top = np.int64(0)
    for i in range(n):
        top = max(top, abs(n * np.int64(acc[i]) * scale[i] - total))
    shift = max(0, _bits(top) - 20)
    squares = epsilon >> min(2 * shift, 62)
    for i in range(n):
        centre = (n * np.int64(acc[i]) * scale[i] - total) >> shift
        squares += centre * centre
    root = _integer_root(_clip(squares, 1, (1 << 52) - 1) << 10)
    half = (np.int64(1) << fraction) >> 1
    for i in range(n):
        centre = (n * np.int64(acc[i]) * scale[i] - total) >> shift
        want[i] = _clip((_divide((centre * gain[i]) << 5, root) + offset[i] + half) >> fraction, low, high)


@kernel_with(UNIT)
def max_row(acc, params, want):
    """The first unit of a row answers the largest accumulator, the others nothing. params: s_min, s_max."""
    top = acc[0]
    for i in range(1, acc.size):
        top = max(top, acc[i])
        want[i] = 0
    want[0] = _clip(top, params[0], params[1])


#: those of the package, in the order of `evaluate_known`
KNOWN = (staircase, table, softmax_row, norm_row, max_row)


@leaf
def evaluate_known(kind, acc, params, want):
    """Apply ``KNOWN[kind]`` to every row, as `evaluate_rows` does: without functions among its arguments the call costs little."""
    for row in range(len(acc)):
        if kind == 0:
            staircase(acc[row], params, want[row])
        elif kind == 1:
            table(acc[row], params, want[row])
        elif kind == 2:
            softmax_row(acc[row], params, want[row])
        elif kind == 3:
            norm_row(acc[row], params, want[row])
        else:
            max_row(acc[row], params, want[row])


@leaf
def evaluate_rows(units, kind, acc, params, want):
    """Apply ``units[kind]`` to every row. acc, want : int32[rows, width]; want is modified in place."""
    for row in range(len(acc)):
        units[kind](acc[row], params, want[row])

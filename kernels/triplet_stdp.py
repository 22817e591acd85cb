"""STDP of triplets: two traces on either side."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.banked import attend_banked, learn_banked
from snnsim.kernels.lessons import ATTEND, LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, potentiation by pairs and by triplets, depression by pairs and by triplets


@leaf_inline
def _depress(m, x, y, c):
    return m - y[0] * (c[4] + c[5] * x[1])


@leaf_inline
def _gain(y, c):
    return c[2] + c[3] * y[1]


@leaf_inline
def _potentiate(m, x, y, c):
    return m + x[0] * (c[2] + c[3] * y[1])


@kernel_with(LEARN)
def learn_triplet(table, q, run, t, times):
    """From the bank."""
    return learn_banked(_depress, 2, table, q, run, times)


@kernel_with(ATTEND)
def attend_triplet(table, q, which, target, t, what):
    """Into the bank."""
    return attend_banked(_gain, 2, table, q, which, target, what)


@kernel_with(LEARN)
def replay_triplet(table, q, run, t, times):
    """From the histories."""
    return learn_replayed(_depress, _potentiate, None, 2, table, q, run, t, times)

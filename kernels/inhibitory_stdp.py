"""Symmetric STDP of inhibitory synapses: one trace on either side."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.banked import attend_banked, learn_banked
from snnsim.kernels.lessons import ATTEND, LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, eta, alpha


@leaf_inline
def _at_pre(m, x, y, c):
    return m + c[2] * (y[0] - c[3])


@leaf_inline
def _at_post(m, x, y, c):
    return m + c[2] * x[0]


@leaf_inline
def _gain(y, c):
    return c[2]


@kernel_with(LEARN)
def learn_inhibitory(table, q, run, t, times):
    """From the bank."""
    return learn_banked(_at_pre, 1, table, q, run, times)


@kernel_with(ATTEND)
def attend_inhibitory(table, q, which, target, t, what):
    """Into the bank."""
    return attend_banked(_gain, 1, table, q, which, target, what)


@kernel_with(LEARN)
def replay_inhibitory(table, q, run, t, times):
    """From the histories."""
    return learn_replayed(_at_pre, _at_post, None, 1, table, q, run, t, times)

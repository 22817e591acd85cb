"""The rule of Bienenstock, Cooper and Munro at postsynaptic spikes: a presynaptic trace, a fast and a slow postsynaptic one."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.lessons import LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, eta, the fast trace at the target rate, one over the slow trace at the target rate, exponent


@leaf_inline
def _on_pre(m, x, y, c):
    return m


@leaf_inline
def _on_post(m, x, y, c):
    activity = y[1] * c[4]
    threshold = c[3] * (activity * activity if c[5] == 2.0 else activity ** c[5])
    return m + c[2] * x[0] * (y[0] - threshold)


@kernel_with(LEARN)
def replay_bcm(table, q, run, t, times):
    """From the histories: the gain has both signs."""
    return learn_replayed(_on_pre, _on_post, None, 2, table, q, run, t, times)

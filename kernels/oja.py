"""Oja's rule at postsynaptic spikes: one trace on either side."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.lessons import LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, eta, alpha


@leaf_inline
def _on_pre(m, x, y, c):
    return m


@leaf_inline
def _on_post(m, x, y, c):
    return m + c[2] * (x[0] - c[3] * m * y[0])


@kernel_with(LEARN)
def replay_oja(table, q, run, t, times):
    """From the histories: the change depends on the weight."""
    return learn_replayed(_on_pre, _on_post, None, 1, table, q, run, t, times)

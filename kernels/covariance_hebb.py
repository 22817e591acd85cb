"""The covariance rule: what a trace is above its mean, given or running. Two traces on either side, fast and slow."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.lessons import LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, eta; then on either side, pre first: the mean of the fast trace per slow trace, and as given


@leaf_inline
def _on_pre(m, x, y, c):
    return m + c[2] * (y[0] - c[5] * y[1] - c[6])


@leaf_inline
def _on_post(m, x, y, c):
    return m + c[2] * (x[0] - c[3] * x[1] - c[4])


@kernel_with(LEARN)
def replay_covariance_hebb(table, q, run, t, times):
    """From the histories: changes have both signs."""
    return learn_replayed(_on_pre, _on_post, None, 2, table, q, run, t, times)

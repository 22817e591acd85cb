"""STDP with a power law of the weight: one trace on either side."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.lessons import LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, potentiation of the weight of reference, depression, mu, 1 / weight of reference


@leaf_inline
def _depress(m, x, y, c):
    return m - c[3] * m * y[0]


@leaf_inline
def _potentiate(m, x, y, c):
    return m + c[2] * (m * c[5]) ** c[4] * x[0]


@kernel_with(LEARN)
def replay_power_law(table, q, run, t, times):
    """From the histories: potentiation depends on the weight."""
    return learn_replayed(_depress, _potentiate, None, 1, table, q, run, t, times)

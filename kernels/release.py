"""Short-term plasticity: how much of its weight a synapse releases. A function of the source's spikes alone."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf
from snnsim.kernels.memory import ANY, borrow


@leaf
def released(table, q, run, t, times):
    """Return the sum of the released fractions of `times` spikes at t, and bring the state of the run to just after them.

    A spike first raises the utilisation u by U (1 - u), then releases u * x; x recovers with tau_rec, u relaxes with tau_fac.
    Source: Tsodyks, Uziel & Markram (2000), J. Neurosci. 20:RC50, with instantaneous inactivation.
    """
    s = table[q]
    state, c = borrow(s.release, ANY, np.float64), borrow(s.release_coef, ANY, np.float64)
    total = 0.0
    for _ in range(times):
        since = t - state[3 * run + 2]
        x = 1.0 + (state[3 * run + 1] - 1.0) * np.exp(-since * c[1])
        u = c[0] + c[3] * state[3 * run] * (1.0 - c[0]) * np.exp(-since * c[2])
        total += u * x
        state[3 * run], state[3 * run + 1], state[3 * run + 2] = u, x - u * x, t
    return total

"""Pair STDP into an eligibility, which dopamine turns into weight: kernels/dopamine.py."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.lessons import LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, a_plus, a_minus


@leaf_inline
def _depress(m, o, x, y, fade, c):
    return m, o - c[3] * y[0]


@leaf_inline
def _potentiate(m, o, x, y, fade, c):
    return m, o + c[2] * x[0]


@kernel_with(LEARN)
def replay_rewarded(table, q, run, t, times):
    """All pairs; own variable: the eligibility just after the last spike of the synapse, pre or post."""
    return learn_replayed(_depress, _potentiate, True, 1, table, q, run, t, times, True)

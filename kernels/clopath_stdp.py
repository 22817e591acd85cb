"""Voltage-based STDP: depression at presynaptic spikes; potentiation is that of kernels/voltage.py."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.banked import learn_banked
from snnsim.kernels.lessons import ATTEND, LEARN

# coefficients: w_min, w_max, a_ltd, theta_minus; y[0] is u_minus before the step in which the spike arrives


@leaf_inline
def _depress(m, x, y, c):
    return m - c[2] * max(0.0, y[0] - c[3])


@kernel_with(LEARN)
def learn_voltage(table, q, run, t, times):
    """Depress by u_minus, and take what is in the bank."""
    return learn_banked(_depress, 1, table, q, run, times)


@kernel_with(ATTEND)
def attend_nothing(table, q, which, target, t, what):
    """Do nothing: the rule hears postsynaptic spikes in the potential."""
    return 0

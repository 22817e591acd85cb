"""Pair STDP: one trace on either side."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.banked import attend_banked, learn_banked
from snnsim.kernels.lessons import ATTEND, LEARN
from snnsim.kernels.replayed import learn_replayed

# coefficients: w_min, w_max, potentiation, depression, mu_plus, mu_minus, tau_plus, tau_minus; mu where the weight matters, tau for
# restricted pairs


@leaf_inline
def _depress(m, x, y, c):
    return m - c[3] * y[0]


@leaf_inline
def _potentiate(m, x, y, c):
    return m + c[2] * x[0]


@leaf_inline
def _gain(y, c):
    return c[2]


@kernel_with(LEARN)
def learn_additive(table, q, run, t, times):
    """Additive, from the bank."""
    return learn_banked(_depress, 1, table, q, run, times)


@kernel_with(ATTEND)
def attend_additive(table, q, which, target, t, what):
    """Additive, into the bank."""
    return attend_banked(_gain, 1, table, q, which, target, what)


@kernel_with(LEARN)
def replay_additive(table, q, run, t, times):
    """Additive, from the histories."""
    return learn_replayed(_depress, _potentiate, None, 1, table, q, run, t, times)


@leaf_inline
def _depress_by_weight(m, x, y, c):
    room = max(0.0, (m - c[0]) / (c[1] - c[0]))
    return m - c[3] * (room if c[5] == 1.0 else room ** c[5]) * y[0]


@leaf_inline
def _potentiate_by_weight(m, x, y, c):
    room = max(0.0, (c[1] - m) / (c[1] - c[0]))
    return m + c[2] * (room if c[4] == 1.0 else room ** c[4]) * x[0]


@kernel_with(LEARN)
def replay_weighted(table, q, run, t, times):
    """Less the closer the weight is to its bound, by any power."""
    return learn_replayed(_depress_by_weight, _potentiate_by_weight, None, 1, table, q, run, t, times)


@leaf_inline
def _depress_centred(m, o, x, y, fade, c):
    return _depress_by_weight(m, x, y, c), o * fade + 1.0


@leaf_inline
def _potentiate_centred(m, o, x, y, fade, c):
    return _potentiate_by_weight(m, (o * fade, 0.0), y, c), 0.0


@kernel_with(LEARN)
def replay_centred(table, q, run, t, times):
    """Every presynaptic spike with the last postsynaptic one before it and the next after it; own variable: x_pre since then."""
    return learn_replayed(_depress_centred, _potentiate_centred, True, 1, table, q, run, t, times)


@leaf_inline
def _since(trace, tau):
    """Return the time since a trace that is set to 1 was set, ms; of a trace that has run out, infinity."""
    return -tau * np.log(trace) if trace > 0.0 else np.inf


# A pair counts where no spike of either side lies between. Spikes of both sides at one time do not lie between anything: the slack of
# 1e-9 ms takes up the rounding of the logarithms, so that they are seen as simultaneous.
@leaf_inline
def _depress_restricted(m, x, y, c):
    return _depress_by_weight(m, x, y, c) if _since(y[0], c[7]) <= _since(x[0], c[6]) + 1e-9 else m


@leaf_inline
def _potentiate_restricted(m, x, y, c):
    return _potentiate_by_weight(m, x, y, c) if _since(x[0], c[6]) <= _since(y[0], c[7]) + 1e-9 else m


@kernel_with(LEARN)
def replay_restricted(table, q, run, t, times):
    """Neighbours alone: a spike with the last one of the other side, unless one of its own side lies between."""
    return learn_replayed(_depress_restricted, _potentiate_restricted, None, 1, table, q, run, t, times)

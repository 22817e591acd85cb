"""Rules that listen to the postsynaptic potential: low-pass filters of it, and the potentiation of every step, into the bank.

Potentiation is x_pre times a function of the target alone and >= 0: as in kernels/banked.py it is added up once per target, in
steps where it is above 0, and a synapse takes its part at the next presynaptic spike.
Source: Clopath, Buesing, Vasilaki & Gerstner (2010), Nat. Neurosci. 13:344, eqs. 1-4.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf
from snnsim.kernels.layout import DENSE
from snnsim.kernels.memory import ANY, borrow

# heard : float64[n_post, 3], u_minus, u_plus, grid points at which a spike still stands for v
# heard_coef : what is left of u_minus, of u_plus after a step; theta_minus, theta_plus; potentiation per x_pre, mV^2 and step; v_spike;
# grid points of a spike
N_HEARD, N_HEARD_COEF = 3, 7


@leaf
def listen(p, cells, lessons, strand, spikes, n_spiking):
    """Let all projections into population p hear its potential at the end of the step taken, and its spikes.

    spikes : int32[2, n]   as the kernel of the population left them
    """
    for at in range(lessons.into_ptr[p], lessons.into_ptr[p + 1]):
        q = lessons.into[at]
        if lessons.table[q].heard != 0:
            first = cells.state_ptr[p] + lessons.table[q].v_row * cells.size[p]
            _mark(lessons.table[q], spikes, n_spiking)
            strand[q].updates += _follow(lessons.table[q], cells.state[first : first + cells.size[p]])


@leaf
def _mark(s, spikes, n_spiking):
    """Let a spike stand for the potential of those that fired."""
    heard, c = borrow(s.heard, ANY, np.float64), borrow(s.heard_coef, ANY, np.float64)
    if n_spiking == DENSE:
        for i in range(s.n_post):
            if spikes[1, i] > 0:
                heard[3 * i + 2] = c[6]
    else:
        for k in range(n_spiking):
            heard[3 * spikes[0, k] + 2] = c[6]


@leaf
def _follow(s, v):
    """Filter v, and add the potentiation at the moment set to the bank. Returns the updates made. O(targets)"""
    heard, c, bank = borrow(s.heard, ANY, np.float64), borrow(s.heard_coef, ANY, np.float64), borrow(s.bank, ANY, np.float64)
    degree, fallen, updates = borrow(s.degree, ANY, np.int64), borrow(s.moment, ANY, np.float64)[4], 0
    for i in range(s.n_post):
        u = np.float64(v[i])
        if heard[3 * i + 2] > 0.0:
            u = c[5]
            heard[3 * i + 2] -= 1.0
        u_minus, u_plus = u + (heard[3 * i] - u) * c[0], u + (heard[3 * i + 1] - u) * c[1]
        heard[3 * i], heard[3 * i + 1] = u_minus, u_plus
        gain = c[4] * max(0.0, u - c[3]) * max(0.0, u_plus - c[2])
        for which in range(s.n_classes):
            at = (which * s.n_post + i) * s.width
            bank[at + 1] = u_minus
            if gain > 0.0:
                bank[at] += gain * fallen
                updates += degree[which * s.n_post + i]
    return updates

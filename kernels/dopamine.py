"""Dopamine d(t) of a projection, and what an eligibility gathers from it between two spikes, in closed form.

With dc/dt = -c / tau_c and dw/dt = c d, a weight grows from s to t by c(s) J(s, t), where
    J(s, t) = integral from s to t of exp(-(u - s) / tau_c) d(u) du = (Q(t) - Q(s)) exp((s - T) / tau_c),
    Q(t) = integral from T to t of exp(-(u - T) / tau_c) d(u) du.
Q belongs to the projection alone. T moves on every `epoch` steps, 10 tau_c, so that no number grows by more than exp(10); the
integrals over the last epochs are kept, and nothing is gathered from earlier ones: less than exp(-70) of c would be left.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline
from snnsim.kernels.lessons import clip, coefficients
from snnsim.kernels.memory import ANY, borrow

# dopamine : d; Q; integrals over the last N_ENDS epochs, by number modulo N_ENDS
_D, _Q, _ENDS = 0, 1, 2
N_ENDS = 8
N_DOPAMINE = 2 + N_ENDS

# dopamine_coef : what is left of d after a step; 1 / tau_c in steps; integral over a step of exp(-u / tau_c - u / tau_d) du in ms;
# amount released by a spike
N_DOPAMINE_COEF = 4


@leaf_inline
def integral_now(s):
    """Return Q as of the last step."""
    return borrow(s.dopamine, ANY, np.float64)[_Q]


@leaf
def gathered(s, since, mark, t, mark_t):
    """Return J(since, t). mark, mark_t : Q at these times, each in its own epoch"""
    if since == -np.inf:
        return 0.0
    ends, rate = borrow(s.dopamine, ANY, np.float64)[_ENDS:], borrow(s.dopamine_coef, ANY, np.float64)[1]
    epoch, since, t = np.float64(s.epoch), since - s.begun, t - s.begun
    first, last = np.int64(since // epoch), np.int64(t // epoch)
    at = since - first * epoch
    if first == last:
        return (mark_t - mark) * np.exp(at * rate)
    if last - first >= N_ENDS:
        return 0.0
    total, left = (ends[first % N_ENDS] - mark) * np.exp(at * rate), np.exp((at - epoch) * rate)
    for k in range(first + 1, last):
        total += left * ends[k % N_ENDS]
        left *= np.exp(-epoch * rate)
    return total + left * mark_t


@leaf
def flow(s, step):
    """Bring dopamine from `step` to step + 1, without what is released then."""
    now, c = borrow(s.dopamine, ANY, np.float64), borrow(s.dopamine_coef, ANY, np.float64)
    now[_Q] += now[_D] * np.exp(-((step - s.begun) % s.epoch) * c[1]) * c[2]
    now[_D] *= c[0]


@leaf
def end_epoch(s, step):
    """Keep the integral over the epoch that `step` belongs to, and begin the next. No postsynaptic spike of it may be pending."""
    now = borrow(s.dopamine, ANY, np.float64)
    now[_ENDS + (step - s.begun) // s.epoch % N_ENDS] = now[_Q]
    now[_Q] = 0.0


@leaf
def release(table, q, amount):
    """Release dopamine at the step taken last."""
    borrow(table[q].dopamine, ANY, np.float64)[_D] += amount


@leaf_inline
def spike_amount(s):
    """Return the dopamine that one spike releases."""
    return borrow(s.dopamine_coef, ANY, np.float64)[3]


@leaf
def gather(table, q, t):
    """Add to the weights what they gathered since the last spikes of their synapses, up to t. For looking only. O(synapses)

    Postsynaptic spikes up to t have been applied.
    """
    s = table[q]
    run_ptr, narrow, wide = borrow(s.run_ptr, ANY, np.int64), borrow(s.target, ANY, np.uint16), borrow(s.target, ANY, np.uint32)
    weight, own, t_pre = borrow(s.weight, ANY, np.float64), borrow(s.own, ANY, np.float64), borrow(s.t_pre, ANY, np.float64)
    history, marks, c = borrow(s.history, ANY, np.float64), borrow(s.mark, ANY, np.float64), coefficients(s.coef)
    for run in range(s.n_runs):
        for syn in range(run_ptr[run], run_ptr[run + 1]):
            at = (s.depth + 1) * s.width * (np.int64(wide[syn]) if s.wide > 0 else np.int64(narrow[syn]))
            while history[at] > t:
                at += s.width
            since, mark = t_pre[run], marks[run]
            if history[at] >= since:
                since, mark = history[at], history[at + s.width - 1]
            weight[syn] = s.sign * clip(s.sign * weight[syn] + own[syn] * gathered(s, since, mark, t, integral_now(s)), c)

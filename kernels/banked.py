"""Learning in O(1) per synapse and presynaptic spike, for rules whose postsynaptic spikes add x_pre * gain to a weight.

Between two spikes of its source a weight grows by x_pre * sum_k gain_k exp(-(t_k - t_pre) / tau): a product of a number of the
source and a sum that belongs to the target alone. That sum is kept once per target, in the bank, and a synapse stores its
weight less what the bank would give it: at the next presynaptic spike one product makes it whole, however many postsynaptic
spikes have passed. No history is kept. Gains of a rule have one sign, so that the bounds may be applied once.

All traces are kept as if they did not decay, times the growth since the bank was opened. Every `epoch` steps the bank is
emptied into the weights and opened anew, so that nothing grows by more than exp(10): rounding stays below 1e-12 of a change.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline
from snnsim.kernels.lessons import POTENTIATE, clip, coefficients
from snnsim.kernels.memory import ANY, borrow


@leaf
def set_moment(table, q, t):
    """Note how much the traces of projection q have grown at step t since the bank was opened, and the inverse."""
    s = table[q]
    moment, rate = borrow(s.moment, ANY, np.float64), borrow(s.rate, ANY, np.float64)
    since = (t - s.begun) % s.epoch
    for k in range(4):
        moment[k] = np.exp(since * rate[k])
        moment[4 + k] = np.exp(-since * rate[k])


@leaf
def empty(table, q):
    """Empty the bank of projection q into its weights, which are then whole. O(synapses)"""
    s = table[q]
    run_ptr, which, x = borrow(s.run_ptr, ANY, np.int64), borrow(s.which, ANY, np.int64), borrow(s.x, ANY, np.float64)
    narrow, wide, weight = borrow(s.target, ANY, np.uint16), borrow(s.target, ANY, np.uint32), borrow(s.weight, ANY, np.float64)
    bank, c, sign, width = borrow(s.bank, ANY, np.float64), coefficients(s.coef), s.sign, np.uint64(s.width)
    for run in range(s.n_runs):
        first, x_pre = np.uint64(which[run] * s.n_post) * width, x[2 * run]
        begin, end = np.uint64(run_ptr[run]), np.uint64(run_ptr[run + 1])
        if x_pre != 0.0 and s.consecutive > 0 and end > begin:
            some = weight[begin:end]
            mine = bank[first + width * (np.uint64(wide[begin]) if s.wide > 0 else np.uint64(narrow[begin])) :]
            for k in range(some.size):
                some[k] = sign * clip(sign * some[k] + x_pre * mine[width * np.uint64(k)], c)
        elif x_pre != 0.0:
            for syn in range(begin, end):
                target = np.uint64(wide[syn]) if s.wide > 0 else np.uint64(narrow[syn])
                weight[syn] = sign * clip(sign * weight[syn] + x_pre * bank[first + width * target], c)
    for place in range(s.n_classes * s.n_post):
        bank[s.width * place] = 0.0


@leaf
def reopen(table, q):
    """Empty the bank of projection q, and open it anew an epoch later."""
    empty(table, q)
    s = table[q]
    x, bank, rate = borrow(s.x, ANY, np.float64), borrow(s.bank, ANY, np.float64), borrow(s.rate, ANY, np.float64)
    for run in range(s.n_runs):
        for k in range(2):
            x[2 * run + k] *= np.exp(-s.epoch * rate[k])
    for place in range(s.n_classes * s.n_post):
        for k in range(s.width - 1):
            bank[s.width * place + 1 + k] *= np.exp(-s.epoch * rate[2 + k])


@leaf_inline
def attend_banked(gain, n_post, table, q, which, target, what):
    """Add a postsynaptic spike at the moment set to the bank (POTENTIATE), or to the traces (TRACE).

    gain : (y, c) -> potentiation per x_pre; y : postsynaptic traces just before
    n_post : int   postsynaptic traces of the rule, 1 or 2
    """
    s = table[q]
    bank, moment, c = borrow(s.bank, ANY, np.float64), borrow(s.moment, ANY, np.float64), coefficients(s.coef)
    at = (which * s.n_post + target) * s.width
    if what == POTENTIATE:
        y = (bank[at + 1] * moment[6], bank[at + 2] * moment[7] if n_post > 1 else 0.0)
        bank[at] += gain(y, c) * moment[4]
        return borrow(s.degree, ANY, np.int64)[which * s.n_post + target]
    for k in range(n_post):
        bank[at + 1 + k] = moment[2 + k] + (0.0 if s.post_nearest > 0 else bank[at + 1 + k])
    return 0


@leaf_inline
def learn_banked(on_pre, n_post, table, q, run, times):
    """Bring the weights of one run up to the moment set, for `times` presynaptic spikes. Returns the updates made.

    on_pre : (m, x, y, c) -> m   the weight m without its sign, after a presynaptic spike; x, y : traces just before
    """
    s = table[q]
    run_ptr, which, x_all = borrow(s.run_ptr, ANY, np.int64), borrow(s.which, ANY, np.int64), borrow(s.x, ANY, np.float64)
    first, last = np.uint64(run_ptr[run]), np.uint64(run_ptr[run + 1])
    narrow, wide = borrow(s.target, ANY, np.uint16)[first:last], borrow(s.target, ANY, np.uint32)[first:last]
    weight, out = borrow(s.weight, ANY, np.float64)[first:last], borrow(s.out, ANY, np.float64)
    bank = borrow(s.bank, ANY, np.float64)[which[run] * s.n_post * s.width :]
    moment, c, sign, is_wide, width = borrow(s.moment, ANY, np.float64), coefficients(s.coef), s.sign, s.wide > 0, np.uint64(1 + n_post)
    grown_1, grown_2, fallen_1, fallen_2 = moment[0], moment[1], moment[6], moment[7]
    old, other = x_all[2 * run], x_all[2 * run + 1]
    x_1, x_2 = old * moment[4], other * moment[5]
    nearest = s.pre_nearest > 0
    new = grown_1 if nearest else old + times * grown_1
    x_all[2 * run], x_all[2 * run + 1] = new, grown_2 if nearest else other + times * grown_2
    step = 0.0 if nearest else 1.0
    if times == 1 and s.consecutive > 0 and weight.size > 0:
        # The same sums in a loop that a compiler takes in vectors: most synapses of a dense projection.
        mine = bank[width * (np.uint64(wide[0]) if is_wide else np.uint64(narrow[0])) :]
        for k in range(weight.size):
            at = width * np.uint64(k)
            y = (mine[at + np.uint64(1)] * fallen_1, mine[at + np.uint64(2)] * fallen_2 if n_post > 1 else 0.0)
            m = clip(on_pre(clip(sign * weight[k] + old * mine[at], c), (x_1, x_2), y, c), c)
            out[k] = sign * m
            weight[k] = sign * (m - new * mine[at])
        return weight.size
    for k in range(weight.size):
        at = width * (np.uint64(wide[k]) if is_wide else np.uint64(narrow[k]))
        potential = bank[at]
        y = (bank[at + np.uint64(1)] * fallen_1, bank[at + np.uint64(2)] * fallen_2 if n_post > 1 else 0.0)
        m = clip(sign * weight[k] + old * potential, c)
        m = clip(on_pre(m, (x_1, x_2), y, c), c)
        for n in range(1, times):
            m = clip(on_pre(m, (1.0, 1.0) if nearest else (x_1 + step * n, x_2 + step * n), y, c), c)
        out[k] = sign * m
        weight[k] = sign * (m - new * potential)
    return times * weight.size

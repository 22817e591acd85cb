"""Learning by replay, for any rule of spikes: a synapse catches up when its source fires.

Each target keeps its recent spikes and the traces just before them, each run of synapses the traces of its source. At a
presynaptic spike the postsynaptic ones since the last visit are applied in order. Work is done at presynaptic spikes only.
Time is that of the synapse: a dendritic delay makes postsynaptic spikes late, an axonal one presynaptic spikes.
Source: Morrison, Diesmann & Gerstner (2008), Biol. Cybern. 98:459, sect. 5, for keeping histories by neuron.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.dopamine import gathered, integral_now
from snnsim.kernels.lessons import AHEAD, ATTEND, clip, coefficients
from snnsim.kernels.memory import ANY, borrow


@leaf_inline
def faded(decay, lags, rate, trace, lag):
    """Return what is left of a trace after `lag`: from the table for whole steps, else the exponential.

    A lag below 0 belongs to a visit that looks back, or to rounding off the clock.
    """
    if 0.0 <= lag < lags:
        return decay[np.uint64(trace * lags) + np.uint64(lag)]
    return np.exp(-lag * rate)


@kernel_with(ATTEND)
def remember(table, q, which, target, t, what):
    """Put a postsynaptic spike at t at the head of the history of `target`. O(depth)"""
    s = table[q]
    history, decay, rate = borrow(s.history, ANY, np.float64), borrow(s.decay, ANY, np.float64), borrow(s.rate, ANY, np.float64)
    held, width = borrow(s.held, ANY, np.int64), s.width
    traces_end = width if s.dopamine == 0 else width - 1
    first = target * (s.depth + 1) * width
    for at in range(first + s.depth * width - 1, first + width - 1, -1):
        history[at] = history[at - width]
    for k in range(1, traces_end):
        after = 1.0 + (0.0 if s.post_nearest > 0 else history[first + k])
        history[first + k] = after * faded(decay, s.lags, rate[1 + k], 1 + k, t - history[first])
    if s.dopamine != 0:
        history[first + traces_end] = integral_now(s)
    history[first] = t
    held[target] += 1
    if held[target] + AHEAD > s.depth:
        s.full = 1
    return 0


@leaf_inline
def learn_replayed(on_pre, on_post, own, n_post, table, q, run, t, times, rewarded=None):
    """Bring the weights of one run up to date. Returns the updates made.

    t, times : spikes made at t that are there now; or 0: only what is pending before t, a time at the synapse

    on_pre, on_post : (m, x, y, c) -> m, or with a variable of the synapse (m, o, x, y, fade, c) -> m, o
    own : None or True   whether the rule has that variable; fade : what is left of x[0] since the last presynaptic spike
    n_post : int         postsynaptic traces of the rule, 0, 1 or 2
    rewarded : None or True   whether that variable is an eligibility: it decays as x[1] does, and the weight grows by it times dopamine
    """
    s = table[q]
    run_ptr, narrow, wide = borrow(s.run_ptr, ANY, np.int64), borrow(s.target, ANY, np.uint16), borrow(s.target, ANY, np.uint32)
    weight, out, x_all = borrow(s.weight, ANY, np.float64), borrow(s.out, ANY, np.float64), borrow(s.x, ANY, np.float64)
    t_pre, seens, rate = borrow(s.t_pre, ANY, np.float64), borrow(s.seen, ANY, np.float64), borrow(s.rate, ANY, np.float64)
    history, decay = borrow(s.history, ANY, np.float64), borrow(s.decay, ANY, np.float64)
    own_all = borrow(s.own, ANY, np.float64)
    c, sign, lags, is_wide, axonal, nearest = coefficients(s.coef), s.sign, s.lags, s.wide > 0, s.axonal > 0, s.post_nearest > 0
    width, row = np.uint64(s.width if rewarded is not None else 1 + n_post), np.uint64((s.depth + 1) * s.width)
    delay = borrow(s.delay, ANY, np.float64)[run]
    now, late = (t + (delay if times > 0 else 0.0), 0.0) if axonal else (t, delay)
    seen, last = seens[run], t_pre[run]
    x_1, x_2 = x_all[2 * run], x_all[2 * run + 1]
    fade_1, fade_2 = faded(decay, lags, rate[0], 0, now - last), faded(decay, lags, rate[1], 1, now - last)
    updates, first = 0, np.uint64(run_ptr[run])
    for syn in range(first, np.uint64(run_ptr[run + 1])):
        base = row * (np.uint64(wide[syn]) if is_wide else np.uint64(narrow[syn]))
        m = sign * weight[syn]
        at = base
        # An axonal spike that arrives with a postsynaptic one has caused it, and comes first.
        while history[at] + late > now or (axonal and history[at] + late == now):
            at += width
        newest = at
        while history[at] + late > seen or (axonal and history[at] + late == seen and seen > -np.inf):
            at += width
        if rewarded is not None:
            # The time of the synapse's last spike, pre or post, and the integral of dopamine then.
            since, mark = last, borrow(s.mark, ANY, np.float64)[run]
            if history[at] >= last:
                since, mark = history[at], history[at + np.uint64(1 + n_post)]
        while at > newest:
            at -= width
            lag = history[at] + late - last
            left = faded(decay, lags, rate[0], 0, lag)
            x = (x_1 * left, x_2 * faded(decay, lags, rate[1], 1, lag))
            y = (history[at + np.uint64(1)] if n_post > 0 else 0.0, history[at + np.uint64(2)] if n_post > 1 else 0.0)
            if rewarded is not None:
                here = history[at + np.uint64(1 + n_post)]
                m = clip(m + own_all[syn] * gathered(s, since, mark, history[at], here), c)
                own_all[syn] *= faded(decay, lags, rate[1], 1, history[at] - since)
                since, mark = history[at], here
            if own is None:
                m = on_post(m, x, y, c)
            else:
                m, own_all[syn] = on_post(m, own_all[syn], x, y, left, c)
            m = clip(m, c)
            updates += 1
        if times > 0:
            if history[at] + late == now:
                at += width
            lag = now - (history[at] + late)
            y_1 = y_2 = 0.0
            if n_post > 0:
                y_1 = (1.0 + (0.0 if nearest else history[at + np.uint64(1)])) * faded(decay, lags, rate[2], 2, lag)
            if n_post > 1:
                y_2 = (1.0 + (0.0 if nearest else history[at + np.uint64(2)])) * faded(decay, lags, rate[3], 3, lag)
            x, left = (x_1 * fade_1, x_2 * fade_2), fade_1
            if rewarded is not None:
                m = clip(m + own_all[syn] * gathered(s, since, mark, now, integral_now(s)), c)
                own_all[syn] *= faded(decay, lags, rate[1], 1, now - since)
            for _ in range(times):
                if own is None:
                    m = on_pre(m, x, (y_1, y_2), c)
                else:
                    m, own_all[syn] = on_pre(m, own_all[syn], x, (y_1, y_2), left, c)
                m = clip(m, c)
                x, left = ((1.0, 1.0) if s.pre_nearest > 0 else (x[0] + 1.0, x[1] + 1.0)), 1.0
            updates += times
        weight[syn] = sign * m
        out[syn - first] = sign * m
    if times > 0:
        kept = 0.0 if s.pre_nearest > 0 else 1.0
        x_all[2 * run] = kept * x_1 * fade_1 + (1.0 if s.pre_nearest > 0 else times)
        x_all[2 * run + 1] = kept * x_2 * fade_2 + (1.0 if s.pre_nearest > 0 else times)
        t_pre[run] = now
        if rewarded is not None:
            borrow(s.mark, ANY, np.float64)[run] = integral_now(s)
    if now > seen:
        seens[run] = now
    return updates

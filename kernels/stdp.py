"""Additive pair STDP, applied lazily when a presynaptic spike reads the weight.

The delay is dendritic: a presynaptic spike is at the synapse at once, a postsynaptic one after the delay. Each
postsynaptic neuron keeps its recent spikes and trace, each run of synapses the trace of its source; a synapse keeps its
weight alone. A pair at exactly zero difference is not counted.
Source: Morrison, Diesmann & Gerstner (2008), Biol. Cybern. 98:459.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf


@leaf
def remember(learning, q, target, t, ahead=0):
    """Append a postsynaptic spike at t to the history of `target` in projection q. O(1).

    ahead : int   more spikes that may follow before Python can make room
    """
    row = learning.row_first[q] + target
    depth = learning.time.shape[1]
    count = learning.written[row]
    x = 1.0
    if count > 0:
        newest = (count - 1) % depth
        tau_minus = learning.coef[learning.rule[q], 3]
        x += learning.x_post[row, newest] * np.exp((learning.time[row, newest] - t) / tau_minus)
    learning.time[row, count % depth] = t
    learning.x_post[row, count % depth] = x
    learning.written[row] = count + 1
    if count + 2 + ahead - learning.low[row] > depth:
        learning.full[0] = True


@leaf
def potentiate(learning, q, trace, row, delay, until, weight):
    """Apply the postsynaptic spikes that reached the synapse after `seen` and not after `until`.

    Returns the new weight, the position after the last spike at or before `until`, and the updates made.
    """
    time, depth, low = learning.time, learning.time.shape[1], learning.low[row]
    last = learning.written[row]
    while last > low and time[row, (last - 1) % depth] + delay > until:
        last -= 1
    x_pre = learning.x_pre[trace]
    if x_pre == 0.0:
        return weight, last, 0
    first = last
    while first > low and time[row, (first - 1) % depth] + delay > learning.seen[trace]:
        first -= 1
    rule = learning.coef[learning.rule[q]]
    for k in range(first, last):
        lag = time[row, k % depth] + delay - learning.t_pre[trace]
        weight = min(weight + rule[0] * x_pre * np.exp(-lag / rule[2]), rule[5])
    return weight, last, last - first


@leaf
def depress(learning, q, row, delay, t, times, last, weight):
    """Apply `times` presynaptic spikes at t to the trace of postsynaptic spikes strictly before. Returns weight, updates."""
    time, depth = learning.time, learning.time.shape[1]
    low = learning.low[row]
    while last > low and time[row, (last - 1) % depth] + delay == t:
        last -= 1
    if last == low:
        return weight, 0
    rule = learning.coef[learning.rule[q]]
    at = (last - 1) % depth
    x = learning.x_post[row, at] * np.exp((time[row, at] + delay - t) / rule[3])
    return max(weight - times * rule[1] * x, rule[4]), times


@leaf
def on_pre(learning, wiring, weight, q, run, t, times):
    """Bring the weights of one run up to date for `times` presynaptic spikes at t, and count them into x_pre.

    weight : float64[...]   wiring.weight or a copy, modified in place
    Returns the updates made. O(synapses of the run + pending postsynaptic spikes).
    """
    delay = wiring.delay[run]
    trace = learning.trace_first[q] + run
    shift = wiring.weight_first[q] - wiring.syn_first[q]
    updates = 0
    for syn in range(wiring.run_ptr[run], wiring.run_ptr[run + 1]):
        row = learning.row_first[q] + np.int64(wiring.target[syn])
        w, last, n_plus = potentiate(learning, q, trace, row, delay, t, weight[shift + syn])
        weight[shift + syn], n_minus = depress(learning, q, row, delay, t, times, last, w)
        updates += n_plus + n_minus
    tau_plus = learning.coef[learning.rule[q], 2]
    x_pre = learning.x_pre[trace]
    learning.x_pre[trace] = times + (x_pre * np.exp((learning.t_pre[trace] - t) / tau_plus) if x_pre > 0.0 else 0.0)
    learning.t_pre[trace] = learning.seen[trace] = t
    return updates


@leaf
def settle(learning, wiring, weight, q, first, last, t, in_flight):
    """Apply the potentiation pending at t to the runs first .. last - 1 of projection q. Returns the updates made.

    in_flight : float   0, or 1 to leave alone what a presynaptic spike still under way may yet read (event engine)
    """
    shift = wiring.weight_first[q] - wiring.syn_first[q]
    updates = 0
    for run in range(first, last):
        delay = wiring.delay[run]
        trace = learning.trace_first[q] + run
        until = t - in_flight * delay
        if until <= learning.seen[trace]:
            continue
        for syn in range(wiring.run_ptr[run], wiring.run_ptr[run + 1]):
            row = learning.row_first[q] + np.int64(wiring.target[syn])
            weight[shift + syn], _, n = potentiate(learning, q, trace, row, delay, until, weight[shift + syn])
            updates += n
        learning.seen[trace] = until
    return updates


@leaf
def forget(learning, first, last, until):
    """Release spikes at or before `until` from the histories first .. last - 1, but the newest of them (it holds the trace)."""
    depth = learning.time.shape[1]
    for row in range(first, last):
        while learning.low[row] + 1 < learning.written[row] and learning.time[row, (learning.low[row] + 1) % depth] <= until:
            learning.low[row] += 1

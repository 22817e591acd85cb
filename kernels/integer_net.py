"""A network of integer units as flat arrays, and the delivery of one event through it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf_inline

# Kinds of connectivity. Delivery is chosen by connectivity; state update, by unit.
DENSE, ONE_TO_ONE, SUM_OVER, PRODUCT = 0, 1, 2, 3

# Codes: the rule for the next event towards a target value.
UNARY, BINARY, SIGNED_DIGIT, GRADED = 0, 1, 2, 3

# Columns of the projection counters.
EVENTS, SYNOPS, PARTNER_READS, SCALED = 0, 1, 2, 3
N_COUNTERS = 4


class IntegerNet(NamedTuple):
    """Populations p, rows r (units that one g sees together), projections e, units in one flat index space.

    Populations stand in topological order. Arrays named *_ptr hold the first entry of p (or e) and the end of the last.
    """

    unit_ptr: np.ndarray  # int64[n_pop + 1]   first unit of p
    row_ptr: np.ndarray  # int64[n_pop + 1]   first row of p
    width: np.ndarray  # int64[n_pop]       units per row
    kind: np.ndarray  # int64[n_pop]       place of g in the table of unit functions
    param_ptr: np.ndarray  # int64[n_pop + 1]
    params: np.ndarray  # int64[...]         parameters of g
    bias: np.ndarray  # int32[n_units]
    row_pop: np.ndarray  # int64[n_rows]      population of a row
    out_ptr: np.ndarray  # int64[n_pop + 1]   projections in order of their pre population
    connectivity: np.ndarray  # int64[n_proj]
    post: np.ndarray  # int64[n_proj]
    weight_ptr: np.ndarray  # int64[n_proj]      into weights8 (dense) or weights32 (one-to-one)
    weights8: np.ndarray  # int8[...]          rows by source channel
    weights32: np.ndarray  # int32[...]
    target_ptr: np.ndarray  # int64[n_proj]      into product_index: first target of each source unit ...
    partner_ptr: np.ndarray  # int64[n_proj]      ... first partner of each source unit ...
    step_ptr: np.ndarray  # int64[n_proj]      ... and the steps from there: n_step targets, then n_step partners
    n_step: np.ndarray  # int64[n_proj]      for a dense edge: source channels
    contiguous: np.ndarray  # bool[n_proj]       both kinds of steps are 0, 1, 2, ...
    touch_ptr: np.ndarray  # int64[n_proj]      into product_index: rows reached, counted from the row of the first target
    n_touch: np.ndarray  # int64[n_proj]
    product_index: np.ndarray  # int32[...]
    own_seen: np.ndarray  # int64[n_proj]      where the consumer keeps what it has seen of the source ...
    partner_seen: np.ndarray  # int64[n_proj]      ... and of the partner
    partner: np.ndarray  # int64[n_proj]      the mirrored projection


@leaf_inline
def next_event(code, difference):
    """Return the first event towards `difference` != 0 in the given code.

    Greedy steps to the nearest power of two use as few digits as the non-adjacent form (Reitwiesner 1960).
    """
    if code == GRADED:
        return difference
    sign = 1 if difference > 0 else -1
    if code == UNARY:
        return sign
    size = abs(difference)
    power = 1
    while 2 * power <= size:
        power *= 2
    if code == SIGNED_DIGIT and 2 * size > 3 * power:
        power *= 2
    return sign * power


@leaf_inline
def deliver(net, e, unit, size, acc, seen, alive, counts):
    """Deliver an event of `size` from `unit` (index within its population) along projection `e`.

    acc : int32[n_units]       modified in place
    seen : int32[...]          operand values as the product edges have seen them, modified in place
    alive : bool[n_proj]       whether any event has passed e; a product waits for its partner's first event
    counts : int64[n_proj, 4]  events, synaptic operations, reads of the partner, operations with abs(size) > 1
    Returns the synaptic operations. O(fan-out).
    """
    counts[e, EVENTS] += 1
    post = net.post[e]
    first = net.unit_ptr[post]
    connectivity = net.connectivity[e]
    d = np.int32(size)
    synops = 0
    if connectivity == DENSE:
        width, n_in = net.width[post], net.n_step[e]
        begin = net.weight_ptr[e] + unit % n_in * width
        weights = net.weights8[begin : begin + width]
        begin = first + unit // n_in * width
        targets = acc[begin : begin + width]
        for j in range(width):
            targets[j] += d * np.int32(weights[j])
        synops = width
    elif connectivity == ONE_TO_ONE:
        acc[first + unit] += d * net.weights32[net.weight_ptr[e] + unit % net.width[post]]
        synops = 1
    elif connectivity == SUM_OVER:
        acc[first + unit % (net.unit_ptr[post + 1] - first)] += d
        synops = 1
    else:
        if alive[net.partner[e]]:
            n = net.n_step[e]
            target = first + net.product_index[net.target_ptr[e] + unit]
            other = net.partner_seen[e] + net.product_index[net.partner_ptr[e] + unit]
            if net.contiguous[e]:
                targets, values = acc[target : target + n], seen[other : other + n]
                for j in range(n):
                    targets[j] += d * values[j]
                    synops += values[j] != 0
            else:
                begin = net.step_ptr[e]
                steps = net.product_index[begin : begin + 2 * n]
                for j in range(n):
                    value = seen[other + steps[n + j]]
                    acc[target + steps[j]] += d * value
                    synops += value != 0
            counts[e, PARTNER_READS] += n
        seen[net.own_seen[e] + unit] += d
    alive[e] = True
    counts[e, SYNOPS] += synops
    if abs(size) > 1:
        counts[e, SCALED] += synops
    return synops

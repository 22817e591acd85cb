"""A network of integer units as flat arrays, and the delivery of one event through it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf_inline, leaf_part

# Kinds of connectivity. Delivery is chosen by connectivity; state update, by unit.
DENSE, POINT, PRODUCT, FILTERS = 0, 1, 2, 3

# In which layout a projection reads its pre population: as it is; every unit at one place at most; at any number of places.
PLAIN, PLACED, SPREAD = 0, 1, 2

# Codes: the rule for the next event towards a target value.
UNARY, BINARY, SIGNED_DIGIT, GRADED, FIRST_SPIKE = 0, 1, 2, 3, 4

# Columns of the projection counters. Its events are the spikes of its pre population, which are counted there.
SYNOPS, PARTNER_READS, SCALED = 0, 1, 2
N_COUNTERS = 3

# Entries of the description of a convolution in `index`: sizes of space, of space out, of the kernel (three axes each), channels in,
# channels in per group, channels out, channels out per group, and where the tables of the three axes begin.
SPACE, SPACE_OUT, KERNEL, CHANNELS, AXES = 0, 3, 6, 9, 13
FILTERS_HEADER = 16


class IntegerNet(NamedTuple):
    """Populations p, rows r (units that one g sees together), projections e, units in one flat index space.

    Populations stand in topological order, inputs first. Arrays named *_ptr hold the first entry of p (or e) and the end of the last.
    """

    unit_ptr: np.ndarray  # int64[n_pop + 1]   first unit of p
    row_ptr: np.ndarray  # int64[n_pop + 1]   first row of p
    width: np.ndarray  # int64[n_pop]       units per row
    kind: np.ndarray  # int64[n_pop]       place of g in the table of unit functions
    param_ptr: np.ndarray  # int64[n_pop + 1]
    params: np.ndarray  # int64[...]         parameters of g
    bias: np.ndarray  # int32[n_units]
    row_pop: np.ndarray  # int64[n_rows]      population of a row
    window: np.ndarray  # int64[n_pop]       steps in which the time of one event can tell any change of value
    out_ptr: np.ndarray  # int64[n_pop + 1]   projections in order of their pre population
    connectivity: np.ndarray  # int64[n_proj]
    post: np.ndarray  # int64[n_proj]
    gain: np.ndarray  # int64[n_proj]      every event counts so often; 1 for a point projection
    layout: np.ndarray  # int64[n_proj]      PLAIN, PLACED or SPREAD
    layout_ptr: np.ndarray  # int64[n_proj]      into index: place of every unit, -1 for none; or first places, then the places
    wide: np.ndarray  # bool[n_proj]       weights in weights16, not in weights8
    weight_ptr: np.ndarray  # int64[n_proj]      into weights8 or weights16; into weights32 (point)
    n_weight: np.ndarray  # int64[n_proj]      weights of a point projection, which repeat along the layout
    weights8: np.ndarray  # int8[...]          rows by source channel
    weights16: np.ndarray  # int16[...]
    weights32: np.ndarray  # int32[...]
    filters_ptr: np.ndarray  # int64[n_proj]      into index: the description of a convolution
    target_ptr: np.ndarray  # int64[n_proj]      into index: first target of each place ...
    partner_ptr: np.ndarray  # int64[n_proj]      ... first partner of each place ...
    step_ptr: np.ndarray  # int64[n_proj]      ... and the steps from there: n_step targets, then n_step partners
    n_step: np.ndarray  # int64[n_proj]      for a dense edge: source channels
    contiguous: np.ndarray  # bool[n_proj]       both kinds of steps are 0, 1, 2, ...
    limit_ptr: np.ndarray  # int64[n_proj]      into index: the first and the end of the steps of each place; -1 when all have all
    touch_ptr: np.ndarray  # int64[n_proj]      into index: rows a product reaches, counted from the row of the first target
    n_touch: np.ndarray  # int64[n_proj]
    index: np.ndarray  # type: ignore[assignment]  # int32[...]; a tuple has a method of this name
    own_seen: np.ndarray  # int64[n_proj]      where the consumer keeps what it has seen of the source ...
    partner_seen: np.ndarray  # int64[n_proj]      ... and of the partner, in their layouts
    partner: np.ndarray  # int64[n_proj]      the mirrored projection


@leaf_inline
def next_event(code, difference):
    """Return the first event towards `difference` != 0 in the given code.

    Greedy steps to the nearest power of two use as few digits as the non-adjacent form (Reitwiesner 1960).
    """
    if code in (GRADED, FIRST_SPIKE):
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
def bits_set(x):
    """Return how many bits of 0 <= x < 2^63 are set: sums of neighbours, of pairs, of fours, then of bytes. Source: Warren (2013), 5-1."""
    x = x - ((x >> 1) & 0x5555555555555555)
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F
    x = x + (x >> 8)
    x = x + (x >> 16)
    return (x + (x >> 32)) & 0x7F


@leaf_inline
def events_of(code, difference):
    """Return (events, those of them with abs(size) > 1) that carry `difference` != 0 in the given code."""
    if code == UNARY:
        return abs(difference), 0
    if code == GRADED:
        return 1, 1 if abs(difference) > 1 else 0
    if code == FIRST_SPIKE:
        return 1, 0
    size = abs(np.int64(difference))
    # The non-adjacent form of n has as many digits as n xor 3 n has bits (Prodinger 2000); one of them is 1 where n is odd.
    events = bits_set(size ^ (3 * size) if code == SIGNED_DIGIT else size)
    return events, events - (size & 1)


@leaf_part
def add_row(net, e, entry, n, d, targets):
    """targets += d * the `n` weights from `entry` on."""
    if net.wide[e]:
        weights16 = net.weights16[entry : entry + n]
        for j in range(n):
            targets[j] += d * np.int32(weights16[j])
    else:
        weights8 = net.weights8[entry : entry + n]
        for j in range(n):
            targets[j] += d * np.int32(weights8[j])


@leaf_part
def _axis(net, e, axis, position):
    """Where a position along one spatial axis leads: the first and the end of its entries, and where places out and taps stand."""
    about = net.filters_ptr[e]
    base = about + np.int64(net.index[about + AXES + axis])
    n = np.int64(net.index[about + SPACE + axis])
    places = base + n + 1
    taps = places + net.index[base + n]
    return np.int64(net.index[base + position]), np.int64(net.index[base + position + 1]), places, taps


@leaf_part
def _position(net, e, place):
    """The pixel of a place in the layout, along three axes."""
    about = net.filters_ptr[e]
    pixel = place // np.int64(net.index[about + CHANNELS])
    down, across = np.int64(net.index[about + SPACE + 1]), np.int64(net.index[about + SPACE + 2])
    return pixel // (down * across), pixel // across % down, pixel % across


@leaf_part
def _convolve(net, e, place, d, acc, first):
    """Deliver along a convolution; returns the synaptic operations."""
    index, about = net.index, net.filters_ptr[e]
    channel = place % np.int64(index[about + CHANNELS])
    channels_group, out = np.int64(index[about + CHANNELS + 1]), np.int64(index[about + CHANNELS + 2])
    n = np.int64(index[about + CHANNELS + 3])
    shift = channel // channels_group * n
    within = channel % channels_group
    x, y, z = _position(net, e, place)
    i0, i1, out_x, tap_x = _axis(net, e, 0, x)
    j0, j1, out_y, tap_y = _axis(net, e, 1, y)
    k0, k1, out_z, tap_z = _axis(net, e, 2, z)
    rows, columns = np.int64(index[about + SPACE_OUT + 1]), np.int64(index[about + SPACE_OUT + 2])
    kernel_y, kernel_z = np.int64(index[about + KERNEL + 1]), np.int64(index[about + KERNEL + 2])
    for i in range(i0, i1):
        for j in range(j0, j1):
            for k in range(k0, k1):
                target = (index[out_x + i] * rows + index[out_y + j]) * columns + index[out_z + k]
                tap = (index[tap_x + i] * kernel_y + index[tap_y + j]) * kernel_z + index[tap_z + k]
                begin = first + target * out + shift
                add_row(net, e, net.weight_ptr[e] + (tap * channels_group + within) * out + shift, n, d, acc[begin : begin + n])
    return (i1 - i0) * (j1 - j0) * (k1 - k0) * n


@leaf_part
def _steps(net, e, place):
    """The first and the end of the steps along which a place of a product has synapses."""
    if net.limit_ptr[e] < 0:
        return 0, net.n_step[e]
    at = net.limit_ptr[e] + 2 * place
    return np.int64(net.index[at]), np.int64(net.index[at + 1])


@leaf_part
def _multiply(net, e, place, d, acc, seen, first, counts, times):
    """Deliver along one side of a product; returns the synaptic operations."""
    begin, end = _steps(net, e, place)
    factor = np.int32(net.gain[e]) * d
    target = first + net.index[net.target_ptr[e] + place]
    other = net.partner_seen[e] + net.index[net.partner_ptr[e] + place]
    counts[e, PARTNER_READS] += (end - begin) * times
    synops = 0
    if net.contiguous[e]:
        targets, values = acc[target + begin : target + end], seen[other + begin : other + end]
        some = np.int32(0)  # as wide as the values: a wider count would halve the vectors of this loop
        for j in range(end - begin):
            targets[j] += factor * values[j]
            some = np.int32(some + (values[j] != 0))
        return np.int64(some)
    n = net.n_step[e]
    steps = net.index[net.step_ptr[e] : net.step_ptr[e] + 2 * n]
    for j in range(begin, end):
        value = seen[other + steps[n + j]]
        acc[target + steps[j]] += factor * value
        synops += value != 0
    return synops


@leaf_part
def _deliver_at(net, e, place, d, acc, seen, alive, counts, times):
    """Deliver to what one place in the layout of `e` reaches; returns the synaptic operations of one event."""
    post = net.post[e]
    first = net.unit_ptr[post]
    connectivity = net.connectivity[e]
    if connectivity == DENSE:
        width, n_in = net.width[post], net.n_step[e]
        begin = first + place // n_in * width
        entry = net.weight_ptr[e] + place % n_in * width
        add_row(net, e, entry, width, d * np.int32(net.gain[e]), acc[begin : begin + width])
        return width
    if connectivity == POINT:
        acc[first + place % (net.unit_ptr[post + 1] - first)] += d * net.weights32[net.weight_ptr[e] + place % net.n_weight[e]]
        return 1
    if connectivity == FILTERS:
        return _convolve(net, e, place, d * np.int32(net.gain[e]), acc, first)
    synops = 0
    if alive[net.partner[e]]:
        synops = _multiply(net, e, place, d, acc, seen, first, counts, times)
    seen[net.own_seen[e] + place] += d
    return synops


@leaf_part
def _entries(net, e, unit):
    """The first and the end of the entries of `index` that hold the places of a unit; one that is not read, in a plain layout."""
    base = net.layout_ptr[e]
    if net.layout[e] == SPREAD:
        return base + net.index[base + unit], base + net.index[base + unit + 1]
    return base + unit, base + unit + 1


@leaf_part
def _place(net, e, unit, entry):
    """A place of a unit in the layout of `e`, or -1."""
    return unit if net.layout[e] == PLAIN else np.int64(net.index[entry])


@leaf_part
def deliver(net, e, unit, change, times, scaled, acc, seen, alive, counts):
    """Deliver events of `unit` (index within its population) that add up to `change` along projection `e`.

    times, scaled : int        how many events they are, and how many of them are larger than 1
    acc : int32[n_units]       modified in place
    seen : int32[...]          operand values as the product edges have seen them, modified in place
    alive : bool[n_proj]       whether any event has passed e; a product waits for its partner's first event
    counts : int64[n_proj, 3]  synaptic operations, reads of the partner, operations with abs(size) > 1
    Returns the synaptic operations of one event. O(fan-out).
    """
    d = np.int32(change)
    synops = 0
    first, last = _entries(net, e, unit)
    for entry in range(first, last):
        place = _place(net, e, unit, entry)
        if place >= 0:
            synops += _deliver_at(net, e, place, d, acc, seen, alive, counts, times)
    alive[e] = True
    counts[e, SYNOPS] += synops * times
    if scaled > 0:  # never in three of the five codes
        counts[e, SCALED] += synops * scaled
    return synops


@leaf_part
def _mark(row, queued, stale, queue, n_queued):
    stale[row] = True
    if not queued[row]:
        queued[row] = True
        queue[n_queued] = row
        n_queued += 1
    return n_queued


@leaf_part
def _touch_at(net, e, place, queued, stale, queue, n_queued):
    post = net.post[e]
    width, first = net.width[post], net.row_ptr[post]
    connectivity = net.connectivity[e]
    if connectivity == DENSE:
        return _mark(first + place // net.n_step[e], queued, stale, queue, n_queued)
    if connectivity == POINT:
        return _mark(first + place % (net.unit_ptr[post + 1] - net.unit_ptr[post]) // width, queued, stale, queue, n_queued)
    if connectivity == PRODUCT and net.limit_ptr[e] >= 0:
        target = np.int64(net.index[net.target_ptr[e] + place])
        begin, end = _steps(net, e, place)
        for j in range(begin, end):
            n_queued = _mark(first + (target + net.index[net.step_ptr[e] + j]) // width, queued, stale, queue, n_queued)
        return n_queued
    if connectivity == PRODUCT:
        first += net.index[net.target_ptr[e] + place] // width
        for j in range(net.n_touch[e]):
            n_queued = _mark(first + net.index[net.touch_ptr[e] + j], queued, stale, queue, n_queued)
        return n_queued
    x, y, z = _position(net, e, place)
    i0, i1, out_x, _ = _axis(net, e, 0, x)
    j0, j1, out_y, _ = _axis(net, e, 1, y)
    k0, k1, out_z, _ = _axis(net, e, 2, z)
    index, about = net.index, net.filters_ptr[e]
    rows, columns = np.int64(index[about + SPACE_OUT + 1]), np.int64(index[about + SPACE_OUT + 2])
    for i in range(i0, i1):
        for j in range(j0, j1):
            for k in range(k0, k1):
                row = (index[out_x + i] * rows + index[out_y + j]) * columns + index[out_z + k]
                n_queued = _mark(first + row, queued, stale, queue, n_queued)
    return n_queued


@leaf_part
def touch(net, e, unit, queued, stale, queue, n_queued):
    """Mark the rows that an event of `unit` along `e` changed and queue those not `queued`; return the length of the queue."""
    first, last = _entries(net, e, unit)
    for entry in range(first, last):
        place = _place(net, e, unit, entry)
        if place >= 0:
            n_queued = _touch_at(net, e, place, queued, stale, queue, n_queued)
    return n_queued

"""Delivery of the spikes of one step into the inputs of their targets, for every way of keeping synapses."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline
from snnsim.kernels.bits import MOST, count_rows
from snnsim.kernels.layout import BITS, DENSE, ONE_TO_ONE
from snnsim.kernels.memory import borrow

_SEEN = np.uint8(1)
#: Length of a borrowed array that nobody asks for.
_ANY = np.int64(1) << np.int64(40)


@leaf
def list_dense(counts, listed):
    """Write the neurons with a count > 0, and the counts, into the two rows of `listed`. Returns their number."""
    n = 0
    for i in range(counts.size):
        if counts[i] > 0:
            listed[0, n], listed[1, n] = i, counts[i]
            n += 1
    return n


@leaf
def add_dense(weight, counts, inputs):
    """Add weight * counts[i] to inputs[i]."""
    for i in range(counts.size):
        inputs[i] += weight * counts[i]


@leaf
def add_list(weight, sources, times, inputs):
    """Add weight * times to the input of each source's own partner, rounded as by `add_dense`."""
    for k in range(sources.size):
        inputs[sources[k]] += weight * times[k]


@leaf_inline
def add_rows(fabric, q, sources, times, number, place, inputs):
    """Add the one weight of projection q to the targets of each source, listed in two bytes each. The fast path."""
    begin, end = borrow(fabric.begin[q], _ANY, np.int64), borrow(fabric.end[q], _ANY, np.int64)
    targets = borrow(fabric.target[q], fabric.n_synapses[q], np.uint16)
    for k in range(sources.size):
        row = np.uint64(sources[k])
        number[0] = fabric.weight[q] * times[k]
        w = number[0]
        # Unsigned targets, looped over as a slice: no test for a negative index in the innermost loop.
        for target in targets[begin[row] : end[row]]:
            inputs[place + np.uint64(target)] += w


@leaf_inline
def mark_rows(fabric, q, sources, marks):
    """Mark the targets of the sources, for the count of neurons that had input."""
    begin, end = borrow(fabric.begin[q], _ANY, np.int64), borrow(fabric.end[q], _ANY, np.int64)
    narrow = borrow(fabric.target[q], fabric.n_synapses[q], np.uint16)
    wide = borrow(fabric.target[q], fabric.n_synapses[q], np.uint32)
    mark = fabric.mark[q]
    for k in range(sources.size):
        row = np.uint64(sources[k])
        first, last = begin[row], end[row]
        if fabric.wide[q]:
            for target in wide[first:last]:
                marks[mark + np.uint64(target)] = _SEEN
        else:
            for target in narrow[first:last]:
                marks[mark + np.uint64(target)] = _SEEN


@leaf_inline
def add_synapses(fabric, q, sources, times, offsets, inputs):
    """Add every weight to its target: any type of target, weight and delay.

    offsets : uint64[n_delays]   place of target 0 in `inputs`, by delay
    """
    begin, end = borrow(fabric.begin[q], _ANY, np.int64), borrow(fabric.end[q], _ANY, np.int64)
    n = fabric.n_synapses[q]
    target_2, target_4 = borrow(fabric.target[q], n, np.uint16), borrow(fabric.target[q], n, np.uint32)
    weight_4, weight_8 = borrow(fabric.weights[q], n, np.float32), borrow(fabric.weights[q], n, np.float64)
    which_1, which_2 = borrow(fabric.which[q], n, np.uint8), borrow(fabric.which[q], n, np.uint16)
    wide, one, double = fabric.wide[q], fabric.weights[q] == 0, fabric.double[q]
    single, many, split = fabric.which[q] == 0, fabric.many[q], fabric.split[q]
    plus, minus, weight = fabric.gain[q, 0], fabric.gain[q, 1], fabric.weight[q]
    for k in range(sources.size):
        row = np.uint64(sources[k])
        for i in range(np.uint64(begin[row]), np.uint64(end[row])):
            at = offsets[0 if single else (np.int64(which_2[i]) if many else np.int64(which_1[i]))]
            at += np.uint64(target_4[i]) if wide else np.uint64(target_2[i])
            if one:
                inputs[at] += weight * times[k]
            else:
                w = weight_8[i] if double else np.float64(weight_4[i])
                if w < 0.0:
                    inputs[at + split] += minus * w * times[k]
                else:
                    inputs[at] += plus * w * times[k]


@leaf_inline
def add_bits(fabric, q, sources, times, n_post, scratch, place, lands, inputs):
    """Count the spikes every target receives, at most MOST at a time, and add the weight as often."""
    stride, word = fabric.stride[q], fabric.word[q]
    words = (n_post + 63) // 64
    bits = borrow(fabric.bits[q], _ANY, np.uint64)
    counts, weight, mark = scratch.counts[:n_post], fabric.weight[q], fabric.mark[q] + np.uint64(64 * word)
    mine = inputs[np.int64(place + np.uint64(64 * word)) :]
    first = 0
    while first < sources.size:
        last, total, most = first, 0, MOST
        while last < sources.size and total + times[last] <= MOST:
            total += times[last]
            last += 1
        w = weight
        if last == first:
            # It fired more often than a byte can count: its row once, and the weight so many times.
            last, most, w = first + 1, 1, weight * times[first]
        some, often = sources[first:last], times[first:last]
        count_rows(bits, stride, word, words, some, often, most, scratch.work, scratch.levels, scratch.table, scratch.words)
        for i in range(n_post):
            mine[i] += w * counts[i]
        if lands:
            for i in range(n_post):
                scratch.marks[mark + np.uint64(i)] |= counts[i] > 0
        first = last


@leaf_inline
def list_all(sent, slot, pre, listed):
    """Write the spikes of a population in one step, of all threads, into the two rows of `listed`. Returns their number."""
    n = 0
    for thread in range(sent.answer.shape[0]):
        low, size = sent.low[thread, pre], sent.low[thread + 1, pre] - sent.low[thread, pre]
        at = 2 * (sent.first[pre] + low)
        many = sent.answer[thread, slot, pre]
        for k in range(size if many == DENSE else many):
            times = sent.spikes[slot, at + size + k]
            if times > 0:
                listed[0, n] = low + (k if many == DENSE else sent.spikes[slot, at + k])
                listed[1, n] = times
                n += 1
    return n


@leaf_inline
def deliver(fabric, q, part, slot, sent, n_post, scratch, lands, inputs):
    """Deliver the spikes that projection q's sources made in the step of `slot`, to the targets of this thread.

    inputs : float[...]   inputs or state of the post population, modified in place
    lands : bool          also mark the neurons that receive
    The sources are taken in ascending order, and each target receives in that order, whatever the number of threads.
    """
    pre, kind, place = fabric.pre[q], fabric.kind[q], fabric.place[q]
    if kind == ONE_TO_ONE:
        # Partners belong to one thread: populations of one size are cut alike.
        n, low, high = sent.answer[part, slot, pre], sent.low[part, pre], sent.low[part + 1, pre]
        at = 2 * (sent.first[pre] + low)
        sources, times = sent.spikes[slot, at : at + high - low], sent.spikes[slot, at + high - low : at + 2 * (high - low)]
        partners, mark = inputs[np.int64(place + np.uint64(low)) :], fabric.mark[q] + np.uint64(low)
        if n == DENSE:
            add_dense(fabric.weight[q], times, partners)
            if lands:
                for i in range(times.size):
                    scratch.marks[mark + np.uint64(i)] |= times[i] > 0
        else:
            add_list(fabric.weight[q], sources[:n], times[:n], partners)
            if lands:
                for source in sources[:n]:
                    scratch.marks[mark + np.uint64(source)] = _SEEN
        return
    n = list_all(sent, slot, pre, scratch.listed)
    if n == 0:
        return
    sources, times = scratch.listed[0, :n], scratch.listed[1, :n]
    if kind == BITS:
        add_bits(fabric, q, sources, times, n_post, scratch, place, lands, inputs)
        return
    if fabric.weights[q] == 0 and not fabric.wide[q]:
        add_rows(fabric, q, sources, times, scratch.number, place, inputs)
    else:
        scratch.offsets[0] = place
        add_synapses(fabric, q, sources, times, scratch.offsets, inputs)
    if lands:
        mark_rows(fabric, q, sources, scratch.marks)


@leaf_inline
def count_operations(fabric, population, low, sources, times, but_one_to_one):
    """Add the synaptic operations that these spikes will cause, on all threads, to the tallies of their projections."""
    for at in range(fabric.out_ptr[population], fabric.out_ptr[population + 1]):
        q = fabric.out[at]
        if fabric.kind[q] != ONE_TO_ONE:
            row_ptr = borrow(fabric.row_ptr[q], _ANY, np.int64)
            for k in range(sources.size):
                row = sources[k] + low
                fabric.tally[q, 0] += times[k] * (row_ptr[row + 1] - row_ptr[row])
        elif not but_one_to_one:
            for k in range(times.size):
                fabric.tally[q, 0] += times[k]

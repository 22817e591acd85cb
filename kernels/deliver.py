"""Delivery of the spikes of one step into the inputs of their targets, for every way of keeping synapses."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_apart, leaf_part
from snnsim.kernels.bits import MOST, count_rows
from snnsim.kernels.layout import BITS, DENSE, MATRIX, ONE_TO_ONE
from snnsim.kernels.mail import post
from snnsim.kernels.matrix import add_matrix
from snnsim.kernels.memory import ANY, borrow

_SEEN = np.uint8(1)
_NOWHERE = np.uint64(0)


@leaf
def list_dense(counts, listed):
    """Write the neurons with a count > 0, and the counts, into the two rows of `listed`. Returns their number."""
    n = 0
    for i in range(counts.size):
        if counts[i] > 0:
            listed[0, n], listed[1, n] = i, counts[i]
            n += 1
    return n


@leaf_part
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


@leaf_apart
def add_dense(weight, counts, inputs):
    """Add weight * counts[i] to inputs[i]. weight : float[1], of the type of the inputs"""
    w = weight[0]
    for i in range(counts.size):
        inputs[i] += w * counts[i]


@leaf_apart
def add_rows(begin, end, targets, sources, times, weight, number, place, inputs):
    """Add one weight to the targets of each source, listed in two bytes each. The fast path.

    number : float[1]   rounds to the type of the inputs
    """
    for k in range(sources.size):
        row = np.uint64(sources[k])
        number[0] = weight * times[k]
        w = number[0]
        # Unsigned targets, looped over as a slice: no test for a negative index in the innermost loop.
        for target in targets[begin[row] : end[row]]:
            inputs[place + np.uint64(target)] += w


@leaf_apart
def mark_rows(begin, end, narrow, wide, is_wide, sources, mark, marks):
    """Mark the targets of the sources, for the count of neurons that had input."""
    for k in range(sources.size):
        row = np.uint64(sources[k])
        if is_wide:
            for target in wide[begin[row] : end[row]]:
                marks[mark + np.uint64(target)] = _SEEN
        else:
            for target in narrow[begin[row] : end[row]]:
                marks[mark + np.uint64(target)] = _SEEN


@leaf_apart
def _add_rows_of_weights(strand, q, sources, times, inputs):
    """Add the weights of sources whose targets follow each other: the sums of `add_synapses`, in loops that a compiler takes in vectors."""
    s = strand[q]
    begin, end = borrow(s.begin, ANY, np.int64), borrow(s.end, ANY, np.int64)
    target_2, target_4 = borrow(s.target, ANY, np.uint16), borrow(s.target, ANY, np.uint32)
    weight_4, weight_8, gain = borrow(s.weights, ANY, np.float32), borrow(s.weights, ANY, np.float64), s.plus
    for k in range(sources.size):
        first, last = begin[sources[k]], end[sources[k]]
        if last > first:
            mine = inputs[np.int64(s.place + (np.uint64(target_4[first]) if s.wide > 0 else np.uint64(target_2[first]))) :]
            if s.double > 0:
                for i in range(last - first):
                    mine[i] += gain * weight_8[first + i] * times[k]
            else:
                for i in range(last - first):
                    mine[i] += gain * np.float64(weight_4[first + i]) * times[k]


@leaf_apart
def add_synapses(strand, q, sources, times, inputs):
    """Add every weight to its target: any type of target and weight, one delay."""
    s = strand[q]
    begin, end = borrow(s.begin, ANY, np.int64), borrow(s.end, ANY, np.int64)
    target_2, target_4 = borrow(s.target, ANY, np.uint16), borrow(s.target, ANY, np.uint32)
    weight_4, weight_8 = borrow(s.weights, ANY, np.float32), borrow(s.weights, ANY, np.float64)
    wide, one, double, place, split = s.wide > 0, s.weights == 0, s.double > 0, s.place, s.split
    plus, minus, weight = s.plus, s.minus, s.weight
    if s.consecutive > 0 and split == 0 and plus == minus:
        _add_rows_of_weights(strand, q, sources, times, inputs)
        return
    for k in range(sources.size):
        row = np.uint64(sources[k])
        for i in range(np.uint64(begin[row]), np.uint64(end[row])):
            at = place + (np.uint64(target_4[i]) if wide else np.uint64(target_2[i]))
            if one:
                inputs[at] += weight * times[k]
            else:
                w = weight_8[i] if double else np.float64(weight_4[i])
                if w < 0.0:
                    inputs[at + split] += minus * w * times[k]
                else:
                    inputs[at] += plus * w * times[k]


@leaf_apart
def post_synapses(strand, q, sources, times, slots, first, mail):
    """Post every weight to its target: any type of target and weight, a delay each.

    slots : int64[n_delays]   where the mail of each delay is kept
    first : uint64            input column where the population's inputs begin
    """
    s = strand[q]
    begin, end = borrow(s.begin, ANY, np.int64), borrow(s.end, ANY, np.int64)
    target_2, target_4 = borrow(s.target, ANY, np.uint16), borrow(s.target, ANY, np.uint32)
    weight_4, weight_8 = borrow(s.weights, ANY, np.float32), borrow(s.weights, ANY, np.float64)
    which_1, which_2 = borrow(s.which, ANY, np.uint8), borrow(s.which, ANY, np.uint16)
    wide, one, double, many = s.wide > 0, s.weights == 0, s.double > 0, s.many > 0
    place, split, plus, minus, weight = first + s.place, s.split, s.plus, s.minus, s.weight
    for k in range(sources.size):
        row = np.uint64(sources[k])
        for i in range(np.uint64(begin[row]), np.uint64(end[row])):
            slot = slots[np.uint64(which_2[i]) if many else np.uint64(which_1[i])]
            at = place + (np.uint64(target_4[i]) if wide else np.uint64(target_2[i]))
            w = weight
            if not one:
                w = weight_8[i] if double else np.float64(weight_4[i])
                if w < 0.0:
                    at, w = at + split, minus * w
                else:
                    w = plus * w
            post(mail, slot, at, w * times[k])


@leaf_apart
def add_bits(strand, q, sources, times, n_post, scratch, planes, lands, inputs):
    """Count the spikes every target receives, at most MOST at a time, and add the weight as often."""
    s = strand[q]
    stride, word, weight = s.stride, s.word, s.weight
    words = (n_post + 63) // 64
    bits = borrow(s.bits, ANY, np.uint64)
    counts, mark = planes.counts[:n_post], np.int64(s.mark + np.uint64(64 * word))
    mine, marks = inputs[np.int64(s.place + np.uint64(64 * word)) :], scratch.marks[mark:]
    first = 0
    while first < sources.size:
        last, total, most = first, 0, MOST
        while last < sources.size and total + times[last] <= MOST:
            total += times[last]
            last += 1
        scratch.number[0] = weight
        if last == first:
            # It fired more often than a byte can count: its row once, and the weight so many times.
            last, most = first + 1, 1
            scratch.number[0] = weight * times[first]
        some, often = sources[first:last], times[first:last]
        count_rows(bits, stride, word, words, some, often, most, planes.work, planes.levels, planes.table, planes.words)
        add_dense(scratch.number, counts, mine)
        if lands:
            for i in range(n_post):
                marks[i] |= counts[i] > 0
        first = last


@leaf_apart
def deliver_partners(strand, q, part, slot, sent, scratch, lands, inputs):
    """Deliver spikes one to one. Partners belong to one thread: populations of one size are cut alike."""
    s = strand[q]
    pre = s.pre
    n, low, high = sent.answer[part, slot, pre], sent.low[part, pre], sent.low[part + 1, pre]
    at = 2 * (sent.first[pre] + low)
    sources, times = sent.spikes[slot, at : at + high - low], sent.spikes[slot, at + high - low : at + 2 * (high - low)]
    partners, marks = inputs[np.int64(s.place + np.uint64(low)) :], scratch.marks[np.int64(s.mark + np.uint64(low)) :]
    if n == DENSE:
        scratch.number[0] = s.weight
        add_dense(scratch.number, times, partners)
        if lands:
            for i in range(times.size):
                marks[i] |= times[i] > 0
        return
    # Rounded as by `add_dense`: a run that continues finds counts as a list.
    scratch.number[0] = s.weight
    w = scratch.number[0]
    for k in range(n):
        partners[sources[k]] += w * times[k]
        if lands:
            marks[sources[k]] = _SEEN


@leaf_apart
def deliver(strand, q, part, slot, sent, n_post, scratch, planes, lands, inputs):
    """Deliver the spikes that projection q's sources made in the step of `slot`, to the targets of this thread.

    inputs : float[...]   inputs or state of the post population, modified in place
    lands : bool          also mark the neurons that receive
    The sources are taken in ascending order, and each target receives in that order, whatever the number of threads.
    """
    s = strand[q]
    if s.kind == ONE_TO_ONE:
        deliver_partners(strand, q, part, slot, sent, scratch, lands, inputs)
        return
    n = list_all(sent, slot, s.pre, scratch.listed)
    if n == 0:
        return
    sources, times = scratch.listed[0, :n], scratch.listed[1, :n]
    if planes is not None:  # noqa: SIM102  (numba drops code behind a test for None that stands alone)
        if s.kind == BITS:
            add_bits(strand, q, sources, times, n_post, scratch, planes, lands, inputs)
            return
    if s.kind == MATRIX:
        add_matrix(strand, q, sources, times, n_post, scratch.number, inputs)
        return
    begin, end, narrow = borrow(s.begin, ANY, np.int64), borrow(s.end, ANY, np.int64), borrow(s.target, ANY, np.uint16)
    if s.weights == 0 and s.wide == 0:
        add_rows(begin, end, narrow, sources, times, s.weight, scratch.number, s.place, inputs)
    else:
        add_synapses(strand, q, sources, times, inputs)
    if lands:
        mark_rows(begin, end, narrow, borrow(s.target, ANY, np.uint32), s.wide > 0, sources, s.mark, scratch.marks)


@leaf_apart
def count_operations(fabric, population, low, sources, times, but_one_to_one):
    """Add the synaptic operations that these spikes will cause, on all threads, to the counts of their projections."""
    for at in range(fabric.out_ptr[population], fabric.out_ptr[population + 1]):
        s = fabric.strand[fabric.out[at]]
        if s.kind != ONE_TO_ONE:
            row_ptr = borrow(s.row_ptr, ANY, np.int64)
            for k in range(sources.size):
                row = sources[k] + low
                s.synops += times[k] * (row_ptr[row + 1] - row_ptr[row])
        elif not but_one_to_one:
            for k in range(times.size):
                s.synops += times[k]

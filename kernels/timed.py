"""Synapses with a delay each, sorted by delay: what arrives in a step is read then, and nothing is written ahead.

The synapses of a source onto all populations of a thread are one row; in it, those of one delay are a run. In every step each
source still under way has one run that arrives. Runs lie anywhere in memory, but which ones come is known before the first is
read: they are asked for some runs ahead. What is written to is the inputs of one step, which stay in the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_apart, leaf_inline
from snnsim.kernels.deliver import list_all
from snnsim.kernels.memory import ANY, borrow
from snnsim.kernels.prefetch import prefetch

#: Runs listed before they are read.
BATCH = 1024
_AHEAD = 12  # runs asked for before they are read: some hundred nanoseconds
_LINE = 16  # synapses whose columns fill a cache line
_FIRST = 8 * _LINE  # synapses of a run asked for one by one; the processor foresees the rest


class Timed(NamedTuple):
    """Rows of one thread. A bundle holds the rows of one population of sources."""

    due: np.ndarray  # int64[n, 3]  delay, bundle, position of this delay in it; by falling delay, then by bundle
    pre: np.ndarray  # int64[B]  population
    n_delays: np.ndarray  # int64[B]
    row_first: np.ndarray  # int64[B]  position of source 0 in `start`
    run_first: np.ndarray  # int64[B]  position of source 0 in `run`
    start: np.ndarray  # int64[n_rows]  first synapse of a row
    run: np.ndarray  # uint32[...]  where each run of a row begins, n_delays + 1 numbers a row, counted from its start
    column: np.ndarray  # uint32[n_synapses]  input column of the thread
    weight: np.ndarray  # float32 or float64[n_synapses]
    batch: np.ndarray  # int64[3, BATCH]  begin, end, times


@leaf_inline
def _ask(timed, number):
    """Ask for the synapses of a listed run, without waiting for them."""
    begin = timed.batch[0, number]
    end = min(timed.batch[1, number], begin + _FIRST)
    while begin < end:
        prefetch(timed.column, begin)
        prefetch(timed.weight, begin)
        if timed.weight.itemsize == 8:
            prefetch(timed.weight, begin + _LINE // 2)
        begin += _LINE
    if end > timed.batch[0, number]:
        prefetch(timed.column, end - 1)
        prefetch(timed.weight, end - 1)


@leaf_inline
def _add(columns, weights, times, inputs):
    if times == 1:
        for i in range(columns.size):
            inputs[columns[i]] += weights[i]
    else:
        for i in range(columns.size):
            inputs[columns[i]] += np.float64(weights[i]) * times


@leaf_apart
def add_runs(timed, n, inputs):
    """Add the first n listed runs to the inputs, in order."""
    for number in range(min(n, _AHEAD)):
        _ask(timed, number)
    for number in range(n):
        if number + _AHEAD < n:
            _ask(timed, number + _AHEAD)
        begin, end = timed.batch[0, number], timed.batch[1, number]
        _add(timed.column[begin:end], timed.weight[begin:end], timed.batch[2, number], inputs)


@leaf_apart
def read_timed(step, timed, sent, listed, inputs):
    """Add all that arrives in this step, by step of the spike, population, source, projection, target.

    listed : int32[2, max(n)]   scratch
    inputs : float[width]       modified in place
    """
    n, slots = 0, sent.answer.shape[1]
    for at in range(timed.due.shape[0]):
        made = step - timed.due[at, 0]
        if made < 0:
            continue
        bundle = timed.due[at, 1]
        spiking = list_all(sent, made % slots, timed.pre[bundle], listed)
        for k in range(spiking):
            source, width = np.int64(listed[0, k]), timed.n_delays[bundle] + 1
            start = timed.start[timed.row_first[bundle] + source]
            run = timed.run_first[bundle] + source * width + timed.due[at, 2]
            timed.batch[0, n], timed.batch[1, n] = start + timed.run[run], start + timed.run[run + 1]
            timed.batch[2, n] = listed[1, k]
            n += 1
            if n == BATCH:
                add_runs(timed, n, inputs)
                n = 0
    add_runs(timed, n, inputs)


@leaf
def lay_rows(strand, members, position, position_ptr, first, bundle, at, timed):
    """Sort the synapses of one population of sources by source, delay, projection, target.

    members : int64[k]           projections, of layout TIMED
    position : int64[...]        position among the delays of the bundle of each delay of a projection
    position_ptr : int64[k + 1]  where those of each member begin
    first : uint64[k]            input column where the post population begins
    at : int64                   where the first row goes
    timed : Timed                start, run, column, weight of the bundle are written
    O(synapses). Returns where the next row goes.
    """
    width, rows = timed.n_delays[bundle] + 1, timed.start.size if bundle + 1 == timed.pre.size else timed.row_first[bundle + 1]
    for source in range(rows - timed.row_first[bundle]):
        timed.start[timed.row_first[bundle] + source] = at
        low = timed.run_first[bundle] + source * width
        run = timed.run[low : low + width]
        run[:] = 0
        for m in range(members.size):
            _count(strand, members[m], position[position_ptr[m] : position_ptr[m + 1]], source, run)
        total = np.uint32(0)
        for k in range(width):
            total, run[k] = total + run[k], total
        for m in range(members.size):
            _place(strand, members[m], position[position_ptr[m] : position_ptr[m + 1]], first[m], source, run, timed, at)
        # Each entry has moved to where the next run begins.
        for k in range(width - 1, 0, -1):
            run[k] = run[k - 1]
        run[0] = 0
        at += np.int64(total)
    return at


@leaf_inline
def _count(strand, q, position, source, run):
    s = strand[q]
    begin, end = borrow(s.begin, ANY, np.int64)[source], borrow(s.end, ANY, np.int64)[source]
    if s.many > 0:
        for k in borrow(s.which, ANY, np.uint16)[begin:end]:
            run[position[k]] += np.uint32(1)
    else:
        for k in borrow(s.which, ANY, np.uint8)[begin:end]:
            run[position[k]] += np.uint32(1)


@leaf_inline
def _place(strand, q, position, first, source, run, timed, at):
    s = strand[q]
    begin, end = borrow(s.begin, ANY, np.int64), borrow(s.end, ANY, np.int64)
    target_2, target_4 = borrow(s.target, ANY, np.uint16), borrow(s.target, ANY, np.uint32)
    weight_4, weight_8 = borrow(s.weights, ANY, np.float32), borrow(s.weights, ANY, np.float64)
    which_1, which_2 = borrow(s.which, ANY, np.uint8), borrow(s.which, ANY, np.uint16)
    wide, one, double, many = s.wide > 0, s.weights == 0, s.double > 0, s.many > 0
    place, split, weight = first + s.place, s.split, s.weight
    for i in range(np.uint64(begin[source]), np.uint64(end[source])):
        k = position[np.uint64(which_2[i]) if many else np.uint64(which_1[i])]
        to = place + (np.uint64(target_4[i]) if wide else np.uint64(target_2[i]))
        w = weight
        if not one:
            w = weight_8[i] if double else np.float64(weight_4[i])
            if w < 0.0:
                to = to + split
        here = at + np.int64(run[k])
        run[k] += np.uint32(1)
        timed.column[here], timed.weight[here] = np.uint32(to), w

"""When neurons will next fire if nothing reaches them: a heap of those due soon, in order of (time, neuron).

Every neuron has one due time at most, kept by its population. Only those up to a horizon stand in the heap; the others are
looked through once in a while, when the horizon has been reached and moves on by a window. The window widens while few
fall into it and narrows while many do: the heap stays small enough for the nearest cache, and small networks are in it as
a whole. What comes next does not depend on it, so neither heap nor horizon is part of a saved run.

The heap knows where each neuron stands: a due time that changes moves one entry and leaves no stale one behind. Four
children lie side by side in memory, and the heap is half as deep as one of two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline

#: The window widens below this many neurons, or this part of all; and narrows above four times as many.
_FEW = 64
_FEW_OF = 128


class Dues(NamedTuple):
    """Neurons that will fire by themselves; the first entry is the next one."""

    time: np.ndarray  # float64[N]  ms, by place in the heap
    cell: np.ndarray  # int32[N]  neuron, counted over all populations, by place in the heap
    place: np.ndarray  # int32[N]  place of each neuron, -1: not in the heap
    size: np.ndarray  # int64[1]
    span: np.ndarray  # float64[3]  horizon, window, and a time before which nobody beyond the horizon is due; ms


HORIZON, WINDOW, LATER = 0, 1, 2


def empty_dues(n: int) -> Dues:
    """Return a heap for `n` neurons, which looks through them before anything else."""
    return Dues(np.empty(n), np.empty(n, np.int32), np.full(n, -1, np.int32), np.zeros(1, np.int64), np.array([-np.inf, 1.0, 0.0]))


@leaf_inline
def _seat(dues, at, time, cell):
    """Write one entry."""
    dues.time[at], dues.cell[at], dues.place[cell] = time, cell, at


@leaf
def _rise(dues, at, time, cell):
    """Put an entry where `at` is free, or further up. O(log size)."""
    while at > 0:
        up = (at - 1) >> 2
        above = dues.time[up]
        if above < time or (above == time and dues.cell[up] < cell):
            break
        _seat(dues, at, above, dues.cell[up])
        at = up
    _seat(dues, at, time, cell)


@leaf
def _sink(dues, at, time, cell):
    """Put an entry where `at` is free, or further down. O(log size)."""
    size = dues.size[0]
    while True:
        child = 4 * at + 1
        if child >= size:
            break
        first, earliest = child, dues.time[child]
        for k in range(child + 1, min(child + 4, size)):
            other = dues.time[k]
            # Ties are rare: told apart on a branch of their own, they leave a plain choice of two without a jump.
            less = dues.cell[k] < dues.cell[first] if other == earliest else other < earliest
            first = k if less else first
            earliest = other if less else earliest
        if earliest > time or (earliest == time and dues.cell[first] > cell):
            break
        _seat(dues, at, earliest, dues.cell[first])
        at = first
    _seat(dues, at, time, cell)


@leaf
def _remove(dues, cell):
    """Take a neuron out of the heap. O(log size)."""
    at, size = np.int64(dues.place[cell]), dues.size[0] - 1
    dues.size[0], dues.place[cell] = size, -1
    if at < size:
        # The last entry fills the gap. It may belong above it, as well as below.
        time, last = dues.time[size], dues.cell[size]
        if at > 0 and time <= dues.time[(at - 1) >> 2]:
            _rise(dues, at, time, last)
        else:
            _sink(dues, at, time, last)


@leaf
def reschedule(dues, cell, time):
    """Set when a neuron is due; infinity: never. O(log size)."""
    at = np.int64(dues.place[cell])
    if time > dues.span[HORIZON] or time == np.inf:
        dues.span[LATER] = min(dues.span[LATER], time)
        if at >= 0:
            _remove(dues, cell)
    elif at < 0:
        at = dues.size[0]
        dues.size[0] = at + 1
        _rise(dues, at, time, np.int32(cell))
    elif time < dues.time[at]:
        _rise(dues, at, time, np.int32(cell))
    elif time > dues.time[at]:
        _sink(dues, at, time, np.int32(cell))


@leaf
def look_ahead(dues, due_first, size, first, due):
    """Move the horizon a window beyond the earliest due time behind it, and take who is due before it into the heap. O(n).

    due_first, size, first : int64[k]   of each group of neurons: where its due times begin, how many, number of neuron 0
    due : float64[...]                  ms
    """
    span = dues.span
    old, before, looked_at = span[HORIZON], dues.size[0], 0
    horizon, later = span[LATER] + span[WINDOW], np.inf
    for p in range(first.size):
        looked_at += size[p]
        for i in range(size[p]):
            time = due[due_first[p] + i]
            if time <= old or time == np.inf:
                continue
            if time <= horizon:
                at = dues.size[0]
                dues.size[0] = at + 1
                _rise(dues, at, time, np.int32(first[p] + i))
            else:
                later = min(later, time)
    span[HORIZON], span[LATER] = horizon, later
    few, admitted = max(_FEW, looked_at // _FEW_OF), dues.size[0] - before
    if admitted < few:
        span[WINDOW] *= 2.0
    elif admitted > 4 * few:
        span[WINDOW] *= 0.5


@leaf_inline
def first_is_alone(dues):
    """Return whether no other neuron is due with the first: its entry may then stay until it is rescheduled, and moves once."""
    time = dues.time[0]
    alone = True
    for k in range(1, min(5, dues.size[0])):
        alone &= dues.time[k] != time
    return alone

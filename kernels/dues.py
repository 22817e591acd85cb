"""When each neuron will next fire if nothing reaches it: a heap of neurons, four children to a node, in order of (time, neuron).

Every neuron has one due time at most. The heap knows where each neuron stands, so that a due time which changes moves one
entry and leaves no stale one behind: its size is bounded by the neurons, whatever the input. Four children lie side by
side in memory, and the heap is half as deep as one of two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline


class Dues(NamedTuple):
    """Neurons that will fire by themselves; the first entry is the next one."""

    time: np.ndarray  # float64[N]  ms, by place in the heap
    cell: np.ndarray  # int32[N]  neuron, counted over all populations, by place in the heap
    place: np.ndarray  # int32[N]  place of each neuron, -1: not in the heap
    size: np.ndarray  # int64[1]


def empty_dues(n: int) -> Dues:
    """Return a heap for `n` neurons, none of them due."""
    return Dues(np.empty(n), np.empty(n, np.int32), np.full(n, -1, np.int32), np.zeros(1, np.int64))


def refilled(n: int, time: np.ndarray, cell: np.ndarray) -> Dues:
    """Return the heap for `n` neurons that holds the entries `time` and `cell` as they stood."""
    dues = empty_dues(n)
    size = len(cell)
    dues.time[:size], dues.cell[:size], dues.size[0] = time, cell, size
    dues.place[cell] = np.arange(size)
    return dues


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
def reschedule(dues, cell, time):
    """Set when a neuron is due; infinity takes it out. O(log size)."""
    at = np.int64(dues.place[cell])
    if time == np.inf:
        if at >= 0:
            size = dues.size[0] - 1
            dues.size[0], dues.place[cell] = size, -1
            if at < size:
                # The last entry fills the gap. It may belong above it, as well as below.
                moved, other = dues.time[size], dues.cell[size]
                if at > 0 and moved <= dues.time[(at - 1) >> 2]:
                    _rise(dues, at, moved, other)
                else:
                    _sink(dues, at, moved, other)
    elif at < 0:
        at = dues.size[0]
        dues.size[0] = at + 1
        _rise(dues, at, time, np.int32(cell))
    elif time < dues.time[at]:
        _rise(dues, at, time, np.int32(cell))
    elif time > dues.time[at]:
        _sink(dues, at, time, np.int32(cell))


@leaf_inline
def first_is_alone(dues):
    """Return whether no other neuron is due with the first: its entry may then stay until it is rescheduled, and moves once."""
    time = dues.time[0]
    for k in range(1, min(5, dues.size[0])):
        if dues.time[k] == time:
            return False
    return True

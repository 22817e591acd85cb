"""Currents from outside: what each is worth at a time, and the coefficients of the neurons it drives.

A current enters a model through rows of its coefficients, in which it is linear: row = base + scale * current. Before a
population moves past a time at which one of its currents changes, that current is evaluated, all its currents are added up,
in their order, and the rows are written anew. Kernels of neurons know nothing of it.

Time counts in steps (int64) on the clock, where a current is worth its mean over the step, and in ms (float64) off it.
The value is a pure function of current, neuron and time; correlated noise alone is carried on from one interval to the next.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline
from snnsim.kernels.normal import normal
from snnsim.kernels.random import draw

#: Kinds of currents. PIECES: constant from each time of change to the next, row k of the table; 0 before the first.
#: SINE: rows mean over a step of the amplitude, amplitude, angle per step, phase, offset, start, stop; SINE and NOISE change at
#: start and stop (and, NOISE, every interval between them). NOISE: rows mean, std, share kept from the interval before, share new.
PIECES, SINE, NOISE = range(3)


class Currents(NamedTuple):
    """All currents, as one thread sees them. A current has `width` values: one for all its neurons, or one for each."""

    next: np.ndarray  # time[P]  when the currents of a population change next
    soonest: np.ndarray  # time[1]  the earliest of these
    into_ptr: np.ndarray  # int64[P + 1]  currents by population, in their order
    into: np.ndarray  # int64[C]
    kind: np.ndarray  # int64[C]
    key: np.ndarray  # uint64[C]  random stream
    due: np.ndarray  # time[C]  when the current changes next
    drawn: np.ndarray  # int64[C]  NOISE: intervals drawn
    interval: np.ndarray  # int64[C]  NOISE: steps
    width: np.ndarray  # int64[C]
    value_first: np.ndarray  # int64[C]
    value: np.ndarray  # float64[...]  in the unit of i_ext
    memory: np.ndarray  # float64[...]  NOISE: the standard normal number of the interval, in the places of `value`
    table_first: np.ndarray  # int64[C]
    table: np.ndarray  # float64[...]  rows of `width` numbers
    change_ptr: np.ndarray  # int64[C + 1]
    change: np.ndarray  # time[...]  ascending
    whole: np.ndarray  # bool[C]  it drives all neurons of its population; else it lists its targets
    target_ptr: np.ndarray  # int64[C + 1]
    target: np.ndarray  # int64[...]  place among the neurons of this thread
    number: np.ndarray  # int64[...]  NOISE: what each value is drawn by, the neuron's place in the population; parallel to `value`
    row_ptr: np.ndarray  # int64[P + 1]  rows of coefficients that a current moves, by population
    row: np.ndarray  # int64[...]
    row_first: np.ndarray  # int64[...]  by row: where its base and scale begin
    base: np.ndarray  # float64[...]  without currents, as wide as the coefficients
    scale: np.ndarray  # float64[...]
    total: np.ndarray  # float64[max(n)]  scratch


@leaf
def _pieces(now, c, currents, value):
    """Write the piece that holds now. Returns when the next one begins."""
    change = currents.change[currents.change_ptr[c] : currents.change_ptr[c + 1]]
    # The last piece that has begun, by bisection: it lies in low .. high - 1, and before the first there is -1.
    low, high = -1, change.size
    while high - low > 1:
        middle = (low + high) // 2
        if change[middle] <= now:
            low = middle
        else:
            high = middle
    piece = low
    first = currents.table_first[c] + piece * value.size
    for j in range(value.size):
        value[j] = currents.table[first + j] if piece >= 0 else 0.0
    return change[piece + 1] if piece + 1 < change.size else currents.change[-1]


@leaf
def _sine(step, c, currents, value):
    """Write the mean over the step. Returns the next step with another value."""
    at, n = currents.table_first[c], value.size
    begin, end = currents.change[currents.change_ptr[c]], currents.change[currents.change_ptr[c] + 1]
    for j in range(n):
        whole, amplitude, angle = currents.table[at + j], currents.table[at + n + j], currents.table[at + 2 * n + j]
        phase, offset = currents.table[at + 3 * n + j], currents.table[at + 4 * n + j]
        first, last = max(currents.table[at + 5 * n + j], step), min(currents.table[at + 6 * n + j], step + 1.0)
        if last <= first:
            value[j] = 0.0
        elif last - first == 1.0:
            value[j] = offset + whole * np.sin(angle * (step + 0.5) + phase)
        else:
            middle, half = 0.5 * (first + last), 0.5 * (last - first)
            value[j] = 2.0 * half * offset + amplitude * np.sin(angle * middle + phase) * 2.0 * np.sin(angle * half) / angle
    if step < begin:
        return begin
    return step + 1 if step < end else currents.change[-1]


@leaf
def _noise(step, c, currents, value):
    """Write the value of the interval that holds the step. Returns the step at which the next one begins."""
    at, n, place = currents.table_first[c], value.size, currents.value_first[c]
    begin, end = currents.change[currents.change_ptr[c]], currents.change[currents.change_ptr[c] + 1]
    if step < begin or step >= end:
        value[:] = 0.0
        return begin if step < begin else currents.change[-1]
    interval, key = (step - begin) // currents.interval[c], currents.key[c]
    memory, number = currents.memory[place : place + n], currents.number[place : place + n]
    mean, std = currents.table[at : at + n], currents.table[at + n : at + 2 * n]
    # A thread may own none of its neurons.
    kept, new = (currents.table[at + 2 * n], currents.table[at + 3 * n]) if n > 0 else (0.0, 1.0)
    if kept == 0.0:
        for j in range(n):
            value[j] = mean[j] + std[j] * normal(draw(key, number[j], interval))
    else:
        for j in range(n):
            # One number after the other, also where an interval has gone by unseen.
            for k in range(currents.drawn[c], interval + 1):
                z = normal(draw(key, number[j], k))
                memory[j] = z if k == 0 else kept * memory[j] + new * z
            value[j] = mean[j] + std[j] * memory[j]
    currents.drawn[c] = interval + 1
    return min(begin + (interval + 1) * currents.interval[c], end)


@leaf_inline
def _evaluate(now, c, currents):
    """Evaluate a current, and note when it changes next."""
    value = currents.value[currents.value_first[c] : currents.value_first[c] + currents.width[c]]
    if currents.kind[c] == PIECES:
        currents.due[c] = _pieces(now, c, currents, value)
    elif currents.kind[c] == SINE:
        currents.due[c] = _sine(np.int64(now), c, currents, value)
    else:
        currents.due[c] = _noise(np.int64(now), c, currents, value)


@leaf
def change_currents(now, p, cells, currents):
    """Write the coefficients of population p that hold from `now` on, and note when they change next. O(neurons driven)."""
    first, last = currents.into_ptr[p], currents.into_ptr[p + 1]
    coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
    width = coef.size // cells.coef_rows[p]
    total = currents.total[:width]
    total[:] = 0.0
    soonest = currents.change[-1]
    for at in range(first, last):
        c = currents.into[at]
        if currents.due[c] <= now:
            _evaluate(now, c, currents)
        soonest = min(soonest, currents.due[c])
        value = currents.value[currents.value_first[c] : currents.value_first[c] + currents.width[c]]
        target = currents.target[currents.target_ptr[c] : currents.target_ptr[c + 1]]
        one = value.size == 1
        if currents.whole[c]:
            for i in range(width):
                total[i] += value[0 if one else i]
        else:
            for j in range(target.size):
                total[target[j]] += value[0 if one else j]
    for at in range(currents.row_ptr[p], currents.row_ptr[p + 1]):
        row, begin = currents.row[at] * width, currents.row_first[at]
        for i in range(width):
            coef[row + i] = currents.base[begin + i] + currents.scale[begin + i] * total[i]
    currents.next[p] = soonest
    for other in range(currents.next.size):
        soonest = min(soonest, currents.next[other])
    currents.soonest[0] = soonest

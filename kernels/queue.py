"""Spikes under way, in total order of (time of arrival, projection, run).

Equal times would otherwise come out in the order of insertion, and a run would depend on how it was cut. Where one delay
serves a whole projection, as it mostly does, spikes arrive in the order in which they were made: they wait in a line, a
ring of (time made, run) that costs the same however many are under way, and only the first of the line stands in the heap.
The heap then holds one event per projection, and is so small that it lives in the nearest cache. A projection of many
delays puts each of its spikes into the heap, which grows with the spikes under way. Neurons due to fire by themselves
have a heap of their own (kernels/dues.py), for their times change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline

_SHORTEST = 64  # places of a ring


class Queue(NamedTuple):
    """A binary heap on flat arrays. time, priority and id order the events; origin is carried along."""

    time: np.ndarray  # float64[capacity]
    priority: np.ndarray  # int64[capacity]
    id: np.ndarray  # int64[capacity]
    origin: np.ndarray  # float64[capacity]
    size: np.ndarray  # int64[1]


class Lines(NamedTuple):
    """Spikes that wait behind the first of their projection. A neuron adds one spike an instant at most."""

    delay: np.ndarray  # float64[Q]  ms
    first: np.ndarray  # int64[Q]  where the ring begins
    room: np.ndarray  # int64[Q]  places of the ring in use, a power of two; 0: the projection has no line
    most: np.ndarray  # int64[Q]  as long as no more than these are under way, one more instant fits
    head: np.ndarray  # int64[Q]  spikes that have left the ring
    under_way: np.ndarray  # int64[Q]  spikes in the ring, and the one in the heap
    origin: np.ndarray  # float64[...]  when the spike was made, ms
    run: np.ndarray  # int64[...]
    tight: np.ndarray  # bool[1]  some ring may not hold another instant


def empty_queue(capacity: int) -> Queue:
    """Return a queue with room for `capacity` events."""
    return Queue(np.empty(capacity), np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity), np.zeros(1, np.int64))


def grown(queue: Queue, capacity: int) -> Queue:
    """Return a copy of `queue` with room for `capacity` events."""
    new = empty_queue(capacity)
    size = queue.size[0]
    for old_array, new_array in zip(queue[:4], new[:4], strict=True):
        new_array[:size] = old_array[:size]
    new.size[0] = size
    return new


def lined_up(delay: np.ndarray, n_pre: np.ndarray, under_way: np.ndarray, origin: np.ndarray, run: np.ndarray) -> Lines:
    """Return lines that hold the spikes given by `waiting`, with memory for two instants and for twice what they hold.

    delay : float64[Q]      ms; NaN where a projection gets no line
    n_pre : int64[Q]        neurons that may join the line in one instant
    under_way, origin, run  as in `Lines` and as returned by `waiting`
    """
    waits = np.maximum(under_way - 1, 0)
    has_line = ~np.isnan(delay)
    memory, room = (_power_of_two(np.maximum(n, _SHORTEST)) * has_line for n in (2 * (waits + n_pre), waits + 1))
    first = np.cumsum(memory) - memory
    places, none = int(memory.sum()), np.zeros_like(room)
    lines = Lines(
        delay, first, room, memory - n_pre, none, under_way.copy(), np.empty(places), np.empty(places, np.int64), np.zeros(1, bool)
    )
    at = np.repeat(first - (np.cumsum(waits) - waits), waits) + np.arange(int(waits.sum()))
    lines.origin[at], lines.run[at] = origin, run
    return lines


def _power_of_two(n: np.ndarray) -> np.ndarray:
    """Return the least powers of two that are not below n >= 1."""
    return np.int64(1) << np.ceil(np.log2(n)).astype(np.int64)


def waiting(lines: Lines) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (projection, origin, run) of the spikes behind the first ones, line by line and in order."""
    waits = np.maximum(lines.under_way - 1, 0)
    projection = np.repeat(np.arange(len(waits)), waits)
    step = np.arange(int(waits.sum())) - np.repeat(np.cumsum(waits) - waits, waits)
    at = lines.first[projection] + ((lines.head[projection] + step) & (lines.room[projection] - 1))
    return projection, lines.origin[at], lines.run[at]


@leaf
def before(time_a, priority_a, id_a, time_b, priority_b, id_b):
    """Return whether event a comes strictly before event b."""
    if time_a != time_b:
        return time_a < time_b
    if priority_a != priority_b:
        return priority_a < priority_b
    return id_a < id_b


@leaf_inline
def place(queue, at, time, priority, id, origin):
    """Write one event at position `at`."""
    queue.time[at], queue.priority[at], queue.id[at], queue.origin[at] = time, priority, id, origin


@leaf
def push(queue, time, priority, id, origin):
    """Insert one event. The caller guarantees room. O(log size)."""
    at = queue.size[0]
    queue.size[0] = at + 1
    while at > 0:
        up = (at - 1) >> 1
        if not before(time, priority, id, queue.time[up], queue.priority[up], queue.id[up]):
            break
        place(queue, at, queue.time[up], queue.priority[up], queue.id[up], queue.origin[up])
        at = up
    place(queue, at, time, priority, id, origin)


@leaf
def replace_first(queue, time, priority, id, origin):
    """Put an event where the first one was. O(log size)."""
    size = queue.size[0]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        right = down + 1
        if right < size and before(
            queue.time[right], queue.priority[right], queue.id[right], queue.time[down], queue.priority[down], queue.id[down]
        ):
            down = right
        if not before(queue.time[down], queue.priority[down], queue.id[down], time, priority, id):
            break
        place(queue, at, queue.time[down], queue.priority[down], queue.id[down], queue.origin[down])
        at = down
    place(queue, at, time, priority, id, origin)


@leaf
def remove_first(queue):
    """Remove the first event. The queue must not be empty. O(log size)."""
    size = queue.size[0] - 1
    queue.size[0] = size
    if size > 0:
        replace_first(queue, queue.time[size], queue.priority[size], queue.id[size], queue.origin[size])


@leaf_inline
def join(queue, lines, q, run, t):
    """Queue a spike made at t at the end of the line of projection q. O(1), or O(log queue) if it is the only one."""
    n = lines.under_way[q]
    lines.under_way[q] = n + 1
    if n == 0:
        push(queue, t + lines.delay[q], q, run, t)
        return
    if n > lines.room[q]:
        _double(lines, q)
    at = lines.first[q] + ((lines.head[q] + n - 1) & (lines.room[q] - 1))
    lines.origin[at], lines.run[at] = t, run
    if n >= lines.most[q]:
        lines.tight[0] = True


@leaf
def _double(lines, q):
    """Use twice as many places for a full ring: what had wrapped around goes on behind the rest. O(places).

    A ring begins small and grows into its memory, most of which is never touched.
    """
    first, room = lines.first[q], lines.room[q]
    head = lines.head[q] & (room - 1)
    for k in range(first, first + head):
        lines.origin[k + room], lines.run[k + room] = lines.origin[k], lines.run[k]
    lines.head[q], lines.room[q] = head, 2 * room


@leaf_inline
def take(queue, lines):
    """Remove the first event and return (projection, run, origin); the next in its line takes its place."""
    q, run, origin = queue.priority[0], queue.id[0], queue.origin[0]
    if lines.room[q] > 0:
        n = lines.under_way[q] - 1
        lines.under_way[q] = n
        if n > 0:
            at = lines.first[q] + (lines.head[q] & (lines.room[q] - 1))
            lines.head[q] += 1
            replace_first(queue, lines.origin[at] + lines.delay[q], q, lines.run[at], lines.origin[at])
            return q, run, origin
    remove_first(queue)
    return q, run, origin


@leaf_inline
def next_in(lines, q):
    """Return the run of the spike that will be taken after the one at the head of line q, -1 if there is none."""
    n = lines.under_way[q] - 1
    return lines.run[lines.first[q] + (lines.head[q] & (lines.room[q] - 1))] if lines.room[q] > 0 and n > 0 else -1

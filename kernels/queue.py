"""An event queue: a binary heap on flat arrays, in total order of (time, priority, id).

Equal times would otherwise come out in the order of insertion, and a run would depend on how it was cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf


class Queue(NamedTuple):
    """time, priority and id order the events; origin is carried along. size : int64[1]."""

    time: np.ndarray  # float64[capacity]
    priority: np.ndarray  # int64[capacity]
    id: np.ndarray  # int64[capacity]
    origin: np.ndarray  # float64[capacity]
    size: np.ndarray  # int64[1]


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


@leaf
def before(time_a, priority_a, id_a, time_b, priority_b, id_b):
    """Return whether event a comes strictly before event b."""
    if time_a != time_b:
        return time_a < time_b
    if priority_a != priority_b:
        return priority_a < priority_b
    return id_a < id_b


@leaf
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
def pop(queue):
    """Remove the first event and return (time, priority, id, origin). The queue must not be empty. O(log size)."""
    first = (queue.time[0], queue.priority[0], queue.id[0], queue.origin[0])
    size = queue.size[0] - 1
    queue.size[0] = size
    time, priority, id, origin = queue.time[size], queue.priority[size], queue.id[size], queue.origin[size]
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
    if size > 0:
        place(queue, at, time, priority, id, origin)
    return first

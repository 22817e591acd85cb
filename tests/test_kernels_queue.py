"""Spikes under way: the heap, and the lines behind it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels import queue as module
from snnsim.kernels.queue import empty_queue, grown, join, lined_up, next_in, push, remove_first, replace_first, take, waiting

EVENTS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.integers(0, 3), st.integers(0, 5)), max_size=60)
NOTHING = (np.zeros(3, np.int64), np.empty(0), np.empty(0, np.int64))


def pop(queue):
    first = (queue.time[0], queue.priority[0], queue.id[0], queue.origin[0])
    remove_first(queue)
    return first


@pytest.mark.parametrize("compiled", [True, False])
@settings(deadline=None, max_examples=60)
@given(events=EVENTS)
def test_events_leave_in_order_of_time_priority_id_however_they_came(compiled, events):
    put = push if compiled else push.py_func
    queue = empty_queue(64)
    for k, event in enumerate(events):
        put(queue, *event, float(k))
    out = [pop(queue) for _ in events]
    assert [event[:3] for event in out] == sorted(events)
    assert sorted(event[3] for event in out) == list(range(len(events)))
    assert queue.size[0] == 0


@settings(deadline=None, max_examples=60)
@given(events=EVENTS.filter(len), late=EVENTS.filter(len))
def test_an_event_put_where_the_first_was_finds_its_place(events, late):
    queue = empty_queue(64)
    for event in events:
        push(queue, *event, 0.0)
    replace_first(queue, *late[0], 0.0)
    assert [pop(queue)[:3] for _ in events] == sorted([*sorted(events)[1:], late[0]])


@settings(deadline=None, max_examples=20)
@given(events=EVENTS.filter(len))
def test_a_grown_queue_holds_the_same_events(events):
    queue = empty_queue(len(events))
    for event in events:
        push(queue, *event, 0.0)
    queue = grown(queue, 100)
    assert len(queue.time) == 100
    assert [pop(queue)[:3] for _ in events] == sorted(events)
    assert np.all(queue.size == 0)


@settings(deadline=None, max_examples=60)
@given(spikes=st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 1), st.integers(0, 400)), max_size=300), cut=st.integers(0, 300))
def test_spikes_leave_their_lines_in_order_of_arrival_through_growth_and_a_copy(spikes, cut):
    delay = np.array([1.5, 0.7, np.nan])
    queue, lines = empty_queue(8), lined_up(delay, np.array([500, 500, 500]), *NOTHING)
    now, taken, made = 0.0, [], []
    for k, (gap, q, run) in enumerate(spikes):
        now += gap
        while queue.size[0] and queue.time[0] < now and gap > 0.5:
            arrival, ahead = queue.time[0], next_in(lines, queue.priority[0])
            taken.append((arrival, *take(queue, lines)))
            assert ahead in (-1, *(run for _, _, run, _ in made))
        if k == cut:
            _, origin, run_ = waiting(lines)
            lines = lined_up(delay, np.array([500, 500, 500]), lines.under_way, origin, run_)
        join(queue, lines, q, run, now)
        made.append((now + delay[q], q, run, now))
    while queue.size[0]:
        taken.append((queue.time[0], *take(queue, lines)))
    assert [(t, q) for t, q, _, _ in taken] == sorted((t, q) for t, q, _, _ in made)
    for q in (0, 1):
        assert [spike for spike in taken if spike[1] == q] == [spike for spike in made if spike[1] == q]
    assert not lines.tight[0] and not lines.under_way.any()


def test_a_line_asks_for_room_before_an_instant_could_overflow_it():
    queue, lines = empty_queue(4), lined_up(np.array([1.0]), np.array([40]), *(array[:1] for array in NOTHING))
    memory = len(lines.origin)
    n = 0
    while not lines.tight[0]:
        join(queue, lines, 0, n, 0.0)
        n += 1
    for _ in range(40):
        join(queue, lines, 0, n, 0.0)
        n += 1
    assert memory - 41 <= n <= memory + 1
    assert [take(queue, lines)[1] for _ in range(n)] == list(range(n))


def test_the_first_event_of_a_projection_without_a_line_leaves_the_heap_alone():
    queue, lines = empty_queue(4), lined_up(np.array([np.nan]), np.array([40]), *(array[:1] for array in NOTHING))
    push(queue, 2.0, 0, 7, 0.5)
    assert next_in(lines, 0) == -1
    assert take(queue, lines) == (0, 7, 0.5)
    assert queue.size[0] == 0
    assert module.waiting(lines)[0].size == 0

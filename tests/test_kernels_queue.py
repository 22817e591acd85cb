"""The event queue."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels.queue import empty_queue, grown, pop, push

EVENTS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.integers(0, 3), st.integers(0, 5)), max_size=60)


@pytest.mark.parametrize("compiled", [True, False])
@settings(deadline=None, max_examples=60)
@given(events=EVENTS)
def test_events_leave_in_order_of_time_priority_id_however_they_came(compiled, events):
    put, take = (push, pop) if compiled else (push.py_func, pop.py_func)
    queue = empty_queue(64)
    for k, event in enumerate(events):
        put(queue, *event, float(k))
    out = [take(queue) for _ in events]
    assert [event[:3] for event in out] == sorted(events)
    assert sorted(event[3] for event in out) == list(range(len(events)))
    assert queue.size[0] == 0


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

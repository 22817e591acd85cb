"""Due times against a plain search for the smallest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels.dues import LATER, WINDOW, empty_dues, first_is_alone, look_ahead, reschedule

TIMES = st.one_of(st.integers(0, 20).map(float), st.just(np.inf), st.floats(0.0, 1e3))


@settings(deadline=None, max_examples=150)
@given(n=st.integers(1, 40), window=st.sampled_from([0.5, 5.0, np.inf]), data=st.data())
def test_the_next_neuron_is_the_one_a_search_finds(n, window, data):
    dues, due = empty_dues(n), np.full(n, np.inf)
    dues.span[WINDOW] = window
    for _ in range(data.draw(st.integers(0, 60))):
        cell, now = data.draw(st.integers(0, n - 1)), due[due < np.inf].min(initial=0.0)
        due[cell] = now + data.draw(TIMES)
        reschedule(dues, cell, due[cell])
        while dues.span[LATER] <= (dues.time[0] if dues.size[0] else np.inf) and dues.span[LATER] < np.inf:
            look_ahead(dues, *np.array([[0, n // 2], [n // 2, n - n // 2], [0, n // 2]]), due)
        assert (dues.size[0] == 0) == np.all(due == np.inf)
        if dues.size[0]:
            first = np.lexsort((np.arange(n), due))[0]
            assert (dues.time[0], dues.cell[0]) == (due[first], first)
            assert first_is_alone(dues) == (np.sum(due == due[first]) == 1)
        held = dues.cell[: dues.size[0]]
        assert np.array_equal(dues.place[held], np.arange(len(held))) and np.sum(dues.place >= 0) == len(held)


@pytest.mark.parametrize(("admitted", "factor"), [(1, 2.0), (999, 2.0), (1001, 1.0), (3999, 1.0), (4001, 0.5)])
def test_the_window_follows_the_number_it_admits(admitted, factor):
    n = 128_000
    dues, due = empty_dues(n), np.full(n, 7.0)
    due[:admitted] = 0.5
    reschedule(dues, 0, 0.0)
    look_ahead(dues, np.array([0]), np.array([n]), np.array([0]), due)
    assert dues.size[0] == admitted and dues.span[LATER] == 7.0
    assert dues.span[WINDOW] == factor

"""Codes: the next event towards a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.kernels.integer_net import BINARY, GRADED, SIGNED_DIGIT, UNARY, events_of, next_event

BUILDS = pytest.mark.parametrize("run", [next_event, next_event.py_func], ids=["compiled", "python"])
VALUE = st.integers(-300, 300).filter(bool)


def events(run, code: int, value: int) -> list[int]:
    sent = []
    while value:
        sent.append(int(run(code, value)))
        value -= sent[-1]
        assert len(sent) <= 300
    return sent


@BUILDS
@given(value=VALUE)
def test_unary_sends_one_event_per_unit(run, value):
    assert events(run, UNARY, value) == [1 if value > 0 else -1] * abs(value)


@BUILDS
@given(value=VALUE)
def test_binary_sends_the_set_bits(run, value):
    sent = events(run, BINARY, value)
    assert sum(sent) == value
    assert len(sent) == bin(abs(value)).count("1")


@BUILDS
@given(value=VALUE)
def test_signed_digit_needs_as_many_events_as_the_non_adjacent_form(run, value):
    sent = events(run, SIGNED_DIGIT, value)
    n = abs(value)
    assert sum(sent) == value
    assert all(abs(size) & (abs(size) - 1) == 0 for size in sent)
    assert len(sent) == bin(n ^ (3 * n)).count("1")  # weight of the non-adjacent form (Prodinger 2000)


@BUILDS
@given(value=VALUE)
def test_graded_sends_the_value_at_once(run, value):
    assert events(run, GRADED, value) == [value]


@pytest.mark.parametrize("run", [events_of, events_of.py_func], ids=["compiled", "python"])
@pytest.mark.parametrize("code", [UNARY, BINARY, SIGNED_DIGIT, GRADED])
@given(value=VALUE)
def test_a_change_delivered_as_one_counts_every_event_it_stands_for(run, code, value):
    sent = events(next_event.py_func, code, value)
    assert tuple(run(code, value)) == (len(sent), sum(abs(size) > 1 for size in sent))

"""The functions g against exact arithmetic on Python's unbounded integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.kernels import integer_units

ACC = st.integers(-(2**31) + 1, 2**31 - 1)


def call(kernel, compiled: bool, acc: list[int], params: list[int]) -> list[int]:
    want = np.zeros(len(acc), dtype=np.int32)
    run = kernel if compiled else kernel.py_func
    run(np.array(acc, dtype=np.int32), np.array(params, dtype=np.int64), want)
    return want.tolist()


def clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


@pytest.mark.parametrize("compiled", [True, False])
@given(acc=st.lists(ACC, min_size=1, max_size=6), theta=st.integers(1, 2**31), low=st.integers(-300, 0), high=st.integers(1, 300))
def test_staircase_is_the_clipped_quotient_rounded_half_up(compiled, acc, theta, low, high):
    wanted = [clip(math.floor(Fraction(x, theta) + Fraction(1, 2)), low, high) for x in acc]
    assert call(integer_units.staircase, compiled, acc, [low, high] + [theta] * len(acc)) == wanted


@given(quotient=st.integers(-300, 300), theta=st.integers(1, 2**20))
def test_staircase_steps_exactly_at_its_threshold(quotient, theta):
    at = -((theta - 2 * theta * quotient) // 2)  # the least integer with acc / theta + 1/2 >= quotient
    below, reached = call(integer_units.staircase, True, [at - 1, at], [-400, 400, theta, theta])
    assert (below, reached) == (quotient - 1, quotient)


@pytest.mark.parametrize("compiled", [True, False])
@given(
    acc=st.lists(ACC, min_size=1, max_size=6), theta=st.integers(1, 2**31), values=st.lists(st.integers(-500, 500), min_size=2, max_size=9)
)
def test_table_looks_up_the_rounded_quotient(compiled, acc, theta, values):
    low = -3
    wanted = [values[clip(math.floor(Fraction(x, theta) + Fraction(1, 2)) - low, 0, len(values) - 1)] for x in acc]
    assert call(integer_units.table, compiled, acc, [low, len(values)] + [theta] * len(acc) + values) == wanted


@pytest.mark.parametrize("compiled", [True, False])
@given(
    acc=st.lists(st.integers(-(2**29), 2**29), min_size=1, max_size=9),
    table=st.lists(st.integers(0, 2**20 - 1), min_size=1, max_size=30),
    shift=st.integers(0, 30),
    levels=st.integers(1, 2**15),
)
def test_softmax_row_divides_each_exponential_by_their_sum(compiled, acc, table, shift, levels):
    table = sorted(table, reverse=True)
    table[0] += 1
    e = [table[min((max(acc) - x) >> shift, len(table) - 1)] for x in acc]
    wanted = [math.floor(Fraction(levels * x, sum(e)) + Fraction(1, 2)) for x in e]
    assert call(integer_units.softmax_row, compiled, acc, [levels, shift, len(table), *table]) == wanted


@pytest.mark.parametrize("compiled", [True, False])
@given(
    acc=st.lists(st.integers(-500, 500), min_size=1, max_size=9),
    gain=st.integers(-(2**19), 2**19),
    offset=st.integers(-(2**16), 2**16),
    epsilon=st.integers(1, 10**6),
)
def test_norm_row_uses_the_exact_integer_root(compiled, acc, gain, offset, epsilon):
    n = len(acc)
    root = math.isqrt((n * sum(x * x for x in acc) - sum(acc) ** 2 + epsilon) << 20)
    scaled = [((n * x - sum(acc)) * gain * 1024) // root for x in acc]
    wanted = [clip((x + offset + 2048) >> 12, -127, 127) for x in scaled]
    assert call(integer_units.norm_row, compiled, acc, [-127, 127, epsilon] + [gain] * n + [offset] * n) == wanted


def test_norm_row_approaches_layer_norm_in_floating_point():
    random = np.random.default_rng(0)
    acc = random.integers(-127, 128, size=32)
    exact = (acc - acc.mean()) / acc.std()
    step = 4.0 / 127
    got = call(integer_units.norm_row, True, acc.tolist(), [-127, 127, 1] + [round(4096 / step)] * 32 + [0] * 32)
    np.testing.assert_allclose(np.array(got) * step, exact, atol=0.51 * step)

"""The functions g against exact arithmetic on Python's unbounded integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snnsim as sim
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
    acc=st.lists(ACC, min_size=1, max_size=6),
    theta=st.integers(1, 2**31),
    values=st.lists(st.integers(-500, 500), min_size=2, max_size=9),
    gain=st.integers(-3000, 3000),
    shift=st.integers(0, 12),
    limits=st.tuples(st.integers(-600, 0), st.integers(0, 600)),
)
def test_table_looks_up_the_rounded_quotient_in_steps_of_its_own(compiled, acc, theta, values, gain, shift, limits):
    low = -3
    found = [values[clip(math.floor(Fraction(x, theta) + Fraction(1, 2)) - low, 0, len(values) - 1)] for x in acc]
    wanted = [clip(math.floor(Fraction(value * gain, 2**shift) + Fraction(1, 2)), *limits) for value in found]
    rows = [each for each in (theta, gain, *limits) for _ in acc]
    assert call(integer_units.table, compiled, acc, [low, len(values), shift, *rows, *values]) == wanted


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


def normed(acc, gain, offset, scale, *, epsilon, centred, fraction, low, high):
    """The norm of a row on Python's unbounded integers, as `NormRow` states it."""
    n = len(acc)
    x = [a * s for a, s in zip(acc, scale, strict=True)]
    c = [n * value - (sum(x) if centred else 0) for value in x]
    shift = max(0, max(abs(value) for value in c).bit_length() - 20)
    c = [value >> shift for value in c]
    variance = sum(value * value for value in c) + (epsilon >> 2 * shift)
    root = math.isqrt(min(max(variance, 1), 2**52 - 1) << 10)
    half = 2**fraction // 2
    rows = zip(c, gain, offset, strict=True)
    return [clip((value * g * 32 // root + o + half) >> fraction, low, high) for value, g, o in rows]


@pytest.mark.parametrize("compiled", [True, False])
@given(
    row=st.lists(
        st.tuples(ACC | st.integers(-500, 500), st.integers(-(2**26), 2**26), st.integers(-(2**50), 2**50), st.integers(1, 2**12)),
        min_size=1,
        max_size=9,
    ),
    epsilon=st.integers(0, 2**62),
    centred=st.booleans(),
    fraction=st.integers(0, 20),
)
def test_norm_row_uses_the_exact_integer_root(compiled, row, epsilon, centred, fraction):
    acc, gain, offset, scale = (list(column) for column in zip(*row, strict=True))
    wanted = normed(acc, gain, offset, scale, epsilon=epsilon, centred=centred, fraction=fraction, low=-127, high=127)
    assert call(integer_units.norm_row, compiled, acc, [-127, 127, epsilon, centred, fraction, *gain, *offset, *scale]) == wanted


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("size", [1, 1000, 2**23])
def test_norm_row_approaches_the_norm_in_floating_point(centred, size):
    random = np.random.default_rng(0)
    scale = random.integers(1, 9, size=32)
    acc = random.integers(-127, 128, size=32) * size + 40 * size
    x = acc * scale
    exact = x - x.mean() if centred else x.astype(float)
    exact = exact / np.sqrt((exact**2).mean())
    step, fraction = 6.0 / 127, 12
    unit = sim.NormRow(gain=round(2**fraction / step * 32**0.5), scale=scale, fraction=fraction, centred=centred)
    got = call(integer_units.norm_row, True, acc.tolist(), unit.flat(32).tolist())
    np.testing.assert_allclose(np.array(got) * step, exact, atol=0.51 * step)


def test_a_constant_row_has_the_norm_zero_and_answers_the_offset():
    unit = sim.NormRow(gain=2**20, offset=[3 * 2**12, -5 * 2**12], epsilon=0)
    assert call(integer_units.norm_row, True, [7, 7], unit.flat(2).tolist()) == [3, -5]


@pytest.mark.parametrize("compiled", [True, False])
@given(acc=st.lists(ACC, min_size=1, max_size=9), low=st.integers(-300, 0), high=st.integers(1, 300))
def test_max_row_answers_the_clipped_maximum_in_its_first_unit(compiled, acc, low, high):
    wanted = [clip(max(acc), low, high)] + [0] * (len(acc) - 1)
    assert call(integer_units.max_row, compiled, acc, [low, high]) == wanted

"""Every operation of a float graph against loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.graph.nodes import LOWEST, OPERATIONS, Conv, Elementwise, LayerNorm, Max, Multiply, Softmax, Sum, layout


def convolved(x, shape, weight, stride, padding, dilation, groups):
    """A convolution by its definition: every output, tap and channel in a loop."""
    out = np.zeros(shape)
    inside, per_group = weight.shape[-2], weight.shape[-1] // groups
    for place in product(*map(range, shape[:-1])):
        for tap in product(*map(range, weight.shape[:-2])):
            at = tuple(p * s - pad[0] + t * d for p, s, pad, t, d in zip(place, stride, padding, tap, dilation, strict=True))
            if all(0 <= i < n for i, n in zip(at, x.shape[:-1], strict=True)):
                for o in range(shape[-1]):
                    for c in range(inside):
                        out[(*place, o)] += weight[(*tap, c, o)] * x[(*at, o // per_group * inside + c)]
    return out


@given(seed=st.integers(0, 2**32 - 1))
def test_a_convolution_is_its_definition(seed):
    random = np.random.default_rng(seed)
    axes, groups = int(random.integers(1, 4)), int(random.integers(1, 3))
    space, kernel, stride, dilation = (tuple(int(n) for n in random.integers(1, high, size=axes)) for high in (5, 3, 3, 3))
    padding = tuple((int(a), int(b)) for a, b in random.integers(1, 3, size=(axes, 2)))
    weight = random.normal(size=(*kernel, int(random.integers(1, 3)), groups * int(random.integers(1, 3))))
    rows = zip(space, kernel, stride, padding, dilation, strict=True)
    shape = (*((n + sum(pad) - (k - 1) * d - 1) // s + 1 for n, k, s, pad, d in rows), weight.shape[-1])
    x = random.normal(size=(2, *space, weight.shape[-2] * groups))
    bias = random.normal(size=weight.shape[-1])
    node = Conv(
        name="c", inputs=("x",), shape=shape, weight=weight, bias=bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    wanted = [convolved(sample, shape, weight, stride, padding, dilation, groups) + bias for sample in x]
    np.testing.assert_allclose(node.apply(x), wanted, atol=1e-10)


def test_a_gather_takes_places_of_several_values_in_a_row_and_fills_the_rest():
    a, b = np.array([[1.0, 2.0]]), np.array([[[3.0], [4.0]]])
    from snnsim.graph.nodes import Gather

    node = Gather(name="g", inputs=("a", "b"), shape=(2, 2), index=np.array([[3, 0], [-1, 2]], dtype=np.int32), fill=-7.0)
    assert node.apply(a, b).tolist() == [[[4.0, 1.0], [-7.0, 3.0]]]


def test_maximum_and_sum_run_over_the_last_axis():
    x = np.array([[[1.0, LOWEST, -2.0], [-5.0, -1.0, -3.0]]])
    assert Max(name="m", inputs=("x",), shape=(2,)).apply(x).tolist() == [[1.0, -1.0]]
    assert Sum(name="s", inputs=("x",), shape=(2,), scale=0.5).apply(x)[0, 1] == -4.5


def test_a_softmax_leaves_out_what_either_mask_blocks():
    x = np.array([[0.3, 1.0, -2.0, 5.0]])
    node = Softmax(name="s", inputs=("x", "m"), shape=(4,), mask=np.array([True, True, True, False]))
    got = node.apply(x, np.array([[0.0, 1.0, 0.0, 0.0]]))[0]
    e = np.exp([0.3, -2.0])
    np.testing.assert_allclose(got, [e[0] / e.sum(), 0.0, e[1] / e.sum(), 0.0], atol=1e-15)


@pytest.mark.parametrize("centred", [True, False])
def test_norms_follow_their_formulas(centred):
    random = np.random.default_rng(1)
    x, gamma, beta = random.normal(size=(3, 5)), random.normal(size=5), random.normal(size=5)
    node = LayerNorm(name="n", inputs=("x",), shape=(5,), gamma=gamma, beta=beta, eps=0.01, centred=centred)
    for row, got in zip(x, node.apply(x), strict=True):
        mean = sum(row) / 5 if centred else 0.0
        spread = (sum((value - mean) ** 2 for value in row) / 5 + 0.01) ** 0.5
        np.testing.assert_allclose(got, [(v - mean) / spread * g + b for v, g, b in zip(row, gamma, beta, strict=True)])


def test_a_product_reads_its_operands_in_the_views_of_its_subscripts():
    random = np.random.default_rng(2)
    a, b = random.normal(size=(2, 3, 4)), random.normal(size=(2, 5, 4))
    node = Multiply(name="p", inputs=("a", "b"), shape=(2, 3, 5), subscripts="ihd,jhd->hij", views=((3, 2, 2), (5, 2, 2)), scale=0.5)
    got = node.apply(a, b)
    for h, i, j in product(range(2), range(3), range(5)):
        wanted = 0.5 * sum(a[1, i, 2 * h + d] * b[1, j, 2 * h + d] for d in range(2))
        assert got[1, h, i, j] == pytest.approx(wanted)


def test_every_operation_says_which_arrays_it_holds():
    node = layout("g", Sum(name="s", inputs=("x",), shape=(4,)), np.array([[3, 2], [1, 0]]))
    assert list(node.arrays()) == ["index"] and node.inputs == ("s",) and node.shape == (2, 2)
    assert set(OPERATIONS) >= {"Input", "Gather", "Conv", "Max"} and OPERATIONS["Elementwise"] is Elementwise

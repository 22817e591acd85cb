"""Products with constants: Linear and Conv nodes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from traced import Module, compare, kinds


def weight(*shape):
    return nn.Parameter(torch.randn(*shape))


@settings(max_examples=20)
@given(
    n=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.sampled_from([0, 1, 2, "same", "valid"]),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
    mode=st.sampled_from(["zeros", "circular", "replicate"]),
)
def test_a_convolution_is_as_torch_says_for_any_of_its_arguments(n, kernel, stride, padding, dilation, groups, bias, mode):
    torch.manual_seed(0)
    cls = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[n - 1]
    stride = 1 if padding == "same" else stride
    model = cls(4, 6, kernel, stride, padding, dilation, groups, bias, mode)
    compare(model, torch.randn(2, 4, *range(6, 6 + n)))


@pytest.mark.parametrize("kernel", [(3, 2), (1, 4)])
def test_kernels_need_not_be_square(kernel):
    compare(nn.Conv2d(3, 4, kernel, stride=(1, 2), padding=(2, 1), dilation=(2, 1)), torch.randn(2, 3, 7, 8))


EINSUMS = {
    "bij,jk->bik": (6, 3),
    "bij,ijk->bik": (4, 6, 3),
    "...ij,j->...i": (6,),
    "bij,kij->bk": (5, 4, 6),
    "bij,ij->bij": (4, 6),
    "bij,ik->bijk": (4, 2),
}


@pytest.mark.parametrize("equation", EINSUMS)
def test_an_einstein_sum_with_a_constant_is_a_node_of_weights(equation):
    torch.manual_seed(0)
    graph = compare(Module(lambda m, x: torch.einsum(equation, x, m.w), w=weight(*EINSUMS[equation])), torch.randn(3, 4, 6))
    assert "Multiply" not in kinds(graph)


def test_a_matrix_may_stand_on_either_side():
    torch.manual_seed(0)
    compare(Module(lambda m, x: m.w @ x, w=weight(5, 4)), torch.randn(3, 4, 6))
    compare(Module(lambda m, x: torch.addmm(m.b, x.flatten(1), m.w), w=weight(24, 3), b=weight(3)), torch.randn(3, 4, 6))
    compare(Module(lambda m, x: torch.bmm(x.transpose(0, 1), m.w), w=weight(4, 6, 2)), torch.randn(3, 4, 6), output_axis=1)


def test_products_of_two_values_are_einstein_sums():
    torch.manual_seed(0)
    x = torch.randn(3, 4, 6)
    for equation in ("bij,bkj->bik", "bij,bij->bi", "bij,bik->bjk"):
        assert "Multiply" in kinds(compare(Module(lambda m, x, e=equation: torch.einsum(e, x, x + 1)), x))


@pytest.mark.parametrize("mode", ["linear", "bilinear", "bicubic", "trilinear"])
def test_interpolation_is_a_fixed_matrix(mode):
    n = {"linear": 1, "trilinear": 3}.get(mode, 2)
    compare(nn.Upsample(scale_factor=2, mode=mode), torch.randn(2, 2, 3, 4, 3)[(slice(None),) * (2 + n) + (0,) * (3 - n)])

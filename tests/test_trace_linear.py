"""Products with constants: Linear nodes, and Conv nodes of many small matrices."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from traced import Module, compare, kinds


def weight(*shape):
    return nn.Parameter(torch.randn(*shape))


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

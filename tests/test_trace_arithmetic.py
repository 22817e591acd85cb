"""Elementwise operations: any function of one value is one node, constants go into scales and offsets."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced import Module, compare, kinds

NAMES = """relu gelu silu tanh sigmoid softplus mish relu6 hardswish hardsigmoid hardtanh leaky_relu elu selu celu logsigmoid softsign
    tanhshrink softshrink hardshrink"""
WRITTEN_OUT = {
    "GELU by tanh": lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * torch.pow(x, 3.0)))),
    "quick GELU": lambda x: x * torch.sigmoid(1.702 * x),
    "where on itself": lambda x: torch.where(x > 0.1, x, x * 0.2 + 1),
    "powers and roots": lambda x: (x.abs() + 0.5).log().exp().sqrt() / (1 + x * x),
    "clamps": lambda x: x.clamp(-0.5, 0.7) ** 2 + x.clamp_min(0),
    "sums of itself": lambda x: x + x + F.relu(x) * x - x / 3,
    "waves": lambda x: torch.sin(x) * torch.cos(2 * x) + torch.erf(x) + (3 - x).exp() / (1 + torch.floor(x).abs()),
}


@pytest.fixture(autouse=True)
def x():
    torch.manual_seed(3)
    return torch.randn(3, 4, 6)


@pytest.mark.parametrize("name", NAMES.split())
def test_a_function_of_torch_is_one_node(name, x):
    assert kinds(compare(Module(lambda m, x: getattr(F, name)(x)), x)) == ["Input", "Activation"]


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_function_written_out_by_hand_is_one_node(name, x):
    assert kinds(compare(Module(lambda m, x: WRITTEN_OUT[name](x)), x)) == ["Input", "Activation"]


def test_the_tanh_form_of_gelu_keeps_its_name(x):
    assert compare(nn.GELU(approximate="tanh"), x).output.function == "gelu_tanh"


def test_a_slope_per_channel_is_a_scale(x):
    compare(nn.PReLU(4, 0.3), x)
    assert kinds(compare(nn.PReLU(), x)) == ["Input", "Activation"]


def test_maxima_and_minima_of_two_values_are_maxima_over_a_stack(x):
    model = Module(lambda m, x: torch.maximum(x[:, :2], x[:, 2:]) + torch.minimum(x[:, :2], x[:, 2:] * 2))
    assert kinds(compare(model, x)).count("Max") == 2


def test_chains_of_constants_are_one_scale_and_offset(x):
    model = Module(lambda m, x: ((x * m.a + 1) / 3 - m.b) * 2, a=torch.rand(6) + 0.5, b=torch.randn(4, 1))
    assert kinds(compare(model, x)) == ["Input", "Affine"]


def test_comparisons_and_choices_between_values_are_kept(x):
    compare(Module(lambda m, x, y: torch.where(x > y, x, y * 2) + (x <= 0.3) * y), (x, torch.randn(3, 4, 6)))


def test_products_leave_out_axes_along_which_a_factor_is_repeated(x):
    graph = compare(Module(lambda m, x, y: (x * y.mean(-1, keepdim=True), x @ y.mT, x / (y.abs() + 1))), (x, torch.randn(3, 4, 6)))
    gate = next(node for node in graph.nodes.values() if type(node).__name__ == "Multiply")
    assert sorted(map(len, gate.subscripts.split("->")[0].split(","))) == [1, 2]


def test_a_gated_linear_unit_is_a_product(x):
    assert "Multiply" in kinds(compare(nn.GLU(), x))


def test_squeeze_and_excitation_gates_whole_channels():
    def forward(m, x):
        y = F.relu(m.first(x))
        y = y + m.norm(m.depthwise(y))
        gate = torch.sigmoid(m.up(F.relu(m.down(y.mean((2, 3))))))
        return y * gate[:, :, None, None]

    model = Module(
        forward, first=nn.Conv2d(3, 8, 3, padding=1), depthwise=nn.Conv2d(8, 8, 3, groups=8, padding="same", bias=False),
        norm=nn.BatchNorm2d(8), down=nn.Linear(8, 2), up=nn.Linear(2, 8),
    )  # fmt: skip
    graph = compare(model, torch.randn(2, 3, 9, 8))
    product = next(node for node in graph.nodes.values() if type(node).__name__ == "Multiply")
    assert {len(side) for side in product.subscripts.split("->")[0].split(",")} == {1, 3}
    assert kinds(graph).count("Gather") == 2, "the image to channels last, and its mean: the gate writes the result in torch's order"

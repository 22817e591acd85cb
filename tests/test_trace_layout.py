"""Changes of layout: as many as a model makes, they end up in as few gathers as can be."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced import Module, compare, kinds


def _written_in_place(m, x):
    y = x.clone()
    y[:, 0] = 2.0
    y[:, 1:3] += 1
    y[:, :, 2] = x[:, :, 1] * 3
    return y.mul_(2).relu_()


MODELS = {
    "rolled, flipped, repeated": lambda m, x: (
        torch.roll(x, 1, 2) + x.flip(1) + torch.repeat_interleave(x[:, :2], 2, dim=1) + x[:, [3, 2, 1, 0]]
    ),
    "split and stacked": lambda m, x: x.split(2, 1)[1] * 3 + x.chunk(2, 1)[0] + torch.stack(x.unbind(1), 1)[:, 1:3],
    "padded with a number": lambda m, x: F.pad(F.relu(x), (1, 2, 0, 1), value=1.5) * 2 + 1,
    "cut by a negative pad": lambda m, x: F.pad(x + 1, (-1, 2)),
    "written in place": _written_in_place,
    "unfolded": lambda m, x: x.unfold(2, 3, 2).flatten(2) + 1,
    "expanded": lambda m, x: x.unsqueeze(1).expand(-1, 3, -1, -1).reshape(x.shape[0], -1),
    "lower triangle": lambda m, x: torch.tril(x * 2 + 1),
    "constants chosen by place": lambda m, x: torch.where(m.where, x, m.other),
}


@pytest.fixture(autouse=True)
def x():
    torch.manual_seed(3)
    return torch.randn(3, 4, 6)


@pytest.mark.parametrize("name", MODELS)
def test_a_layout_is_as_torch_says(name, x):
    compare(Module(MODELS[name], where=torch.rand(4, 6) > 0.5, other=torch.randn(4, 6)), x)


def test_layouts_that_undo_each_other_leave_no_node(x):
    model = Module(lambda m, x: x.transpose(1, 2).contiguous().view(-1, 24).reshape(-1, 6, 4).permute(0, 2, 1))
    assert kinds(compare(model, x)) == ["Input"]


def test_convolutions_in_a_row_need_no_layout_between_them():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 2, 1))
    assert kinds(compare(model, torch.randn(2, 3, 7, 8))).count("Gather") == 2


def test_a_channels_last_norm_between_convolutions_needs_no_layout():
    model = Module(
        lambda m, x: m.b(m.norm(m.a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
        a=nn.Conv2d(3, 4, 3),
        norm=nn.LayerNorm(4),
        b=nn.Conv2d(4, 2, 1),
    )
    assert kinds(compare(model, torch.randn(2, 3, 5, 6))) == ["Input", "Gather", "Conv", "LayerNorm", "Conv", "Gather"]


def test_concatenation_reads_several_nodes_at_once():
    model = Module(
        lambda m, x: m.b(torch.cat([F.relu(m.a(x)), F.max_pool2d(x, 3, 1, 1)], 1)), a=nn.Conv2d(3, 8, 3, padding=1), b=nn.Conv2d(11, 2, 1)
    )
    graph = compare(model, torch.randn(2, 3, 5, 6))
    assert max(len(node.inputs) for node in graph.nodes.values()) == 2


def test_a_class_token_and_positions_are_one_offset(x):
    model = Module(
        lambda m, x: torch.cat([m.token.expand(x.shape[0], -1, -1), m.embed(x)], 1) + m.position,
        token=nn.Parameter(torch.randn(1, 1, 6)), position=nn.Parameter(torch.randn(1, 5, 6)), embed=nn.Linear(6, 6),
    )  # fmt: skip
    assert kinds(compare(model, x)) == ["Input", "Linear", "Gather", "Affine"]


def test_pixel_shuffles_and_nearest_neighbours_are_layouts():
    model = nn.Sequential(nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(2), nn.Upsample(scale_factor=2))
    assert kinds(compare(model, torch.randn(2, 8, 3, 3))) == ["Input", "Gather"]

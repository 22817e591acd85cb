"""Normalisations, those written out by hand included."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced import Module, compare, kinds


@pytest.mark.parametrize(
    "model", [nn.LayerNorm((4, 6)), nn.LayerNorm(6, bias=False), nn.LayerNorm(6, elementwise_affine=False), nn.RMSNorm(6, eps=1e-6)]
)
def test_a_norm_over_rows_is_one_node(model):
    torch.manual_seed(0)
    graph = compare(model, torch.randn(3, 4, 6))
    assert set(kinds(graph)) <= {"Input", "Gather", "LayerNorm"}


@pytest.mark.parametrize(
    "model", [nn.GroupNorm(2, 4), nn.GroupNorm(4, 4), nn.InstanceNorm1d(4, affine=True), nn.InstanceNorm1d(4, track_running_stats=True)]
)
def test_norms_over_channels(model):
    torch.manual_seed(0)
    compare(model, torch.randn(3, 4, 6))


WRITTEN_OUT = {
    "T5": lambda m, x: m.w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)),
    "one over a root": lambda m, x: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * m.w,
    "F.normalize": lambda m, x: F.normalize(x, dim=-1),
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_root_mean_square_norm_written_out_is_one_node(name):
    torch.manual_seed(0)
    graph = compare(Module(WRITTEN_OUT[name], w=nn.Parameter(torch.rand(6))), torch.randn(3, 4, 6))
    assert kinds(graph) == ["Input", "LayerNorm"] and not graph.output.centred


def test_what_only_looks_like_a_norm_is_left_as_it_is():
    torch.manual_seed(0)
    other_rows = Module(lambda m, x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6).roll(1, 2))
    assert "LayerNorm" not in kinds(compare(other_rows, torch.randn(3, 4, 6)))
    compare(Module(lambda m, x: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5)), torch.randn(3, 4, 6))
    compare(Module(lambda m, x: F.normalize(x, dim=1)), torch.randn(3, 4, 6))


def test_batch_norm_alone_is_a_scale_and_an_offset():
    model = nn.BatchNorm1d(4)
    model.running_mean.normal_()
    model.running_var.uniform_(0.5, 2.0)
    assert kinds(compare(model, torch.randn(3, 4, 6))) == ["Input", "Affine"]

"""Interpolation: copies are layouts, weighted means are a fixed matrix."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced import Module, compare, kinds

from snnsim.errors import ConversionError
from snnsim.trace.torch_export import trace_torch


@pytest.mark.parametrize("mode", ["linear", "bilinear", "bicubic", "trilinear"])
def test_interpolation_is_a_fixed_matrix(mode):
    n = {"linear": 1, "trilinear": 3}.get(mode, 2)
    compare(nn.Upsample(scale_factor=2, mode=mode), torch.randn(2, 2, 3, 4, 3)[(slice(None),) * (2 + n) + (0,) * (3 - n)])


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_nearest_neighbour_is_a_layout(mode, n):
    x = torch.randn(2, 2, 3, 4, 3)[(slice(None),) * (2 + n) + (0,) * (3 - n)]
    assert kinds(compare(Module(lambda m, x: F.interpolate(x, scale_factor=1.7, mode=mode)), x)) == ["Input", "Gather"]


@pytest.mark.parametrize("arguments", [{"align_corners": True}, {"antialias": True}, {"mode": "bicubic", "antialias": True}])
def test_interpolation_to_a_size_with_its_arguments(arguments):
    compare(Module(lambda m, x: F.interpolate(x, size=(3, 7), **{"mode": "bilinear", **arguments})), torch.randn(2, 2, 5, 4))


def test_a_constant_grid_is_a_fixed_matrix():
    grid = torch.rand(1, 3, 2, 2) * 2 - 1
    model = Module(lambda m, x: F.grid_sample(x, m.grid.expand(x.shape[0], -1, -1, -1), align_corners=False), grid=grid)
    assert kinds(compare(model, torch.randn(2, 2, 4, 5))).count("Linear") == 1


def test_a_grid_that_depends_on_the_input_is_refused():
    model = Module(lambda m, x: F.grid_sample(x, x[:, :1, :, :2], align_corners=False))
    with pytest.raises(ConversionError, match="reads places that depend on the input. Make the grid a constant."):
        trace_torch(model.eval(), torch.randn(1, 1, 4, 2))

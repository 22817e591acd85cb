"""The front door: whatever a torch module computes, its graph computes too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from traced import compare, kinds

from snnsim.trace.torch_export import trace_torch


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(7)


def test_a_chain_of_layers_becomes_a_chain_of_nodes_named_by_their_modules():
    graph = compare(nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), torch.randn(4, 5))
    assert list(graph.nodes) == ["input", "0", "1.relu", "2"]
    assert graph.nodes["1.relu"].function == "relu"


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_transformer_encoder_is_translated_as_it_stands(norm_first, activation):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first, activation=activation)
    graph = compare(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), torch.randn(3, 5, 8))
    assert kinds(graph).count("Softmax") == 2 and kinds(graph).count("LayerNorm") == 4
    assert "Affine" not in kinds(graph), "1 / sqrt(d) belongs to the product"


def test_batch_norm_disappears_in_the_convolution_before_it():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 2))
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2.0)
    graph = compare(model, torch.randn(4, 3, 8, 8))
    assert kinds(graph) == ["Input", "Gather", "Conv", "Activation", "Conv", "Gather", "Linear"]


def test_arrays_come_in_the_type_of_the_model():
    for kind in (torch.float32, torch.float64):
        module = torch.nn.Linear(3, 2).to(kind).eval()
        graph = trace_torch(module, np.zeros((4, 3)))
        x = np.random.default_rng(0).normal(size=(4, 3))
        wanted = module.double()(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(graph.evaluate(x)[graph.output.name], wanted, rtol=1e-9)

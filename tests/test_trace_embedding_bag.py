"""EmbeddingBag: bags of fixed length, summed, averaged or compared by the host."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from traced import Module, compare, kinds

import snnsim as sim
from snnsim.errors import ConversionError
from snnsim.trace.torch_export import trace_torch

TOKENS = torch.tensor([[1, 0, 3, 6], [0, 0, 0, 0], [0, 2, 2, 5]])
MODES = ["sum", "mean", "max"]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", [None, 0])
def test_bags_of_one_length_are_as_torch_says(mode, padding):
    graph = compare(nn.EmbeddingBag(7, 5, mode=mode, padding_idx=padding), TOKENS)
    assert graph.outputs[0].name in graph.host


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("last", "offsets"), [(False, [0, 3]), (True, [0, 0, 3, 4]), (False, [0, 1, 1])])
def test_bags_between_constant_offsets_are_as_torch_says(mode, last, offsets):
    bag = nn.EmbeddingBag(7, 5, mode=mode, include_last_offset=last)
    compare(Module(lambda m, x: m.bag(x[0], m.offsets)[None], bag=bag, offsets=torch.tensor(offsets)), TOKENS[:1])


def test_rows_are_weighted_by_constants_or_by_an_input():
    bag = nn.EmbeddingBag(7, 5, mode="sum")
    compare(Module(lambda m, x: m.bag(x, per_sample_weights=m.w.expand_as(x)), bag=bag, w=torch.randn(4)), TOKENS)
    graph = compare(Module(lambda m, x, w: m.bag(x, per_sample_weights=w), bag=bag), (TOKENS, torch.randn(3, 4)))
    assert kinds(graph) == ["Input", "Input", "Embedding", "Multiply"]
    split = Module(lambda m, x, w: m.bag(x[0], m.offsets, per_sample_weights=w[0])[None], bag=bag, offsets=torch.tensor([0, 1]))
    compare(split, (TOKENS[:1], torch.randn(1, 4)))


@pytest.mark.parametrize("cls", [nn.Embedding, nn.EmbeddingBag])
def test_rows_longer_than_max_norm_are_shortened(cls):
    compare(cls(7, 5, max_norm=1.0), TOKENS)


def test_no_integer_of_a_converted_classifier_of_bags_differs():
    model = nn.Sequential(nn.EmbeddingBag(7, 8, padding_idx=0), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    spiking = sim.convert(model, TOKENS)
    assert sum(layer.mismatches for layer in spiking.certify(TOKENS).layers) == 0


def test_offsets_that_depend_on_the_input_are_refused():
    bag = nn.EmbeddingBag(7, 5, mode="sum")
    model = Module(lambda m, x, offsets: m.bag(x[0], offsets[0])[None], bag=bag).eval()
    with pytest.raises(ConversionError, match="has offsets that depend on the input. Give bags of one length"):
        trace_torch(model, (TOKENS, torch.tensor([[0, 1]] * 3)))

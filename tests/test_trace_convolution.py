"""Convolutions and transposed ones: Conv nodes, their kernels stored once."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from traced import Module, compare, kinds, run

import snnsim as sim
from snnsim.errors import ConversionError
from snnsim.graph.integer import FiltersEdge
from snnsim.graph.operations import ann_operations
from snnsim.trace.torch_export import trace_torch


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


TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@settings(max_examples=15)
@given(
    n=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
    extra=st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
)
def test_a_transposed_convolution_is_as_torch_says_for_any_of_its_arguments(n, kernel, stride, padding, dilation, extra, groups, bias):
    torch.manual_seed(0)
    sizes = range(2, 2 + n)
    assume(extra < max(stride, dilation))
    assume(all((size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1 >= 1 for size in sizes))
    model = TRANSPOSED[n - 1](4, 6, kernel, stride, padding, extra, groups, bias, dilation)
    graph = compare(model, torch.randn(2, 4, *sizes))
    assert kinds(graph).count("Conv") == 1


def test_a_transposed_convolution_may_differ_from_axis_to_axis_and_be_asked_for_a_size():
    torch.manual_seed(0)
    compare(nn.ConvTranspose2d(3, 4, (3, 2), (1, 3), (2, 0), (0, 1), dilation=(2, 1)), torch.randn(2, 3, 4, 5))
    model = Module(lambda m, x: m.up(m.down(x), output_size=x.shape[2:]), down=nn.Conv2d(3, 4, 3, 2), up=nn.ConvTranspose2d(4, 3, 3, 2))
    compare(model, torch.randn(2, 3, 6, 7))


def test_a_padding_wider_than_the_kernel_reads_part_of_the_input():
    torch.manual_seed(0)
    compare(nn.ConvTranspose1d(2, 3, 1, 1, 2), torch.randn(2, 2, 7))
    compare(nn.ConvTranspose1d(2, 3, 1, 1, 2, 4, dilation=5), torch.randn(2, 2, 1))


def test_a_kernel_that_depends_on_the_input_is_refused():
    model = Module(lambda m, x: F.conv_transpose1d(x, x)).eval()
    with pytest.raises(ConversionError, match="has an argument 'weight' that depends on the input. Make it a parameter"):
        trace_torch(model, torch.randn(1, 1, 4))


@pytest.fixture(scope="module")
def autoencoder():
    torch.manual_seed(0)
    down, up = nn.Conv2d(2, 4, 3, 2, 1), nn.ConvTranspose2d(4, 3, 3, 2, 1, 1)
    model = nn.Sequential(down, nn.ReLU(), up, nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1)).eval()
    nn.init.uniform_(model[3].running_mean)
    images = torch.rand(6, 2, 6, 6)
    return model, images, sim.convert(model, images)


def test_the_kernels_of_a_transposed_convolution_are_stored_once(autoencoder):
    model, _, spiking = autoencoder
    edges = [edge for layer in spiking.integer_graph.layers.values() for edge in layer.edges if isinstance(edge, FiltersEdge)]
    assert [edge.weight.size for edge in edges] == [part.weight.numel() for part in (model[0], model[2], model[5])]


@pytest.mark.parametrize("schedule", ["settled", "shuffled"])
def test_no_integer_of_a_converted_autoencoder_differs(autoencoder, schedule):
    model, images, spiking = autoencoder
    assert sum(layer.mismatches for layer in spiking.certify(images, schedule=schedule).layers) == 0
    want = run(copy.deepcopy(model).double(), images)[0].numpy()
    assert np.abs(next(iter(spiking(images).outputs.values())) - want).max() < 0.05 * np.abs(want).max()


def test_a_transposed_convolution_multiplies_as_often_as_torch(autoencoder):
    _, images, spiking = autoencoder
    encoded, _ = spiking.coding.encode(images)
    graph = spiking.integer_graph
    counts = ann_operations(graph, graph.evaluate(encoded), skip_zeros=False).layers
    upper = list(graph.layers)[2]
    # 3 places along an axis lead to 2, 3 and 3 of the 6: the first tap of the first place falls off the border
    assert counts[upper]["macs"] == len(images) * (2 + 3 + 3) ** 2 * 4 * 3

"""Pooling and reductions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from traced import Module, compare, kinds


@settings(max_examples=20)
@given(
    n=st.integers(1, 3), kernel=st.integers(2, 3), stride=st.integers(1, 3), padding=st.integers(0, 1), ceil=st.booleans(),
    counted=st.booleans(), average=st.booleans(), dilation=st.integers(1, 2),
)  # fmt: skip
def test_pooling_is_as_torch_says_for_any_of_its_arguments(n, kernel, stride, padding, ceil, counted, average, dilation):
    torch.manual_seed(0)
    if average:
        cls = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[n - 1]
        model = cls(kernel, stride, padding, ceil_mode=ceil, count_include_pad=counted)
    else:
        cls = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[n - 1]
        model = cls(kernel, stride, padding, dilation, ceil_mode=ceil)
    compare(model, torch.randn(2, 2, *range(5, 5 + n)))


@pytest.mark.parametrize("cls", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
@pytest.mark.parametrize("size", [1, (4, 3), (None, 2)])
def test_adaptive_pooling_takes_windows_of_uneven_size(cls, size):
    compare(cls(size), torch.randn(2, 3, 9, 8))


def test_a_divisor_may_be_given():
    compare(nn.AvgPool2d(2, divisor_override=3), torch.randn(2, 3, 4, 4))


def test_reductions_over_any_axes():
    def forward(m, x):
        return x.sum((1, 2)) + x.mean(1).max(-1).values - x.amax((1, 2)) + x.min(2)[0].sum(1) + x.var((1, 2)) + x.std(1).sum(-1)

    compare(Module(forward), torch.randn(3, 4, 6))


def test_running_sums():
    compare(Module(lambda m, x: x.cumsum(1)), torch.randn(3, 4, 6))


def test_norms_of_any_order():
    compare(Module(lambda m, x: x.norm(dim=-1) + x.norm(p=1, dim=-1) + torch.linalg.vector_norm(x, 3, dim=-1)), torch.randn(3, 4, 6))


def test_a_factor_before_or_after_a_mean_belongs_to_it():
    assert kinds(compare(Module(lambda m, x: (3 * x).mean(-1) / 2), torch.randn(3, 4, 6))) == ["Input", "Sum"]

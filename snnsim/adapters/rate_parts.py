"""Linear operations of a float graph as torch modules whose parameters can be trained, and back. Values are [batch, *shape]."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from snnsim.errors import ConversionError
from snnsim.graph.nodes import Add, Affine, Conv, Gather, Linear, Node, Sum

_CONVS: tuple[Any, ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def part_of(where: str, node: Node, dtype: torch.dtype) -> nn.Module | None:
    """Return the module of a linear node; None for any other. Raises ConversionError for a convolution over more than three axes."""
    match node:
        case Linear():
            return _Linear(node, dtype)
        case Conv():
            if len(node.stride) > len(_CONVS):
                raise ConversionError(
                    f"{where}: node {node.name!r} is a convolution over {len(node.stride)} axes, which must be at most {len(_CONVS)}: "
                    "torch has no module for more. Fold an axis into the channels."
                )
            return _Conv(node, dtype)
        case Affine():
            return _Scale(node, dtype)
        case Gather():
            return _Layout(node)
        case Add():
            return _Add()
        case Sum():
            return _Sum(node.scale)
    return None


def restored(node: Node, part: nn.Module) -> Node:
    """Return a node with what its module has learned."""
    learned = {name.rpartition(".")[2]: each.detach().double().cpu().numpy().copy() for name, each in part.named_parameters()}
    match node:
        case Linear():
            return dataclasses.replace(node, weight=learned["weight"], bias=learned["bias"])
        case Conv():
            weight = np.ascontiguousarray(np.moveaxis(learned["weight"], (0, 1), (-1, -2)))
            return dataclasses.replace(node, weight=weight, bias=learned["bias"])
        case Affine():
            return dataclasses.replace(node, scale=learned["weight"], offset=learned["bias"])
    return node


def _parameter(array: np.ndarray, dtype: torch.dtype) -> nn.Parameter:
    return nn.Parameter(torch.tensor(np.ascontiguousarray(array), dtype=dtype))


class _Linear(nn.Linear):
    """Its bias may hold positions: it is broadcast to the shape of the output."""

    def __init__(self, node: Linear, dtype: torch.dtype) -> None:
        n_out, n_in = node.weight.shape
        super().__init__(n_in, n_out, device="meta")  # nothing is drawn
        self.weight, self.bias = _parameter(node.weight, dtype), _parameter(node.bias, dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight) + self.bias


class _Conv(nn.Module):
    """A convolution of torch: channels are last outside, and padding may differ on both sides."""

    def __init__(self, node: Conv, dtype: torch.dtype) -> None:
        super().__init__()
        even = all(before == after for before, after in node.padding)
        n_in, n_out = node.weight.shape[-2:]
        padding = tuple(before for before, _ in node.padding) if even else 0
        kernel = node.weight.shape[:-2]
        kind = _CONVS[len(kernel) - 1]
        self.conv = kind(n_in * node.groups, n_out, kernel, node.stride, padding, node.dilation, node.groups, device="meta")
        self.uneven = None if even else [size for pair in reversed(node.padding) for size in pair]
        self.conv.weight = _parameter(np.moveaxis(node.weight, (-1, -2), (0, 1)), dtype)
        self.conv.bias = _parameter(np.broadcast_to(node.bias, n_out), dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        moved = x.movedim(-1, 1)
        summed: torch.Tensor = self.conv(moved if self.uneven is None else functional.pad(moved, self.uneven))
        return summed.movedim(1, -1)


class _Scale(nn.Module):
    """weight * x + bias, element by element."""

    def __init__(self, node: Affine, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight, self.bias = _parameter(node.scale, dtype), _parameter(node.offset, dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x + self.bias


class _Layout(nn.Module):
    """Elements of its inputs, in a row, in another order; `fill` where there is none."""

    index: torch.Tensor

    def __init__(self, node: Gather) -> None:
        super().__init__()
        self.shape, self.fill = node.shape, node.fill
        self.register_buffer("index", torch.tensor(node.index.ravel().astype(np.int64)), persistent=False)
        self.blank = bool((node.index < 0).any())

    def forward(self, *operands: torch.Tensor) -> torch.Tensor:
        flat = torch.cat([x.flatten(1) for x in operands], dim=1) if len(operands) > 1 else operands[0].flatten(1)
        taken = flat[:, self.index]
        if self.blank:
            taken = torch.where(self.index < 0, self.fill, taken)
        return taken.unflatten(1, self.shape)


class _Add(nn.Module):
    def forward(self, *operands: torch.Tensor) -> torch.Tensor:
        total = operands[0]
        for operand in operands[1:]:
            total = total + operand
        return total


class _Sum(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x.sum(dim=-1)

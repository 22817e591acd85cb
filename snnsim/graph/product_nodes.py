"""Operations that multiply and add up: linear maps, convolutions, products of two values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import final

import numpy as np

from snnsim.graph.node import Node, Shape


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Linear(Node):
    """y = x W^T + b over the last axis; weight float64[out, in], bias broadcast to `shape` (it may hold positions)."""

    weight: np.ndarray
    bias: np.ndarray

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0] @ self.weight.T + self.bias


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Conv(Node):
    """Convolution (as in deep learning: not flipped) over one or more spatial axes, channels last.

    The input is [*space, channels in], the output [*space', channels out].

    weight : float64[*kernel, channels in / groups, channels out]
    bias : float64[channels out]
    stride, dilation : one int per spatial axis; padding : (before, after) per spatial axis, of zeros
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        sums = convolve(operands[0], self.shape, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return sums + self.bias


def convolve(
    x: np.ndarray,
    shape: Shape,
    weight: np.ndarray,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Return the sums of a convolution, [batch, *shape], in the type of `x`: one matrix product per place in the kernel."""
    kernel, space = weight.shape[:-2], shape[:-1]
    padded = np.pad(x, [(0, 0), *padding, (0, 0)])
    out = np.zeros((len(x), *shape), dtype=x.dtype)
    grouped = out.reshape(len(x), -1, groups, shape[-1] // groups)
    for place in product(*map(range, kernel)):
        window = tuple(slice(at * d, at * d + (n - 1) * s + 1, s) for at, d, n, s in zip(place, dilation, space, stride, strict=True))
        part = padded[(slice(None), *window)].reshape(len(x), -1, groups, weight.shape[-2])
        taps = weight[place].reshape(weight.shape[-2], groups, -1)
        for group in range(groups):
            grouped[:, :, group] += part[:, :, group] @ taps[:, group]
    return out


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Multiply(Node):
    """Scaled Einstein product of two nodes, such as 'ihd,jhd->hij' for attention scores; 'ij,ij->ij' is a gate.

    subscripts : str          axes without the batch; an operand is reshaped to `views` first
    views : tuple of shapes   shape of each operand as the subscripts read it
    scale : float
    """

    arity = 2

    subscripts: str
    views: tuple[Shape, Shape]
    scale: float = 1.0

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        left, right = (x.reshape(len(x), *view) for x, view in zip(operands, self.views, strict=True))
        sides, out = self.subscripts.split("->")
        first, second = sides.split(",")
        product = np.einsum(f"Z{first},Z{second}->Z{out}", left, right, optimize=True)
        return self.scale * product.reshape(len(left), *self.shape)

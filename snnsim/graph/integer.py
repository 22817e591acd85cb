"""The integer graph: the quantised network as a program of its own, and the reference every spiking run is held to.

Sums are dense matrix products (exact in float64 below 2^53); the engine never does that: it adds up events. Both apply
the same g to the sums, because g is what a unit means; its kernels are tested against big-integer Python.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.graph.nodes import Shape, convolve
from snnsim.kernels.integer_units import KNOWN, evaluate_known, evaluate_rows, keep
from snnsim.models.integer import IntegerUnit


@final
@dataclass(frozen=True, eq=False)
class DenseEdge:
    """acc += gain * (x @ weight) over the last axis; weight int8 or int16[in, out]. x : see `Edge`."""

    source: str
    weight: np.ndarray
    gain: int = 1
    index: np.ndarray | None = None


@final
@dataclass(frozen=True, eq=False)
class FiltersEdge:
    """acc += gain * convolution of x; weight int8 or int16[*kernel, in / groups, out], as `connect.Filters`.

    space : tuple of int   shape of x, (*space, channels)
    """

    source: str
    weight: np.ndarray
    space: Shape
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1
    gain: int = 1
    index: np.ndarray | None = None


@final
@dataclass(frozen=True, eq=False)
class PointEdge:
    """acc += sum over the leading axis of weight * x, x being [n, *shape]; weight int32, one number, or repeating along x."""

    source: str
    weight: np.ndarray
    index: np.ndarray | None = None


@final
@dataclass(frozen=True, eq=False)
class ProductEdge:
    """acc += gain * einsum(subscripts, x_left, x_right), operands reshaped to `views` first.

    only : (letters, bool[...]) or None   which places of these letters take part; they belong to one operand, or to the sum
    """

    left: str
    right: str
    subscripts: str
    views: tuple[Shape, Shape]
    gain: int = 1
    left_index: np.ndarray | None = None
    right_index: np.ndarray | None = None
    only: tuple[str, np.ndarray] | None = None


#: x is the value of `source`, or its units at `index` (int32[*shape of x], -1 for 0)
Edge = DenseEdge | FiltersEdge | PointEdge | ProductEdge


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """One population of the converted network.

    scale : float or float[...]   real value of one emitted integer (of one accumulator unit for a readout), broadcast to `shape`
    origin : str                  place in the user's source, or empty
    """

    name: str
    shape: Shape
    unit: IntegerUnit
    edges: tuple[Edge, ...]
    scale: Any
    origin: str = ""


def weight_words(weight: np.ndarray) -> int:
    """Return how many 8-bit words one weight of a one-to-one edge takes: 0 where all are 1, for they need no weight."""
    if (weight == 1).all():
        return 0
    return -(-(int(np.abs(weight).max()).bit_length() + 1) // 8)


class Settled(NamedTuple):
    """acc, s : int64[trials, *shape]."""

    acc: np.ndarray
    s: np.ndarray


def read(source: Settled, index: np.ndarray | None) -> np.ndarray:
    """Return the values of a layer as an edge reads them, int64[trials, *shape]."""
    if index is None:
        return source.s
    flat = source.s.reshape(len(source.s), -1)[:, index.ravel()]
    flat[:, index.ravel() < 0] = 0
    return flat.reshape(-1, *index.shape)


def _largest(x: np.ndarray) -> int:
    """Return the largest magnitude, without a copy."""
    return max(int(x.max(initial=0)), -int(x.min(initial=0)))


def _real(x: np.ndarray, weight: np.ndarray, summed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both in a float type in which a sum of `summed` products of them is exact."""
    worst = _largest(x) * _largest(weight) * summed
    kind = np.float32 if worst < 2**24 else np.float64
    return x.astype(kind), weight.astype(kind)


def _times(total: np.ndarray, gain: int) -> np.ndarray:
    """Return whole floats times `gain`, int64."""
    whole = total.astype(np.int64)
    return whole if gain == 1 else whole * gain


def _convolved(edge: FiltersEdge, x: np.ndarray, shape: Shape) -> np.ndarray:
    values, weight = _real(x.reshape(len(x), *edge.space), edge.weight, edge.weight[..., 0].size)
    return convolve(values, shape, weight, edge.stride, edge.padding, edge.dilation, edge.groups)


def placed(letters: str, there: np.ndarray, axes: str) -> np.ndarray:
    """Return `there`, whose axes are `letters`, so that it broadcasts along `axes`, which hold them all."""
    order = sorted(range(len(letters)), key=lambda axis: axes.index(letters[axis]))
    sizes = dict(zip(letters, there.shape, strict=True))
    return there.transpose(order).reshape([sizes.get(label, 1) for label in axes])


def edge_sum(edge: Edge, values: Mapping[str, Settled], shape: Shape) -> np.ndarray:
    """Return what one edge adds to the accumulators of a layer of `shape`, int64[trials, ...]."""
    match edge:
        case DenseEdge():
            x, weight = _real(read(values[edge.source], edge.index), edge.weight, len(edge.weight))
            return _times(x.reshape(-1, len(weight)) @ weight, edge.gain).reshape(len(x), -1, weight.shape[1])
        case FiltersEdge():
            return _times(_convolved(edge, read(values[edge.source], edge.index), shape), edge.gain)
        case PointEdge():
            x = read(values[edge.source], edge.index)
            x = x.reshape(len(x), -1, *shape)
            weight = edge.weight if edge.weight.ndim == 0 else np.resize(edge.weight, x.shape[1:])
            return (x * weight).sum(axis=1)
        case ProductEdge(left, right, subscripts, views):
            sides, out = subscripts.split("->")
            first, second = sides.split(",")
            operands = read(values[left], edge.left_index), read(values[right], edge.right_index)
            a, b = (x.reshape(len(x), *view) for x, view in zip(operands, views, strict=True))
            a, b = _real(a, b, prod(size for label, size in zip(first, views[0], strict=True) if label not in out))
            if edge.only is None:
                return _times(np.einsum(f"Z{first},Z{second}->Z{out}", a, b, optimize=True), edge.gain)
            letters, there = edge.only
            if set(letters) <= set(out):
                total = np.einsum(f"Z{first},Z{second}->Z{out}", a, b, optimize=True).astype(np.int64)
                return total * (placed(letters, there, out) * edge.gain)
            a, b = (a * placed(letters, there, first), b) if set(letters) <= set(first) else (a, b * placed(letters, there, second))
            return _times(np.einsum(f"Z{first},Z{second}->Z{out}", a, b, optimize=True), edge.gain)


def evaluate_unit(unit: IntegerUnit, acc: np.ndarray) -> np.ndarray:
    """Return g(acc) for int[..., width] accumulators, as int64 of the same shape."""
    width = acc.shape[-1]
    rows = np.ascontiguousarray(acc.reshape(-1, width), dtype=np.int32)
    want = np.zeros_like(rows)
    g = type(unit).g
    if g in KNOWN:
        evaluate_known(KNOWN.index(g), rows, unit.flat(width), want)
    elif g is not keep:
        with warnings.catch_warnings():
            # A pair of kernels makes numba pass them as values: compiled once for all units, and cached.
            warnings.filterwarnings("ignore", message="First-class function type feature is experimental")
            evaluate_rows((keep, g), 1, rows, unit.flat(width), want)
    return want.astype(np.int64).reshape(acc.shape)


@final
class IntegerGraph:
    """Layers in topological order, the inputs first; layers that no other reads and whose unit is a `Readout` are outputs."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = MappingProxyType({layer.name: layer for layer in layers})
        self.inputs = tuple(layer for layer in layers if layer.unit.label == "input")
        self.input, self.output = layers[0], layers[-1]

    def evaluate(self, inputs: np.ndarray | Mapping[str, np.ndarray]) -> dict[str, Settled]:
        """Return accumulators and values of every layer for int[trials, *input shape], by name where there are several inputs."""
        given = inputs if isinstance(inputs, Mapping) else {self.input.name: inputs}
        trials = len(given[self.input.name])
        values: dict[str, Settled] = {}
        for layer in self.layers.values():
            if layer.unit.label == "input":
                zero = np.zeros((trials, *layer.shape), dtype=np.int64)
                values[layer.name] = Settled(zero, np.asarray(given[layer.name]).astype(np.int64))
                continue
            acc = accumulated(layer, values, trials)
            values[layer.name] = Settled(acc, evaluate_unit(layer.unit, acc))
        return values


def accumulated(layer: Layer, values: Mapping[str, Settled], trials: int) -> np.ndarray:
    """Return the accumulators of one layer, int64[trials, *shape], from the values of the layers it reads."""
    acc = np.broadcast_to(layer.unit.bias, (trials, *layer.shape)).astype(np.int64)
    for edge in layer.edges:
        acc += edge_sum(edge, values, layer.shape).reshape(acc.shape)
    return acc

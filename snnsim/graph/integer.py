"""The integer graph: the quantised network as a program of its own, and the reference every spiking run is held to.

Sums are dense matrix products (exact in float64 below 2^53); the engine never does that: it adds up events. Both apply
the same g to the sums, because g is what a unit means; its kernels are tested against big-integer Python.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, final

import numpy as np

from snnsim.graph.ir import Shape
from snnsim.kernels.integer_units import evaluate_rows, keep
from snnsim.models.integer import IntegerUnit


@final
@dataclass(frozen=True, eq=False)
class DenseEdge:
    """acc += s_source @ weight over the last axis; weight int8[in, out]."""

    source: str
    weight: np.ndarray


@final
@dataclass(frozen=True, eq=False)
class OneToOneEdge:
    """acc += weight * s_source; weight int32[width] or one number."""

    source: str
    weight: np.ndarray


@final
@dataclass(frozen=True, eq=False)
class SumEdge:
    """acc += sum of s_source over the leading axis."""

    source: str


@final
@dataclass(frozen=True, eq=False)
class ProductEdge:
    """acc += einsum(subscripts, s_left, s_right), operands reshaped to `views` first."""

    left: str
    right: str
    subscripts: str
    views: tuple[Shape, Shape]


Edge = DenseEdge | OneToOneEdge | SumEdge | ProductEdge


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """One population of the converted network.

    scale : float   real value of one emitted integer (of one accumulator unit for a readout)
    """

    name: str
    shape: Shape
    unit: IntegerUnit
    edges: tuple[Edge, ...]
    scale: float


def weight_words(weight: np.ndarray) -> int:
    """Return how many 8-bit words one weight of a one-to-one edge takes: 0 where all are 1, for they need no weight."""
    if (weight == 1).all():
        return 0
    return -(-(int(np.abs(weight).max()).bit_length() + 1) // 8)


class Settled(NamedTuple):
    """acc, s : int64[trials, *shape]."""

    acc: np.ndarray
    s: np.ndarray


def _sum(edge: Edge, values: Mapping[str, Settled]) -> np.ndarray:
    match edge:
        case DenseEdge(source, weight):
            return values[source].s.astype(np.float64) @ weight.astype(np.float64)
        case OneToOneEdge(source, weight):
            return values[source].s * weight
        case SumEdge(source):
            return values[source].s.sum(axis=1)
        case ProductEdge(left, right, subscripts, views):
            sides, out = subscripts.split("->")
            first, second = sides.split(",")
            operands = [values[name].s.astype(np.float64) for name in (left, right)]
            a, b = (x.reshape(len(x), *view) for x, view in zip(operands, views, strict=True))
            return np.einsum(f"Z{first},Z{second}->Z{out}", a, b, optimize=True)


def evaluate_unit(unit: IntegerUnit, acc: np.ndarray) -> np.ndarray:
    """Return g(acc) for int[..., width] accumulators, as int64 of the same shape."""
    width = acc.shape[-1]
    rows = np.ascontiguousarray(acc.reshape(-1, width), dtype=np.int32)
    want = np.zeros_like(rows)
    g = type(unit).g
    if g is not keep:
        with warnings.catch_warnings():
            # A pair of kernels makes numba pass them as values: compiled once for all units, and cached.
            warnings.filterwarnings("ignore", message="First-class function type feature is experimental")
            evaluate_rows((keep, g), 1, rows, unit.flat(width), want)
    return want.astype(np.int64).reshape(acc.shape)


@final
class IntegerGraph:
    """Layers in topological order; the first is the input, the last the readout."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = MappingProxyType({layer.name: layer for layer in layers})
        self.input, self.output = layers[0], layers[-1]

    def evaluate(self, inputs: np.ndarray) -> dict[str, Settled]:
        """Return accumulators and values of every layer for int[trials, *input shape]."""
        values: dict[str, Settled] = {}
        for layer in self.layers.values():
            if layer is self.input:
                zero = np.zeros((len(inputs), *layer.shape), dtype=np.int64)
                values[layer.name] = Settled(zero, inputs.astype(np.int64))
                continue
            acc = np.broadcast_to(layer.unit.bias, (len(inputs), *layer.shape)).astype(np.int64)
            for edge in layer.edges:
                acc = acc + np.asarray(_sum(edge, values)).reshape(acc.shape).astype(np.int64)
            values[layer.name] = Settled(acc, evaluate_unit(layer.unit, acc))
        return values

"""A transformer of random weights as an integer graph: the size of a trained one, without its file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnsim.graph.integer import DenseEdge, Edge, IntegerGraph, Layer, PointEdge, ProductEdge
from snnsim.models.integer import IntegerUnit
from snnsim.models.integer_input import IntegerInput
from snnsim.models.norm_row import NormRow
from snnsim.models.readout import Readout
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.models.staircase import Staircase
from snnsim.models.table import Table

_SPREAD = 40  # levels that one standard deviation of a sum takes, of 127: as in a calibrated model, few are clipped


@dataclass(frozen=True)
class Size:
    """tokens, width, heads, hidden units of the MLP, blocks: by default the encoder of MiniLM-L6 (Wang et al. 2020) on 16 tokens."""

    tokens: int = 16
    width: int = 384
    heads: int = 12
    hidden: int = 1536
    blocks: int = 6


class _Maker:
    """Adds layers whose thresholds fit the sums that a random input gives them."""

    def __init__(self, size: Size, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tokens = size.tokens
        self.layers = [Layer("in", (size.tokens, size.width), IntegerInput(s_min=-127, s_max=127), (), 1.0)]
        self.inputs = self.random.integers(-127, 128, size=(1, size.tokens, size.width))

    def deviation(self, shape: tuple[int, ...], edges: tuple[Edge, ...]) -> float:
        """Return the standard deviation of the sums of a layer."""
        probe = IntegerGraph([*self.layers, Layer("probe", shape, Readout(), edges, 1.0)])
        return float(probe.evaluate(self.inputs)["probe"].acc.std())

    def add(self, name: str, shape: tuple[int, ...], unit: IntegerUnit, *edges: Edge) -> str:
        self.layers.append(Layer(name, shape, unit, edges, 1.0))
        return name

    def staircase(self, name: str, width: int, *edges: Edge) -> str:
        shape = (self.tokens, width)
        theta = max(1, round(self.deviation(shape, edges) / _SPREAD))
        return self.add(name, shape, Staircase(theta=theta, s_min=-127, s_max=127), *edges)

    def dense(self, source: str, n_in: int, n_out: int) -> DenseEdge:
        return DenseEdge(source, self.random.integers(-127, 128, size=(n_in, n_out)).astype(np.int8))


def transformer(size: Size, seed: int = 1) -> tuple[IntegerGraph, np.ndarray]:
    """Return the graph and one input, int64[1, tokens, width]."""
    make = _Maker(size, seed)
    view, score = (size.tokens, size.heads, size.width // size.heads), (size.heads, size.tokens, size.tokens)
    exponential = np.round(np.exp(-np.arange(256) / 24.0) * 2**15).astype(int)
    gelu = np.arange(-128, 128)
    stream = "in"
    for block in range(size.blocks):
        name = f"block{block}"
        q, k, v = (make.staircase(f"{name}.{part}", size.width, make.dense(stream, size.width, size.width)) for part in "qkv")
        scores = ProductEdge(q, k, "ihd,jhd->hij", (view, view))
        shift = max(0, int(np.log2(max(make.deviation(score, (scores,)) / 24.0, 1.0))))
        make.add(f"{name}.scores", score, SoftmaxRow(table=exponential, shift=shift, levels=255), scores)
        mix = make.staircase(f"{name}.mix", size.width, ProductEdge(f"{name}.scores", v, "hij,jhd->ihd", (score, view)))
        out = make.staircase(f"{name}.out", size.width, make.dense(mix, size.width, size.width))
        stream = _norm(make, f"{name}.norm1", size.width, out, stream)
        up = make.dense(stream, size.width, size.hidden)
        theta = max(1, round(make.deviation((size.tokens, size.hidden), (up,)) / _SPREAD))
        values = np.round(gelu / (1 + np.exp(-1.702 * gelu / _SPREAD))).astype(int)
        make.add(f"{name}.gelu", (size.tokens, size.hidden), Table(theta=theta, low=-128, values=values), up)
        down = make.staircase(f"{name}.down", size.width, make.dense(f"{name}.gelu", size.hidden, size.width))
        stream = _norm(make, f"{name}.norm2", size.width, down, stream)
    make.add("pool", (size.width,), Readout(), PointEdge(stream, np.array(1)))
    return IntegerGraph(make.layers), make.inputs


def _norm(make: _Maker, name: str, width: int, one: str, other: str) -> str:
    fraction = 10
    gain = round(_SPREAD * width**0.5) << fraction
    unit = NormRow(gain=np.full(width, gain), s_min=-127, s_max=127, fraction=fraction)
    return make.add(name, (make.tokens, width), unit, PointEdge(one, np.array(1)), PointEdge(other, np.array(1)))

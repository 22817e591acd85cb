"""Random integer graphs: dense layers, residual sums, products, softmax and norm rows, tables."""

from __future__ import annotations

import numpy as np

from snnsim.graph.integer import DenseEdge, IntegerGraph, Layer, OneToOneEdge, ProductEdge, SumEdge
from snnsim.models.integer_input import IntegerInput
from snnsim.models.norm_row import NormRow
from snnsim.models.readout import Readout
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.models.staircase import Staircase
from snnsim.models.table import Table


def random_graph(seed: int) -> IntegerGraph:
    """Return a graph of 3 to 9 layers over (tokens, width) whose shape and weights follow from `seed`."""
    random = np.random.default_rng(seed)
    tokens, heads, depth = (int(random.integers(1, 5)) for _ in range(3))
    width = heads * depth
    layers = [Layer("in", (tokens, 3), IntegerInput(s_min=-4, s_max=9), (), 1.0)]

    def dense(name: str, source: str, n_out: int, *extra) -> str:
        n_in = next(layer for layer in layers if layer.name == source).shape[-1]
        weight = random.integers(-127, 128, size=(n_in, n_out)).astype(np.int8)
        high = int(random.integers(1, 40))
        theta = random.integers(1, 400, size=n_out)
        bias = random.integers(-300, 300, size=(tokens, n_out) if random.random() < 0.5 else n_out)
        unit = Staircase(theta=theta, s_min=-int(random.integers(0, 40)), s_max=high, bias=bias)
        if random.random() < 0.3:
            unit = Table(theta=theta, low=-6, values=random.integers(-20, 60, size=int(random.integers(2, 30))), bias=bias)
        layers.append(Layer(name, (tokens, n_out), unit, (DenseEdge(source, weight), *extra), 1.0))
        return name

    def attention(name: str, q: str, k: str, v: str) -> str:
        view, score = (tokens, heads, depth), (heads, tokens, tokens)
        table = np.sort(random.integers(0, 2**15, size=int(random.integers(1, 60))))[::-1].copy()
        table[0] += 1
        unit = SoftmaxRow(table=table, shift=int(random.integers(0, 6)), levels=int(random.integers(1, 64)))
        layers.append(Layer(f"{name}.scores", score, unit, (ProductEdge(q, k, "ihd,jhd->hij", (view, view)),), 1.0))
        edge = ProductEdge(f"{name}.scores", v, "hij,jhd->ihd", (score, view))
        layers.append(Layer(name, (tokens, width), Staircase(theta=int(random.integers(1, 200)), s_min=-30, s_max=30), (edge,), 1.0))
        return name

    stream = dense("embed", "in", width)
    for block in range(int(random.integers(0, 3))):
        name = f"b{block}"
        gain, offset = random.integers(-(2**17), 2**17, size=width), random.integers(-(2**13), 2**13, size=width)
        norm = NormRow(gain=gain, offset=offset, epsilon=int(random.integers(1, 50)), s_min=-25, s_max=25)
        layers.append(Layer(f"{name}.norm", (tokens, width), norm, (OneToOneEdge(stream, np.array(1)),), 1.0))
        source = f"{name}.norm"
        if random.random() < 0.7:
            parts = [dense(f"{name}.{part}", source, width) for part in "qkv"]
            source = attention(f"{name}.mix", *parts)
        residual = OneToOneEdge(stream, random.integers(1, 300, size=width))
        stream = dense(f"{name}.out", source, width, residual)
    layers.append(Layer("pool", (width,), Staircase(theta=tokens, s_min=-60, s_max=60), (SumEdge(stream),), 1.0))
    weight = random.integers(-127, 128, size=(width, 3)).astype(np.int8)
    layers.append(Layer("scores", (3,), Readout(bias=random.integers(-9, 9, size=3)), (DenseEdge("pool", weight),), 1.0))
    return IntegerGraph(layers)


def random_inputs(graph: IntegerGraph, trials: int, seed: int) -> np.ndarray:
    """Return int[trials, *input shape] within the input range of `graph`."""
    low, high = graph.input.unit.bounds()
    return np.random.default_rng(seed).integers(low, high + 1, size=(trials, *graph.input.shape))

"""Random integer graphs: dense layers, residual sums, products, softmax and norm rows, tables; convolutions, layouts and gates."""

from __future__ import annotations

import numpy as np

from snnsim.graph.integer import DenseEdge, FiltersEdge, IntegerGraph, Layer, PointEdge, ProductEdge
from snnsim.models.integer_input import IntegerInput
from snnsim.models.max_row import MaxRow
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
        scale = random.integers(1, 40, size=width) if random.random() < 0.5 else 1
        norm = NormRow(
            gain=gain,
            offset=offset,
            scale=scale,
            centred=bool(random.random() < 0.7),
            epsilon=int(random.integers(0, 50)),
            s_min=-25,
            s_max=25,
        )
        layers.append(Layer(f"{name}.norm", (tokens, width), norm, (PointEdge(stream, np.array(1)),), 1.0))
        source = f"{name}.norm"
        if random.random() < 0.7:
            parts = [dense(f"{name}.{part}", source, width) for part in "qkv"]
            source = attention(f"{name}.mix", *parts)
        residual = PointEdge(stream, random.integers(1, 300, size=width))
        stream = dense(f"{name}.out", source, width, residual)
    layers.append(Layer("pool", (width,), Staircase(theta=tokens, s_min=-60, s_max=60), (PointEdge(stream, np.array(1)),), 1.0))
    weight = random.integers(-127, 128, size=(width, 3)).astype(np.int8)
    layers.append(Layer("scores", (3,), Readout(bias=random.integers(-9, 9, size=3)), (DenseEdge("pool", weight),), 1.0))
    return IntegerGraph(layers)


def random_inputs(graph: IntegerGraph, trials: int, seed: int) -> dict[str, np.ndarray]:
    """Return int[trials, *input shape] within its range for every input of `graph`."""
    random = np.random.default_rng(seed)
    bounds = {layer.name: layer.unit.bounds() for layer in graph.inputs}
    return {
        layer.name: random.integers(bounds[layer.name][0], bounds[layer.name][1] + 1, size=(trials, *layer.shape)) for layer in graph.inputs
    }


def random_places(random: np.random.Generator, shape: tuple[int, ...], n_pre: int) -> np.ndarray:
    """Return a layout of `shape` whose places read any unit, or none."""
    return random.integers(-1, n_pre, size=shape).astype(np.int32)


def random_spatial_graph(seed: int) -> IntegerGraph:
    """Return a graph with two inputs: convolutions with every option, pooling, wide weights, gains, layouts of any kind, gates."""
    random = np.random.default_rng(seed)
    axes = int(random.integers(1, 4))
    groups = int(random.integers(1, 3))
    space = tuple(int(n) for n in random.integers(2, 5, size=axes))
    channels, out = groups * int(random.integers(1, 3)), groups * int(random.integers(1, 4))
    kernel, stride = (tuple(int(n) for n in random.integers(1, 3, size=axes)) for _ in range(2))
    dilation = tuple(int(n) for n in random.integers(1, 3, size=axes))
    padding = tuple((int(a), int(b)) for a, b in random.integers(1, 3, size=(axes, 2)))
    rows = zip(space, kernel, stride, dilation, padding, strict=True)
    reached = tuple((n + sum(pad) - (k - 1) * d - 1) // s + 1 for n, k, s, d, pad in rows)
    layers = [
        Layer("image", (*space, channels), IntegerInput(s_min=-9, s_max=9), (), 1.0),
        Layer("other", (4,), IntegerInput(s_max=5), (), 1.0),
    ]
    wide = bool(random.random() < 0.5)
    weight = (
        random.integers(-3000, 3000, size=(*kernel, channels // groups, out))
        if wide
        else random.integers(-100, 100, size=(*kernel, channels // groups, out))
    )
    edge = FiltersEdge(
        "image",
        weight.astype(np.int16 if wide else np.int8),
        (*space, channels),
        stride,
        padding,
        dilation,
        groups,
        gain=int(random.integers(1, 4)),
    )
    spread = DenseEdge("other", random.integers(-9, 9, size=(3, out)).astype(np.int8), 2, random_places(random, (*reached, 3), 4))
    shape = (*reached, out)
    unit = Staircase(theta=random.integers(1, 2000, size=out), s_min=-20, s_max=20, bias=random.integers(-99, 99, size=shape))
    layers.append(Layer("features", shape, unit, (edge, spread), 1.0))
    n = int(np.prod(shape))
    pooled = (int(random.integers(1, 4)), out)
    window = int(random.integers(1, 4))
    lowest = random.choice([0, -(2**20)], size=(*pooled, window))
    pool = PointEdge("features", np.array(1), random_places(random, (1, *pooled, window), n))
    layers.append(Layer("max", (*pooled, window), MaxRow(s_min=-20, s_max=20, bias=lowest), (pool,), 1.0))
    mean = PointEdge("features", random.integers(-5, 5, size=out), random_places(random, (int(random.integers(1, 5)), *pooled), n))
    first = np.arange(int(np.prod(pooled)), dtype=np.int32).reshape(pooled)
    gate = ProductEdge("max", "features", "ij,ij->ij", (pooled, pooled), 3, first * window, random_places(random, pooled, n))
    layers.append(Layer("gated", pooled, Staircase(theta=7, s_min=-90, s_max=90), (mean, gate), 1.0))
    own = ProductEdge("gated", "gated", "ij,kj->ik", (pooled, pooled))
    layers.append(Layer("scores", (pooled[0], pooled[0]), Readout(), (own,), 1.0))
    return IntegerGraph(layers)

"""Rectifier networks with random weights, and the few lines that say what rate-coded neurons do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from snnsim.graph.ir import Graph
from snnsim.graph.nodes import LOWEST, Activation, Add, Affine, Conv, Input, Linear, Max, Sum, layout


def mlp(seed=0, sizes=(6, 12, 10, 4), function="relu"):
    """Return a multilayer perceptron."""
    random = np.random.default_rng(seed)
    nodes, source = [Input(name="x", inputs=(), shape=(sizes[0],), kind="real")], "x"
    for i, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        weight, bias = random.normal(size=(n_out, n_in)) * (1.5 / np.sqrt(n_in)), 0.1 * random.normal(size=n_out)
        nodes.append(Linear(name=f"fc{i}", inputs=(source,), shape=(n_out,), weight=weight, bias=bias))
        source = f"fc{i}"
        if i < len(sizes) - 1:
            nodes.append(Activation(name=f"relu{i}", inputs=(source,), shape=(n_out,), function=function))
            source = f"relu{i}"
    return Graph(nodes)


def conv(random, name, source, shape_in, n_out, stride=1, dilation=1, groups=1):
    pad, kernel = ((1, 1), (1, 0)), (3, 2)
    space = tuple(
        (n + sum(p) - dilation * (k - 1) - 1) // stride + 1 for n, p, k in zip(shape_in, pad, kernel, strict=False)
    )  # fmt: skip
    weight = random.normal(size=(*kernel, shape_in[-1] // groups, n_out)) * 0.4
    return Conv(
        name=name, inputs=(source,), shape=(*space, n_out), weight=weight, bias=0.1 * random.normal(size=n_out), stride=(stride,) * 2,
        padding=pad, dilation=(dilation,) * 2, groups=groups,
    )  # fmt: skip


def windows(shape, size, padded):
    """Return where the elements of pooling windows of `size` by `size` lie, int[h, w, channels, size * size]; -1 in a border before."""
    index = np.pad(np.arange(np.prod(shape)).reshape(shape), ((padded, 0), (padded, 0), (0, 0)), constant_values=-1)
    h, w = (n // size for n in index.shape[:2])
    cut = index[: h * size, : w * size].reshape(h, size, w, size, shape[2])
    return cut.transpose(0, 2, 4, 1, 3).reshape(h, w, shape[2], size * size)


def cnn(seed=0):
    """Return convolutions with a stride, groups and dilation, both kinds of pooling, batch norm and a residual sum."""
    random = np.random.default_rng(seed)
    x = Input(name="x", inputs=(), shape=(7, 6, 2), kind="real")
    conv1 = conv(random, "conv1", "x", x.shape, 4)
    relu1 = Activation(name="relu1", inputs=("conv1",), shape=conv1.shape, function="relu")
    window = layout("window", relu1, windows(relu1.shape, 3, padded=2), fill=LOWEST)
    pool1 = Max(name="pool1", inputs=("window",), shape=window.shape[:-1])
    norm = Affine(
        name="norm", inputs=("pool1",), shape=pool1.shape, scale=0.5 + random.random(4), offset=random.normal(size=4)
    )  # fmt: skip
    conv2 = conv(random, "conv2", "norm", norm.shape, 4, groups=2)
    narrow = layout("narrow", conv2, np.arange(np.prod(conv2.shape)).reshape(conv2.shape))
    cut = layout("cut", pool1, np.arange(np.prod(pool1.shape)).reshape(pool1.shape))
    both = Add(name="both", inputs=("narrow", "cut"), shape=pool1.shape)
    relu2 = Activation(name="relu2", inputs=("both",), shape=both.shape, function="relu")
    conv3 = conv(random, "conv3", "relu2", relu2.shape, 6, dilation=1, stride=2)
    relu3 = Activation(name="relu3", inputs=("conv3",), shape=conv3.shape, function="relu")
    places = layout("places", relu3, np.arange(np.prod(relu3.shape)).reshape(-1, 6).T)
    mean = Sum(name="mean", inputs=("places",), shape=(6,), scale=1.0 / places.shape[-1])
    head = Linear(name="head", inputs=("mean",), shape=(3,), weight=random.normal(size=(3, 6)), bias=random.normal(size=3))
    nodes = [x, conv1, relu1, window, pool1, norm, conv2, narrow, cut, both, relu2, conv3, relu3, places, mean, head]
    return Graph(nodes)


def simulated(graph, x, thresholds, steps, *, beta=1.0, reset="subtract", half=False):
    """Return the outputs of a perceptron in rates, float64[trials, steps, n], and its spikes by layer; one step after the other."""
    layers = [node for node in graph.nodes.values() if isinstance(node, Linear)]
    theta = [*thresholds.values(), np.inf]
    v = [np.full((len(x), node.shape[0]), t / 2 if half and t < np.inf else 0.0) for node, t in zip(layers, theta, strict=True)]
    outputs, spikes = np.zeros((len(x), steps, layers[-1].shape[0])), [0] * (len(layers) - 1)
    for step in range(steps):
        sent = x
        for i, node in enumerate(layers):
            last = i == len(layers) - 1
            v[i] = (1.0 if last else beta) * v[i] + (sent @ node.weight.T + node.bias)
            fired = v[i] >= theta[i]
            if not last:
                v[i] = np.where(fired, v[i] - theta[i] if reset == "subtract" else 0.0, v[i])
                sent = fired * theta[i]
                spikes[i] += int(fired.sum())
        outputs[:, step] = v[-1] / (step + 1)
    return outputs, spikes

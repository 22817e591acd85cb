"""Float graphs that hold every operation there is: a convolutional network, and masked, gated attention with two inputs and outputs."""

from __future__ import annotations

import numpy as np

from snnsim.graph.ir import Graph
from snnsim.graph.nodes import (
    LOWEST,
    Activation,
    Add,
    Affine,
    Conv,
    Elementwise,
    Embedding,
    Input,
    LayerNorm,
    Linear,
    Max,
    Multiply,
    Softmax,
    Sum,
    layout,
)


def windows(node, size, channels):
    """Return the index of non-overlapping windows of a square image, one row too large: -1 beyond the border."""
    n = node.shape[0]
    out = -(-n // size)
    at = np.full((out, out, channels, size * size), -1)
    for y, x, c, k in np.ndindex(*at.shape):
        row, column = y * size + k // size, x * size + k % size
        if row < n and column < n:
            at[y, x, c, k] = (row * n + column) * channels + c
    return at


def cnn(random):
    """Return conv - relu - max pool, a strided grouped conv beside it, concatenation, batch norm, mean, linear."""
    image = Input(name="image", inputs=(), shape=(7, 7, 2), low=-8, high=8, step=0.125)
    first = Conv(
        name="conv1", inputs=("image",), shape=(7, 7, 4), weight=random.normal(size=(3, 3, 2, 4)), bias=random.normal(size=4),
        stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1),
    )  # fmt: skip
    rectified = Activation(name="relu1", inputs=("conv1",), shape=first.shape, function="relu")
    window = layout("window", rectified, windows(rectified, 2, 4), fill=LOWEST)
    pooled = Max(name="max", inputs=("window",), shape=(4, 4, 4))
    second = Conv(
        name="conv2", inputs=("image",), shape=(4, 4, 6), weight=random.normal(size=(2, 2, 1, 6)), bias=random.normal(size=6),
        stride=(2, 2), padding=((1, 1), (1, 1)), dilation=(2, 2), groups=2,
    )  # fmt: skip
    a, b = np.arange(64).reshape(4, 4, 4), 64 + np.arange(96).reshape(4, 4, 6)
    both = layout("both", [pooled, second], np.concatenate([a, b], axis=2))
    normed = Affine(name="bn", inputs=("both",), shape=(4, 4, 10), scale=random.uniform(0.5, 2.0, size=10), offset=random.normal(size=10))
    third = Conv(
        name="conv3", inputs=("bn",), shape=(2, 2, 5), weight=random.normal(size=(3, 3, 10, 5)), bias=np.zeros(5),
        stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1),
    )  # fmt: skip
    gelu = Activation(name="gelu", inputs=("conv3",), shape=(2, 2, 5), function="gelu")
    places = layout("places", gelu, np.arange(20).reshape(4, 5).T)
    mean = Sum(name="mean", inputs=("places",), shape=(5,), scale=0.25)
    logits = Linear(name="logits", inputs=("mean",), shape=(3,), weight=random.normal(size=(3, 5)), bias=random.normal(size=3))
    return Graph([image, first, rectified, window, pooled, second, both, normed, third, gelu, places, mean, logits])


def attention(random):
    """Return tokens - embedding - masked, gated attention with two inputs and two outputs: every operation that is left."""
    tokens = Input(name="tokens", inputs=(), shape=(5,), kind="index", low=0, high=6)
    extra = Input(name="extra", inputs=(), shape=(5, 4), kind="real")
    rows = Embedding(name="rows", inputs=("tokens",), shape=(5, 4), table=random.normal(size=(7, 4)))
    padding = Elementwise(name="padding", inputs=("tokens",), shape=(5,), function=("eq", "x0", 0.0))
    blocked = layout("blocked", padding, np.tile(np.arange(5), (2, 5, 1)))
    summed = Add(name="summed", inputs=("rows", "extra"), shape=(5, 4))
    normed = LayerNorm(name="normed", inputs=("summed",), shape=(5, 4), gamma=random.uniform(0.5, 1.5, size=4), beta=np.zeros(4), eps=1e-5)
    parts = [
        Linear(name=name, inputs=("normed",), shape=(5, 4), weight=random.normal(size=(4, 4)), bias=random.normal(size=4))
        for name in ("q", "k", "v", "g")
    ]
    view = (5, 2, 2)
    scores = Multiply(
        name="scores", inputs=("q", "k"), shape=(2, 5, 5), subscripts="ihd,jhd->hij", views=(view, view), scale=0.7
    )  # fmt: skip
    causal = np.broadcast_to(np.tril(np.ones((5, 5), dtype=bool)), (2, 5, 5))
    soft = Softmax(name="soft", inputs=("scores", "blocked"), shape=(2, 5, 5), mask=causal)
    mix = Multiply(name="mix", inputs=("soft", "v"), shape=(5, 4), subscripts="hij,jhd->ihd", views=((2, 5, 5), view))
    gate = Activation(name="gate", inputs=("g",), shape=(5, 4), function=("sigmoid", ("mul", 1.5, "x")))
    gated = Multiply(name="gated", inputs=("mix", "gate"), shape=(5, 4), subscripts="ij,ij->ij", views=((5, 4), (5, 4)))
    rms = LayerNorm(name="rms", inputs=("gated",), shape=(5, 4), gamma=np.ones(4), beta=np.zeros(4), eps=1e-4, centred=False)
    last = layout("last", rms, np.arange(16, 20))
    answer = Linear(name="answer", inputs=("last",), shape=(3,), weight=random.normal(size=(3, 4)), bias=random.normal(size=3))
    nodes = [tokens, extra, rows, padding, blocked, summed, normed, *parts, scores, soft, mix, gate, gated, rms, last, answer]
    return Graph(nodes, ["answer", "rms"])


def samples(random, n):
    tokens = random.integers(1, 7, size=(n, 5))
    tokens[::3, 1] = 0  # padding, but never at the first place: a causal row must keep something
    return {"tokens": tokens, "extra": random.normal(size=(n, 5, 4))}

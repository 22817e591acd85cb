"""Transformer blocks with nothing around them, as graphs; and the same as loops that multiply only where they must."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snnsim.graph.functions import evaluate
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Add, Input, LayerNorm, Linear, Multiply, Node, Softmax, layout


class Sizes(NamedTuple):
    """n tokens of width d in `heads` heads, f hidden units."""

    n: int = 4
    d: int = 6
    f: int = 8
    heads: int = 2

    @property
    def macs(self) -> int:
        """MACs of a dense block: 4 n d^2 + 2 n^2 d + 2 n d f."""
        return 4 * self.n * self.d**2 + 2 * self.n**2 * self.d + 2 * self.n * self.d * self.f


def _linear(name, source, rows, wide, narrow, random):
    weight, bias = random.normal(size=(wide, narrow)) / np.sqrt(narrow), 0.1 * random.normal(size=wide)
    return Linear(name=name, inputs=(source,), shape=(rows, wide), weight=weight, bias=bias)


def _norm(name, source, shape):
    return LayerNorm(name=name, inputs=(source,), shape=shape, gamma=np.ones(shape[-1]), beta=np.zeros(shape[-1]), eps=1e-5)


def block(name, source, sizes, random, function="gelu", mask=None) -> list[Node]:
    """Return the nodes of a pre-norm block; the last one is its output."""
    n, d, f, heads = sizes
    view = (n, heads, d // heads)
    nodes: list[Node] = [_norm(f"{name}.norm1", source, (n, d))]
    nodes += [_linear(f"{name}.{part}", f"{name}.norm1", n, d, d, random) for part in "qkv"]
    square = (heads, n, n)
    nodes += [
        Multiply(
            name=f"{name}.product", inputs=(f"{name}.q", f"{name}.k"), shape=square, subscripts="ihd,jhd->hij", views=(view, view),
            scale=(d // heads) ** -0.5,
        ),
        Softmax(name=f"{name}.scores", inputs=(f"{name}.product",), shape=square, mask=mask),
        Multiply(
            name=f"{name}.mix", inputs=(f"{name}.scores", f"{name}.v"), shape=(n, d), subscripts="hij,jhd->ihd", views=(square, view)
        ),
        _linear(f"{name}.project", f"{name}.mix", n, d, d, random),
        Add(name=f"{name}.mid", inputs=(source, f"{name}.project"), shape=(n, d)),
        _norm(f"{name}.norm2", f"{name}.mid", (n, d)),
        _linear(f"{name}.up", f"{name}.norm2", n, f, d, random),
        Activation(name=f"{name}.hidden", inputs=(f"{name}.up",), shape=(n, f), function=function),
        _linear(f"{name}.down", f"{name}.hidden", n, d, f, random),
        Add(name=f"{name}.out", inputs=(f"{name}.mid", f"{name}.down"), shape=(n, d)),
    ]  # fmt: skip
    return nodes


def causal_mask(sizes):
    return np.broadcast_to(np.tril(np.ones((sizes.n, sizes.n), dtype=bool)), (sizes.heads, sizes.n, sizes.n))


def stack(sizes=None, blocks=1, seed=0, *, classes=0, per_token=False, causal=False, function="gelu") -> Graph:
    """Return `blocks` blocks in a row; with `classes`, a readout of the mean token, or of each token."""
    sizes = sizes or Sizes()
    random = np.random.default_rng(seed)
    nodes: list[Node] = [Input(name="x", inputs=(), shape=(sizes.n, sizes.d), kind="real")]
    for i in range(blocks):
        nodes += block(f"b{i}", nodes[-1].name, sizes, random, function, causal_mask(sizes) if causal else None)
    if classes and per_token:
        nodes.append(_linear("logits", nodes[-1].name, sizes.n, classes, sizes.d, random))
    elif classes:
        first = layout("first", nodes[-1], np.arange(sizes.d))
        head = Linear(
            name="logits", inputs=("first",), shape=(classes,), weight=random.normal(size=(classes, sizes.d)), bias=np.zeros(classes)
        )
        nodes += [first, head]
    return Graph(nodes)


def decode_step(length, d, f, heads=2, seed=0) -> Graph:
    """Return one block that reads one token and the keys and values of the `length` - 1 tokens before it."""
    random = np.random.default_rng(seed)
    token = Input(name="x", inputs=(), shape=(1, d), kind="real")
    caches = [Input(name=f"cached.{part}", inputs=(), shape=(length - 1, d), kind="real") for part in "kv"]
    whole = [_norm("norm1", "x", (1, d)), *[_linear(part, "norm1", 1, d, d, random) for part in "qkv"]]
    made = {node.name: node for node in whole}
    place = np.arange(length * d).reshape(length, d)
    joined = [layout(f"all.{part}", [cache, made[part]], place) for part, cache in zip("kv", caches, strict=True)]
    views = ((1, heads, d // heads), (length, heads, d // heads))
    square = (heads, 1, length)
    rest: list[Node] = [
        Multiply(name="product", inputs=("q", "all.k"), shape=square, subscripts="ihd,jhd->hij", views=views),
        Softmax(name="scores", inputs=("product",), shape=square),
        Multiply(name="mix", inputs=("scores", "all.v"), shape=(1, d), subscripts="hij,jhd->ihd", views=(square, views[1])),
        _linear("project", "mix", 1, d, d, random),
        Add(name="mid", inputs=("x", "project"), shape=(1, d)),
        _norm("norm2", "mid", (1, d)),
        _linear("up", "norm2", 1, f, d, random),
        Activation(name="hidden", inputs=("up",), shape=(1, f), function="relu"),
        _linear("down", "hidden", 1, d, f, random),
        Add(name="out", inputs=("mid", "down"), shape=(1, d)),
    ]
    return Graph([token, *caches, *whole, *joined, *rest])


@dataclass
class Naive:
    """One block in loops over numbers; `macs` counts its multiplications.

    k : scores that a row of attention keeps; least : a hidden value below counts as zero; most : hidden units that a token keeps
    change : a value is sent to a linear layer where it differs by more from what was sent for the token before; None: always
    """

    graph: Graph
    sizes: Sizes
    k: int | None = None
    least: float = 0.0
    most: int | None = None
    change: float | None = None
    macs: int = 0

    def __call__(self, x, name="b0"):
        """Return the output of block `name` for the tokens x float64[m, d], all of which go through it."""
        n, d = x.shape
        width = d // self.sizes.heads
        normed = self._normed(x)
        q, k, v = (self._linear(normed, self.graph.nodes[f"{name}.{part}"]) for part in "qkv")
        mixed = np.zeros((n, d))
        for head in range(self.sizes.heads):
            part = range(head * width, (head + 1) * width)
            for i in range(n):
                scores = [sum(self._times(q[i, c], k[j, c]) for c in part) * width**-0.5 for j in range(n)]
                kept = sorted(range(n), key=lambda j: (-scores[j], j))[: self.k or n]
                e = {j: np.exp(scores[j] - max(scores)) for j in kept}
                for c in part:
                    mixed[i, c] = sum(self._times(e[j] / sum(e.values()), v[j, c]) for j in kept)
        mid = x + self._linear(mixed, self.graph.nodes[f"{name}.project"])
        h = evaluate(self.graph.nodes[f"{name}.hidden"].function, self._linear(self._normed(mid), self.graph.nodes[f"{name}.up"]))
        heard = np.abs(h) >= self.least
        for i in range(n):
            heard[i, sorted(range(self.sizes.f), key=lambda j: (-abs(h[i, j]), j))[self.most or self.sizes.f :]] = False
        return mid + self._linear(np.where(heard, h, 0.0), self.graph.nodes[f"{name}.down"], heard)

    def _times(self, a, b):
        self.macs += 1
        return a * b

    def _normed(self, x):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)

    def _linear(self, x, node, heard=None):
        """Add up what each input that is sent contributes; sums go on from the token before where only changes are sent."""
        y = np.zeros((len(x), node.shape[-1]))
        last = [None] * x.shape[1]
        for i in range(len(x)):
            if self.change is not None and i:
                y[i] = y[i - 1]
            for c in range(x.shape[1]):
                if heard is not None and not heard[i, c]:
                    continue
                before = 0.0 if last[c] is None else last[c]
                if self.change is not None and last[c] is not None and abs(x[i, c] - before) <= self.change:
                    continue
                sent = x[i, c] - before if self.change is not None else x[i, c]
                last[c] = x[i, c]
                for out in range(node.shape[-1]):
                    y[i, out] += self._times(sent, node.weight[out, c])
        return y + node.bias

"""A trained encoder classifier, given as plain arrays under PyTorch's names, becomes a float graph."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Add, Input, LayerNorm, Linear, Multiply, Node, Softmax, Sum, layout


def transformer_encoder(
    weights: Mapping[str, np.ndarray], *, heads: int, low: int, high: int, step: float, function: str = "gelu", eps: float = 1e-5
) -> Graph:
    """Return the graph of embedding + positions, pre-norm encoder blocks, final norm, mean over tokens, linear head.

    Parameters
    ----------
    weights : mapping of str to float[...]
        ``embed.{weight,bias}``, ``position`` (tokens, width), ``encoder.layers.N.*`` as in
        ``torch.nn.TransformerEncoderLayer(norm_first=True)``, ``encoder.norm.*``, ``head.{weight,bias}``
    heads : int        attention heads
    low, high : int    range of the integer inputs
    step : float       value of one integer step
    function : str     activation of the MLP
    eps : float        of every LayerNorm

    Raises
    ------
    ConversionError   naming a missing array, or widths that the heads do not divide
    """

    def get(name: str) -> np.ndarray:
        if name not in weights:
            raise ConversionError(f"transformer_encoder: array {name!r} is missing. Present: {', '.join(sorted(weights))}.")
        return np.asarray(weights[name], dtype=np.float64)

    tokens, width = get("position").shape
    if width % heads:
        raise ConversionError(f"transformer_encoder.heads = {heads} must divide the width {width}. Choose a divisor.")
    nodes: list[Node] = [Input(name="pixels", inputs=(), shape=(tokens, get("embed.weight").shape[1]), low=low, high=high, step=step)]

    def linear(name: str, source: str, weight: np.ndarray, bias: np.ndarray, rows: tuple[int, ...] = (tokens,)) -> str:
        nodes.append(Linear(name=name, inputs=(source,), shape=(*rows, len(weight)), weight=weight, bias=bias))
        return name

    def norm(name: str, source: str, key: str) -> str:
        nodes.append(
            LayerNorm(name=name, inputs=(source,), shape=(tokens, width), gamma=get(f"{key}.weight"), beta=get(f"{key}.bias"), eps=eps)
        )
        return name

    def add(name: str, left: str, right: str) -> str:
        nodes.append(Add(name=name, inputs=(left, right), shape=(tokens, width)))
        return name

    stream = linear("embed", "pixels", get("embed.weight"), get("embed.bias") + get("position"))
    blocks = sum(1 for name in weights if name.endswith("self_attn.in_proj_weight"))
    for block in range(blocks):
        b, key = f"block{block}", f"encoder.layers.{block}"
        head_view = (tokens, heads, width // heads)  # (i, h, d)
        source = norm(f"{b}.norm1", stream, f"{key}.norm1")
        w_in, b_in = get(f"{key}.self_attn.in_proj_weight"), get(f"{key}.self_attn.in_proj_bias")
        for row, part in enumerate("qkv"):
            rows = slice(row * width, (row + 1) * width)
            linear(f"{b}.{part}", source, w_in[rows], b_in[rows])
        scores = Multiply(
            name=f"{b}.product", inputs=(f"{b}.q", f"{b}.k"), shape=(heads, tokens, tokens),
            subscripts="ihd,jhd->hij", views=(head_view, head_view), scale=1.0 / math.sqrt(width // heads),
        )  # fmt: skip
        soft = Softmax(name=f"{b}.scores", inputs=(scores.name,), shape=scores.shape)
        mix = Multiply(
            name=f"{b}.mix", inputs=(soft.name, f"{b}.v"), shape=(tokens, width),
            subscripts="hij,jhd->ihd", views=(scores.shape, head_view), scale=1.0,
        )  # fmt: skip
        nodes.extend((scores, soft, mix))
        out = linear(f"{b}.project", mix.name, get(f"{key}.self_attn.out_proj.weight"), get(f"{key}.self_attn.out_proj.bias"))
        stream = add(f"{b}.mid", stream, out)
        source = norm(f"{b}.norm2", stream, f"{key}.norm2")
        up = linear(f"{b}.up", source, get(f"{key}.linear1.weight"), get(f"{key}.linear1.bias"))
        hidden = Activation(name=f"{b}.hidden", inputs=(up,), shape=(tokens, len(get(f"{key}.linear1.weight"))), function=function)
        nodes.append(hidden)
        down = linear(f"{b}.down", hidden.name, get(f"{key}.linear2.weight"), get(f"{key}.linear2.bias"))
        stream = add(f"{b}.out", stream, down)
    stream = norm("norm", stream, "encoder.norm")
    nodes.append(layout("pool.rows", nodes[-1], np.arange(tokens * width).reshape(tokens, width).T))
    nodes.append(Sum(name="pool", inputs=("pool.rows",), shape=(width,), scale=1.0 / tokens))
    linear("logits", "pool", get("head.weight"), get("head.bias"), rows=())
    return Graph(nodes)

"""How far the values can get that the host computes from indices: an interval for every element, whatever the tokens are.

Calibration data need not hold every token. Levels past those that they excite cost nothing but room, so that what an embedding
table can give is never clipped. Source: interval arithmetic, Moore (1966).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnsim.conversion.calibrate import Range
from snnsim.conversion.levels import Levels
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Add, Affine, Embedding, Gather, Input, Node, Sum

_MOST = 2**15 - 1  # levels of an encoded input on either side of 0

Interval = tuple[np.ndarray, np.ndarray]


def reach(graph: Graph) -> dict[str, Range]:
    """Return the smallest and the largest value of host nodes by channel, where they follow from tables, sums and layouts."""
    known: dict[str, Interval] = {}
    for name, node in graph.nodes.items():
        if name in graph.host and all(source in known for source in node.inputs):
            found = _interval(node, [known[source] for source in node.inputs])
            if found is not None:
                known[name] = found
    return {name: _by_channel(*interval) for name, interval in known.items()}


def _interval(node: Node, operands: list[Interval]) -> Interval | None:
    shape = node.shape
    match node:
        case Input():
            return np.full(shape, float(node.low or 0)), np.full(shape, float(node.high or 0))
        case Embedding():
            return np.broadcast_to(node.table.min(axis=0), shape), np.broadcast_to(node.table.max(axis=0), shape)
        case Affine():
            ends = [node.scale * end + node.offset for end in operands[0]]
            return np.broadcast_to(np.minimum(*ends), shape), np.broadcast_to(np.maximum(*ends), shape)
        case Add() | Gather():
            low, high = (node.apply(*(operand[end][None] for operand in operands))[0] for end in (0, 1))
            return low, high
        case Sum():
            ends = [node.apply(end[None])[0] for end in operands[0]]
            return np.minimum(*ends), np.maximum(*ends)
    return None


def _by_channel(low: np.ndarray, high: np.ndarray) -> Range:
    width = low.shape[-1] if low.ndim else 1
    return Range(low.reshape(-1, width).min(axis=0), high.reshape(-1, width).max(axis=0))


def widened(levels: Levels, limits: Mapping[str, Range], name: str) -> Levels:
    """Return levels of the same step that hold all that a host node can reach, up to 2^15 - 1 on either side of 0."""
    if name not in limits:
        return levels
    lowest = int(np.floor((limits[name].low / levels.scale).min() + 0.5))
    highest = int(np.floor((limits[name].high / levels.scale).max() + 0.5))
    return Levels(levels.scale, min(levels.s_min, max(lowest, -_MOST)), max(levels.s_max, min(highest, _MOST)))

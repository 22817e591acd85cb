"""Values on their way through a graph in which not everything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from snnsim.graph.nodes import LOWEST, Add, Conv, Gather, LayerNorm, Linear, Max, Multiply, Node, Softmax, Sum


class Flow(NamedTuple):
    """The value of a node, as one reader sees it; arrays of shape [batch, *shape].

    value : float64   0 where nothing is there
    there : bool      was computed, and is in memory
    sent : bool       takes part in products; within `there`
    change : bool     whether `sent` marks what has changed since the frame before
    """

    value: np.ndarray
    there: np.ndarray
    sent: np.ndarray
    change: bool = False


def whole(value: np.ndarray) -> Flow:
    """Return a value that is there throughout."""
    there = np.ones(value.shape, dtype=bool)
    return Flow(value, there, there)


def without(flow: Flow, gone: np.ndarray) -> Flow:
    """Return `flow` as if it had not been computed at `gone`."""
    if not gone.any():
        return flow
    return Flow(np.where(gone, 0.0, flow.value), flow.there & ~gone, flow.sent & ~gone, flow.change)


def silenced(flow: Flow, zero: np.ndarray) -> Flow:
    """Return `flow` with zeros at `zero` that no product needs to see: they were computed and are in memory."""
    if not zero.any():
        return flow
    return flow._replace(value=np.where(zero, 0.0, flow.value), sent=flow.sent & ~zero)


def sides(node: Multiply) -> tuple[str, str, str]:
    """Return the letters of left, right and result of a product."""
    both, out = node.subscripts.split("->")
    left, right = both.split(",")
    return left, right, out


def pairs(node: Multiply, left: np.ndarray, right: np.ndarray, wanted: np.ndarray) -> int:
    """Return how many multiplications of a product join marked operands for a wanted result; bool[batch, ...] each."""
    first, second, out = sides(node)
    sizes = dict(zip(first + second, (*node.views[0], *node.views[1]), strict=True))
    a, b = (x.reshape(len(x), *view).astype(np.float64) for x, view in zip((left, right), node.views, strict=True))
    c = wanted.reshape(len(wanted), *(sizes[letter] for letter in out)).astype(np.float64)
    return int(np.einsum(f"Z{first},Z{second},Z{out}->", a, b, c, optimize=True))


def _met(node: Multiply, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return where a product has at least one pair of operands."""
    if left.all() and right.all():
        return np.ones((len(left), *node.shape), dtype=bool)
    first, second, out = sides(node)
    a, b = (x.reshape(len(x), *view).astype(np.float64) for x, view in zip((left, right), node.views, strict=True))
    return np.einsum(f"Z{first},Z{second}->Z{out}", a, b, optimize=True).reshape(len(left), *node.shape) > 0.0


def _there(node: Node, operands: Sequence[Flow], wanted: np.ndarray | None) -> np.ndarray:
    """Return what of a node can be computed from what is there of its operands."""
    batch = len(operands[0].there)
    full = (batch, *node.shape)
    first = operands[0].there
    match node:
        case Linear() | LayerNorm():
            return np.broadcast_to(first.any(axis=-1, keepdims=True), full)
        case Conv():
            return np.broadcast_to(first.reshape(batch, -1).any(axis=1).reshape(batch, *[1] * len(node.shape)), full)
        case Multiply():
            met = _met(node, first, operands[1].there)
            return met if wanted is None else met & wanted
        case Softmax():
            return first if node.mask is None else first & node.mask
        case Gather():
            flat = np.concatenate([each.there.reshape(batch, -1) for each in operands], axis=1)
            return flat[:, node.index.ravel()].reshape(full) & (node.index >= 0)
        case Sum() | Max():
            return np.asarray(first.any(axis=-1))
        case Add():
            return np.logical_and.reduce([each.there for each in operands])
        case _:
            return np.broadcast_to(first, full)


def forward(node: Node, operands: Sequence[Flow], wanted: np.ndarray | None = None) -> Flow:
    """Return the node's value from its operands; where all of them are there, exactly `node.apply`.

    wanted : bool[*shape] or None   places that anyone will look at
    """
    values = [each.value for each in operands]
    there = _there(node, operands, wanted)
    if isinstance(node, Softmax) and not operands[0].there.all():
        # What is not there takes no part in the row, as behind a mask.
        values[0] = np.where(operands[0].there, values[0], LOWEST)
    value = node.apply(*values)
    if not isinstance(node, Gather) and not there.all():
        value = np.where(there, value, 0.0)
    # A place that a gather fills is not there, but its value is: nothing was read for it.
    sent = there
    if isinstance(node, Gather):
        flat = np.concatenate([each.sent.reshape(len(each.sent), -1) for each in operands], axis=1)
        sent = flat[:, node.index.ravel()].reshape(there.shape) & there
    return Flow(value, there, sent)

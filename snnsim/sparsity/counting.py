"""What the nodes of a float graph cost an int8 accelerator that computes only what is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnsim.graph.nodes import Activation, Add, Affine, Conv, Gather, Input, LayerNorm, Linear, Max, Multiply, Node, Softmax, Sum, convolve
from snnsim.sparsity.flow import Flow, pairs, sides

Counts = dict[str, int]


def _linear(node: Linear, x: Flow, there: np.ndarray) -> Counts:
    """MACs of the inputs that are sent; a weight is read once per inference, if any row needs it."""
    batch = len(there)
    macs = int((x.sent.sum(axis=-1) * there.sum(axis=-1)).sum())
    used = x.sent.reshape(batch, -1, x.sent.shape[-1]).any(axis=1).sum(axis=1)
    asked = there.reshape(batch, -1, there.shape[-1]).any(axis=1).sum(axis=1)
    return {"macs": macs, "weight_fetches": int((used * asked).sum())}


def _conv(node: Conv, x: Flow, there: np.ndarray) -> Counts:
    ones = np.ones((*node.weight.shape[:-1], node.groups))  # one channel out of every group
    shape = (*node.shape[:-1], node.groups)
    sums = convolve(x.sent.astype(np.float64), shape, ones, node.stride, node.padding, node.dilation, node.groups)
    alive = there.reshape(len(there), -1).any(axis=1)
    return {"macs": int(sums[alive].sum()) * (node.weight.shape[-1] // node.groups), "weight_fetches": node.weight.size * int(alive.sum())}


def decoded(node: Node, counts: Counts, operands: Sequence[Flow], kept: Sequence[bool]) -> Counts:
    """Return what changes when rows come one at a time: what they shared is read again for each of them.

    A weight, and a key or value in the cache, then serves one multiplication per reading.
    """
    if isinstance(node, Linear):
        return {"weight_fetches": counts["macs"]}
    if isinstance(node, Multiply) and len(node.inputs) == 2 and _attends(node):
        queries = int(operands[0].there.sum()) if kept[0] else 0
        return {"activation_reads": queries + (counts["macs"] if kept[1] else 0)}
    return {}


def _attends(node: Multiply) -> bool:
    """Whether a product joins every row of one side with several rows of the other, as scores and mixing do, and gates do not."""
    left, right, out = sides(node)
    return len({left, right, out}) == 3


def _product(node: Multiply, left: Flow, right: Flow, there: np.ndarray) -> Counts:
    if not (left.change or right.change):
        return {"macs": pairs(node, left.sent, right.sent, there)}
    # The change of a product is two products: of the change of one side with all of the other. The first frame has no past.
    first = pairs(node, left.there[:1], right.there[:1], there[:1])
    return {
        "macs": first
        + pairs(node, left.sent[1:], right.there[1:], there[1:])
        + pairs(node, left.there[1:], right.sent[1:], there[1:])
    }  # fmt: skip


def _affine(node: Affine, there: np.ndarray) -> Counts:
    total = int(there.sum())
    if (node.scale == 1.0).all():
        return {"adds": total}
    return {"macs": total, "weight_fetches": node.scale.size * int(there.reshape(len(there), -1).any(axis=1).sum())}


def group(node: Node, there: np.ndarray) -> Counts:
    """Return the operations of softmax and norm rows, as those of the units `SoftmaxRow` and `NormRow`, for what is there of them."""
    total = int(there.sum())
    if isinstance(node, Softmax):
        return {"adds": 3 * total, "shifts": total, "tables": total, "multiplies": total, "divides": total}
    rows = int(there.any(axis=-1).sum())
    centred = isinstance(node, LayerNorm) and node.centred
    return {"adds": (4 if centred else 2) * total, "multiplies": 3 * total, "divides": total + rows}


def sums(node: Node, operands: Sequence[Flow], there: np.ndarray) -> Counts:
    """Return the arithmetic of a node that is no group, and the weights it reads."""
    total = int(there.sum())
    match node:
        case Linear():
            return _linear(node, operands[0], there)
        case Conv():
            return _conv(node, operands[0], there)
        case Multiply():
            return _product(node, operands[0], operands[1], there)
        case Affine():
            return _affine(node, there)
        case Add():
            return {"adds": (len(operands) - 1) * total}
        case Sum() | Max():
            return {"adds": int(operands[0].there.sum())}  # a comparison counts as an addition: OPERATIONS has no kind for it
        case Activation(function=function):
            return {"adds": total} if function == "relu" else {"tables": total}
        case _:
            return {}


def node_counts(
    node: Node, operands: Sequence[Flow], there: np.ndarray, *, kept: Sequence[bool], written: bool, output: bool, decoding: bool
) -> Counts:
    """Return what one node costs, its softmax or norm rows apart.

    kept : for every operand, whether it lies in memory; written : whether the result goes there; output : whether it leaves as it is
    decoding : whether rows come one at a time
    """
    counts = {} if isinstance(node, (Softmax, LayerNorm)) else sums(node, operands, there)
    counts["activation_reads"] = sum(int(each.there.sum()) for each, in_memory in zip(operands, kept, strict=True) if in_memory)
    if decoding:
        counts |= decoded(node, counts, operands, kept)
    if written and not isinstance(node, Gather):
        total = int(there.sum())
        counts["activation_writes"] = total
        if not isinstance(node, (Softmax, LayerNorm, Input)) and not output:
            # Requantised: one multiplication and one shift.
            counts |= {"multiplies": total, "shifts": total}
    return counts

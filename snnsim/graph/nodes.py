"""The operations of a float graph: one frozen dataclass each, evaluated in numpy.

Shapes leave out the batch: a value is float64[batch, *shape]. Here are layouts, sums and functions; inputs and what multiplies have
files of their own, and every operation can be imported from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.graph.functions import Expression, evaluate
from snnsim.graph.input_nodes import Elementwise, Embedding, Input
from snnsim.graph.node import LOWEST, Node, Shape
from snnsim.graph.product_nodes import Conv, Linear, Multiply, convolve

__all__ = [
    "LOWEST", "OPERATIONS", "Activation", "Add", "Affine", "Conv", "Elementwise", "Embedding", "Gather", "Input", "LayerNorm", "Linear",
    "Max", "Multiply", "Node", "Shape", "Softmax", "Sum", "convolve", "layout",
]  # fmt: skip


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Gather(Node):
    """Any change of layout: y[i] = x[index[i]], x being the flattened inputs in a row; `fill` where index is -1.

    Reshape, permute, slice, concatenate, expand, pad, stack and flip are all gathers; it costs no neurons.

    index : int32[*shape]
    """

    arity = None
    on_host = True

    index: np.ndarray
    fill: float = 0.0

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        batch = len(operands[0])
        flat = np.concatenate([x.reshape(batch, -1) for x in operands], axis=1)
        taken = flat[:, self.index.ravel()].reshape(batch, *self.shape)
        return np.where(self.index < 0, self.fill, taken) if (self.index < 0).any() else taken


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Affine(Node):
    """y = scale x + offset, element by element; both float64, broadcast to `shape`."""

    on_host = True

    scale: np.ndarray
    offset: np.ndarray

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0] * self.scale + self.offset


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Add(Node):
    """Sum of two or more values of one shape: the residual connection."""

    arity = None
    on_host = True

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        total = operands[0]
        for operand in operands[1:]:
            total = total + operand
        return total


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Softmax(Node):
    """Softmax over the last axis. A second input, of the same shape and on the host, is not 0 where a place is blocked.

    mask : bool[*shape] or None   False where a place is blocked for every input, as in causal attention
    """

    arity = None

    mask: np.ndarray | None = None

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        x = operands[0] if len(operands) == 1 else np.where(operands[1] != 0.0, LOWEST, operands[0])
        if self.mask is not None:
            x = np.where(self.mask, x, LOWEST)
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LayerNorm(Node):
    """(x - mean) / sqrt(var + eps) * gamma + beta over the last axis; not `centred`: x / sqrt(mean x^2 + eps) * gamma + beta.

    Source: Ba et al. (2016), eq. 4; Zhang & Sennrich (2019), eq. 4.
    """

    gamma: np.ndarray
    beta: np.ndarray
    eps: float
    centred: bool = True

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        x = operands[0]
        centred = x - x.mean(axis=-1, keepdims=True) if self.centred else x
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self.eps)
        return centred / spread * self.gamma + self.beta


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Activation(Node):
    """A scalar function of every element: a name of `graph.functions`, or an expression of 'x'."""

    on_host = True

    function: Expression

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.asarray(evaluate(self.function, operands[0]), dtype=np.float64), operands[0].shape)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Sum(Node):
    """scale * sum over the last axis: means and average pooling, after a `Gather` that puts what is summed there."""

    on_host = True

    scale: float = 1.0

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return self.scale * operands[0].sum(axis=-1)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Max(Node):
    """Maximum over the last axis: max pooling, after a `Gather` (with fill = LOWEST) that puts what is compared there."""

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].max(axis=-1)


#: every operation by its name
OPERATIONS: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (Input, Embedding, Elementwise, Gather, Linear, Conv, Affine, Add, Multiply, Softmax, LayerNorm, Activation, Sum, Max)
}


def layout(name: str, source: Node | Sequence[Node], index: np.ndarray, **fields: object) -> Gather:
    """Return the gather of `source` (one node, or several in a row) by `index`."""
    sources = [source] if isinstance(source, Node) else list(source)
    index = np.ascontiguousarray(index, dtype=np.int32)
    return Gather(name=name, inputs=tuple(node.name for node in sources), shape=index.shape, index=index, **fields)  # type: ignore[arg-type]

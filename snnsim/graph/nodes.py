"""The operations of a float graph: one frozen dataclass each, evaluated in numpy.

Shapes leave out the batch: a value is float64[batch, *shape].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Literal, final

import numpy as np

from snnsim.graph.functions import Expression, evaluate

Shape = tuple[int, ...]
#: stands for minus infinity: what a mask writes, and what a maximum ignores
LOWEST = -1e30


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One operation. `inputs` names the nodes it reads; `origin` is its place in the user's source, or empty."""

    name: str
    inputs: tuple[str, ...]
    shape: Shape
    origin: str = ""
    arity: ClassVar[int | None] = 1  # None: one or more
    on_host: ClassVar[bool] = False  # whether it may be computed before encoding, where all it reads is

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        """Return float64[batch, *shape] from operands of the same form."""
        raise NotImplementedError(f"{type(self).__name__}.apply")

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by field name."""
        return {f.name: value for f in dataclasses.fields(self) if isinstance(value := getattr(self, f.name), np.ndarray)}


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Input(Node):
    """What the model is given.

    kind : 'levels'   integers `low` .. `high`, each step worth `step`, emitted as they are
           'real'     numbers, quantised in steps that calibration chooses
           'index'    integers `low` .. `high` that name things (tokens, or a mask of 0 and 1); only the host reads them
           'mask'     numbers that are added to attention scores, minus infinity among them; only the host reads them
    packed : bool   whether the first axis may lie within the batch: [batch * shape[0], *shape[1:]], as torch's masks of all heads
    """

    arity = 0

    kind: Literal["levels", "real", "index", "mask"] = "levels"
    low: int | None = None
    high: int | None = None
    step: float | None = None
    packed: bool = False

    @property
    def whole(self) -> bool:
        """Whether it holds integers, which no calibration quantises."""
        return self.kind in ("levels", "index")

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        if self.kind == "mask":
            return np.maximum(operands[0], LOWEST)
        return operands[0] * self.step if self.kind == "levels" else operands[0].astype(np.float64)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding(Node):
    """Rows of a table by index: y[..., :] = table[x[...]]; table float64[n, width]. The index is an input, or computed on the host."""

    on_host = True

    table: np.ndarray

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        index = operands[0].astype(np.int64)
        outside = index[(index < 0) | (index >= len(self.table))]
        if outside.size:
            raise ValueError(f"row {outside.flat[0]} is outside 0 .. {len(self.table) - 1}")
        return self.table[index]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Elementwise(Node):
    """An expression of several values of one shape, 'x0', 'x1', ...: on the host alone (comparisons, masks)."""

    arity = None
    on_host = True

    function: Expression

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.asarray(evaluate(self.function, *operands), dtype=np.float64), operands[0].shape)


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
class Linear(Node):
    """y = x W^T + b over the last axis; weight float64[out, in], bias broadcast to `shape` (it may hold positions)."""

    weight: np.ndarray
    bias: np.ndarray

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0] @ self.weight.T + self.bias


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Conv(Node):
    """Convolution (as in deep learning: not flipped) over one or more spatial axes, channels last.

    The input is [*space, channels in], the output [*space', channels out].

    weight : float64[*kernel, channels in / groups, channels out]
    bias : float64[channels out]
    stride, dilation : one int per spatial axis; padding : (before, after) per spatial axis, of zeros
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        sums = convolve(operands[0], self.shape, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return sums + self.bias


def convolve(
    x: np.ndarray,
    shape: Shape,
    weight: np.ndarray,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Return the sums of a convolution, [batch, *shape], in the type of `x`: one matrix product per place in the kernel."""
    kernel, space = weight.shape[:-2], shape[:-1]
    padded = np.pad(x, [(0, 0), *padding, (0, 0)])
    out = np.zeros((len(x), *shape), dtype=x.dtype)
    grouped = out.reshape(len(x), -1, groups, shape[-1] // groups)
    for place in product(*map(range, kernel)):
        window = tuple(slice(at * d, at * d + (n - 1) * s + 1, s) for at, d, n, s in zip(place, dilation, space, stride, strict=True))
        part = padded[(slice(None), *window)].reshape(len(x), -1, groups, weight.shape[-2])
        taps = weight[place].reshape(weight.shape[-2], groups, -1)
        for group in range(groups):
            grouped[:, :, group] += part[:, :, group] @ taps[:, group]
    return out


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
class Multiply(Node):
    """Scaled Einstein product of two nodes, such as 'ihd,jhd->hij' for attention scores; 'ij,ij->ij' is a gate.

    subscripts : str          axes without the batch; an operand is reshaped to `views` first
    views : tuple of shapes   shape of each operand as the subscripts read it
    scale : float
    """

    arity = 2

    subscripts: str
    views: tuple[Shape, Shape]
    scale: float = 1.0

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        left, right = (x.reshape(len(x), *view) for x, view in zip(operands, self.views, strict=True))
        sides, out = self.subscripts.split("->")
        first, second = sides.split(",")
        product = np.einsum(f"Z{first},Z{second}->Z{out}", left, right, optimize=True)
        return self.scale * product.reshape(len(left), *self.shape)


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

"""The float graph of a trained network: one frozen dataclass per operation, evaluated in numpy.

Shapes leave out the batch: a value is float64[batch, *shape].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, final

import numpy as np

from snnsim.errors import ConversionError, ParameterError, unknown_name
from snnsim.graph.functions import FUNCTIONS

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One operation. `inputs` names the nodes it reads."""

    name: str
    inputs: tuple[str, ...]
    shape: Shape
    arity: ClassVar[int] = 1

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        """Return float64[batch, *shape] from operands of the same form."""
        raise NotImplementedError(f"{type(self).__name__}.apply")

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the learned arrays by field name."""
        return {f.name: value for f in dataclasses.fields(self) if isinstance(value := getattr(self, f.name), np.ndarray)}


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Input(Node):
    """Integers `low` .. `high`, each step worth `step`."""

    arity = 0

    low: int
    high: int
    step: float

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0] * self.step


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
class Add(Node):
    """Elementwise sum: the residual connection."""

    arity = 2

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0] + operands[1]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Multiply(Node):
    """Scaled Einstein product of two nodes, such as 'ihd,jhd->hij' for attention scores.

    subscripts : str          axes without the batch; an operand is reshaped to `views` first
    views : tuple of shapes   shape of each operand as the subscripts read it
    scale : float
    """

    arity = 2

    subscripts: str
    views: tuple[Shape, Shape]
    scale: float

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        left, right = (x.reshape(len(x), *view) for x, view in zip(operands, self.views, strict=True))
        sides, out = self.subscripts.split("->")
        first, second = sides.split(",")
        product = np.einsum(f"Z{first},Z{second}->Z{out}", left, right, optimize=True)
        return self.scale * product.reshape(len(left), *self.shape)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Softmax(Node):
    """Softmax over the last axis."""

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        e = np.exp(operands[0] - operands[0].max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LayerNorm(Node):
    """(x - mean) / sqrt(var + eps) * gamma + beta over the last axis. Source: Ba et al. (2016), eq. 4."""

    gamma: np.ndarray
    beta: np.ndarray
    eps: float

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        x = operands[0]
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self.eps)
        return centred / spread * self.gamma + self.beta


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Activation(Node):
    """A scalar function of every element, by name."""

    function: str

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return FUNCTIONS[self.function](operands[0])


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Mean(Node):
    """Mean over the leading axis (tokens)."""

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].mean(axis=1)


def _check_scalars(node: Node) -> None:
    """Refuse shapes and numbers that no trained network has."""
    if not all(type(size) is int and 1 <= size <= 2**24 for size in node.shape):
        raise ConversionError(f"Graph node {node.name!r}.shape = {node.shape} must hold sizes in 1 .. 2^24.")
    for field in ("step", "scale", "eps"):
        value = getattr(node, field, 1.0)
        if type(value) not in (int, float) or not 0.0 < value < np.inf:
            raise ConversionError(f"Graph node {node.name!r}.{field} = {value!r} must be a finite number > 0.")
    if isinstance(node, Input) and not (type(node.low) is type(node.high) is int and node.low < node.high):
        raise ConversionError(f"Graph node {node.name!r}: low = {node.low!r} and high = {node.high!r} must be whole numbers, low < high.")


@final
class Graph:
    """Nodes in an order in which each comes after those it reads; the first is the input, the last the output.

    Raises
    ------
    ConversionError   for a node that reads a later or unknown one, a repeated name, non-finite arrays, or a shape
                      that the node does not produce
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        table: dict[str, Node] = {}
        for node in nodes:
            if node.name in table:
                raise ConversionError(f"Graph has two nodes named {node.name!r}. Rename one.")
            if len(node.inputs) != node.arity:
                raise ConversionError(
                    f"Graph node {node.name!r} reads {len(node.inputs)} nodes but a {type(node).__name__} takes {node.arity}."
                )
            _check_scalars(node)
            for source in node.inputs:
                if source not in table:
                    raise ConversionError(f"Graph node {node.name!r}: " + unknown_name("input", source, table))
            for field, array in node.arrays().items():
                if not np.isfinite(array).all():
                    raise ConversionError(f"Graph node {node.name!r}.{field} holds NaN or infinity: the model is damaged. Export it again.")
            if isinstance(node, Activation) and node.function not in FUNCTIONS:
                raise ConversionError(f"Graph node {node.name!r}: " + unknown_name("function", node.function, FUNCTIONS))
            table[node.name] = node
        if not nodes or not isinstance(nodes[0], Input) or sum(isinstance(node, Input) for node in nodes) != 1:
            raise ConversionError("Graph must begin with its one Input node.")
        self.nodes = MappingProxyType(table)
        self.input: Input = nodes[0]
        self.output = nodes[-1]
        self._check_shapes()

    def _check_shapes(self) -> None:
        probe = self.evaluate(np.full((1, *self.input.shape), self.input.low))
        for name, value in probe.items():
            if value.shape[1:] != self.nodes[name].shape:
                raise ConversionError(f"Graph node {name!r} produces {value.shape[1:]} but declares {self.nodes[name].shape}.")

    def evaluate(self, inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return the value of every node, float64[batch, *shape], for integer inputs int[batch, *input.shape]."""
        values: dict[str, np.ndarray] = {}
        checked = check_inputs("Graph.evaluate", inputs, self.input)
        for node in self.nodes.values():
            operands = [values[source] for source in node.inputs] or [checked]
            try:
                values[node.name] = node.apply(*operands)
            except ValueError as error:
                shapes = ", ".join(str(operand.shape[1:]) for operand in operands)
                raise ConversionError(f"Graph node {node.name!r} ({type(node).__name__}) cannot take {shapes}: {error}.") from error
        return values

    def consumers(self, name: str) -> list[Node]:
        """Return the nodes that read `name`."""
        return [node for node in self.nodes.values() if name in node.inputs]

    def __repr__(self) -> str:
        size = sum(array.size for node in self.nodes.values() for array in node.arrays().values())
        return f"Graph({len(self.nodes)} nodes, {size} learned numbers, {self.input.shape} -> {self.output.shape})"


def check_inputs(owner: str, inputs: np.ndarray, node: Input) -> np.ndarray:
    """Return inputs as int64[batch, *shape], or say what is wrong with their type, shape or range.

    Raises ParameterError.
    """
    array = np.asarray(inputs)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ParameterError(
            f"{owner}: inputs of dtype {array.dtype} must be whole numbers in {node.low} .. {node.high}. Quantise the images first."
        )
    if array.ndim != len(node.shape) + 1 or array.shape[1:] != node.shape:
        wanted = ", ".join(["batch", *map(str, node.shape)])
        raise ParameterError(f"{owner}: inputs have shape {array.shape} but must have ({wanted}). Reshape or cut them.")
    if len(array) == 0:
        raise ParameterError(f"{owner}: inputs hold no sample. Give at least one.")
    outside = array[(array < node.low) | (array > node.high)]
    if outside.size:
        raise ParameterError(f"{owner}: inputs hold {outside.flat[0]} but must lie in {node.low} .. {node.high}. Rescale them.")
    return array.astype(np.int64)

"""Which nodes of a graph become layers of rate-coded neurons, and what flows into each.

Every linear operation (linear maps, convolutions, batch norm, average pooling, residual sums, changes of layout) is folded into the
weights between layers. A rectifier is a layer. A maximum is made of rectifiers, max(a, b) = a + relu(b - a), by rounds of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.conversion.rectifier import Rectified, Rectifier, rectified
from snnsim.conversion.weighted import Entries, Weighted, conv_entries, joined, linear_entries, whole
from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import LOWEST, Activation, Add, Affine, Conv, Gather, Input, Linear, Max, Node, Shape, Sum

#: (name of a layer, its inputs float64[batch, *shape]) -> what it gives out, of the same shape
Fire = Callable[[str, np.ndarray], np.ndarray]


@final
@dataclass(frozen=True, eq=False)
class RateLayer:
    """One layer of neurons to be: it rectifies a weighted sum of inputs of the model and of earlier layers."""

    name: str
    shape: Shape
    sums: Weighted
    rectifier: Rectifier
    origin: str


@final
class RatePlan:
    """The layers of a graph in order, and its outputs as weighted sums of them.

    encoded : bool   inputs are layers too: neurons that fire at the rate of the input

    Attributes: layers, mapping of str to RateLayer; outputs, mapping of str to Weighted; nodes, those that the outputs need, in order;
    rectified, mapping of the name of an activation to Rectified.

    Raises ConversionError naming the first node that is neither linear nor a rectifier.
    """

    def __init__(self, graph: Graph, *, encoded: bool) -> None:
        self.graph, self.encoded = graph, encoded
        self.layers: dict[str, RateLayer] = {}
        self.rectified: dict[str, Rectified] = {}
        needed = {node.name for node in graph.outputs}
        for node in reversed(list(graph.nodes.values())):
            if node.name in needed:
                needed.update(node.inputs)
        self.nodes = [node for name, node in graph.nodes.items() if name in needed]
        values: dict[str, Weighted] = {}
        for node in self.nodes:
            values[node.name] = self._value(node, [values[source] for source in node.inputs])
        self.outputs = {node.name: values[node.name] for node in graph.outputs}

    @property
    def inputs(self) -> list[str]:
        """The names under which the model's inputs stand in the sums."""
        return [f"{node.name}.values" if self.encoded else node.name for node in self.graph.inputs]

    def _value(self, node: Node, operands: list[Weighted]) -> Weighted:
        n = int(np.prod(node.shape))
        match node:
            case Input():
                return self._input(node, n)
            case Linear():
                return operands[0].mapped(linear_entries(node), n, np.broadcast_to(node.bias, node.shape))
            case Conv():
                entries = conv_entries(node, self.graph.nodes[node.inputs[0]].shape)
                return operands[0].mapped(entries, n, np.broadcast_to(node.bias, node.shape))
            case Gather():
                return joined(operands).taken(node.index, node.fill)
            case Affine():
                return operands[0].scaled(*(np.broadcast_to(part, node.shape) for part in (node.scale, node.offset)))
            case Add():
                total = operands[0]
                for operand in operands[1:]:
                    total = total.plus(operand)
                return total
            case Sum():
                width = len(operands[0].offset) // n
                return operands[0].mapped(Entries(np.repeat(np.arange(n), width), np.arange(n * width), np.full(n * width, node.scale)), n)
            case Activation():
                found = rectified(node.function)
                if found is None:
                    raise _refusal(node, f"its function {node.function!r} is no rectifier, clip or staircase of equal steps")
                self.rectified[node.name] = found
                sums = operands[0].scaled(found.slope, found.shift)
                return self._layer(node.name, node.shape, sums, found.rectifier, node).scaled(found.sign, found.rest)
            case Max():
                return self._maximum(node, operands[0])
        raise _refusal(node, f"{type(node).__name__} is neither linear nor a rectifier")

    def _input(self, node: Input, n: int) -> Weighted:
        if node.kind == "index":
            raise _refusal(node, "it is an index, such as a token, and no number that a current or a rate could stand for")
        if node.kind == "mask":
            raise _refusal(node, "it is a mask of attention scores, and there is no softmax of rates")
        step = node.step or 1.0
        if not self.encoded:
            return whole(node.name, n).scaled(step)
        given = whole(f"{node.name}.values", n).scaled(step)
        return self._layer(node.name, node.shape, given, Rectifier(), node)

    def _layer(self, name: str, shape: Shape, sums: Weighted, found: Rectifier, node: Node) -> Weighted:
        self.layers[name] = RateLayer(name, shape or (1,), sums, found, node.origin)
        return whole(name, len(sums.offset))

    def _maximum(self, node: Max, window: Weighted) -> Weighted:
        n = int(np.prod(node.shape))
        index = without_blanks(window.offset.reshape(n, -1))
        value, width = window.taken(index), index.shape[1]
        for round_, (left, right, rest) in enumerate(rounds(width), start=1):
            columns = np.arange(n * width).reshape(n, width)
            first, second = value.taken(columns[:, left]), value.taken(columns[:, right])
            more = self._layer(f"{node.name}.{round_}", (*node.shape, len(left)), second.plus(first.scaled(-1.0)), Rectifier(), node)
            won = first.plus(more)
            if rest is not None:
                both = joined([won, value.taken(columns[:, rest])])
                at = np.arange(n * len(left)).reshape(n, -1)
                won = both.taken(np.concatenate([at, n * len(left) + np.arange(n)[:, None]], axis=1))
            value, width = won, len(left) + (rest is not None)
        return value

    def evaluate(self, inputs: Any, fire: Fire) -> Mapping[str, np.ndarray]:
        """Return the value of every node when `fire` stands for the neurons, float64[batch, *shape]."""
        values: dict[str, np.ndarray] = {}
        for node in self.nodes:
            if isinstance(node, Input):
                value = node.apply(inputs[node.name])
                values[node.name] = fire(node.name, value) if self.encoded else value
            elif isinstance(node, Activation):
                found = self.rectified[node.name]
                fired = fire(node.name, found.slope * values[node.inputs[0]] + found.shift)
                values[node.name] = found.rest + found.sign * fired
            elif isinstance(node, Max):
                values[node.name] = _highest(node, values[node.inputs[0]], fire)
            else:
                values[node.name] = node.apply(*(values[source] for source in node.inputs))
        return values


def rounds(width: int) -> list[tuple[list[int], list[int], int | None]]:
    """Return the columns that meet in each round, and the one that waits: the winners come first, then who waited."""
    rounds = []
    while width > 1:
        pairs, rest = width // 2, width - 1 if width % 2 else None
        rounds.append((list(range(0, 2 * pairs, 2)), list(range(1, 2 * pairs, 2)), rest))
        width = pairs + width % 2
    return rounds


def _highest(node: Max, window: np.ndarray, fire: Fire) -> np.ndarray:
    n = int(np.prod(node.shape))
    flat = window.reshape(len(window), n, -1)
    index = without_blanks(flat[0]) % flat.shape[2]
    value = np.take_along_axis(flat, index[None], axis=2)
    for round_, (left, right, rest) in enumerate(rounds(value.shape[2]), start=1):
        difference = value[..., right] - value[..., left]
        won = value[..., left] + fire(f"{node.name}.{round_}", difference.reshape(len(value), *node.shape, -1)).reshape(difference.shape)
        value = won if rest is None else np.concatenate([won, value[..., [rest]]], axis=2)
    return value.reshape(len(value), *node.shape)


def without_blanks(window: np.ndarray) -> np.ndarray:
    """Return the places of windows [n, width], those that hold the lowest number, as padding does, replaced by another of theirs."""
    n, width = window.shape
    blank = window <= LOWEST / 2
    places = np.arange(n * width).reshape(n, width)
    return np.where(blank, np.take_along_axis(places, blank.argmin(axis=1)[:, None], axis=1), places)


def _refusal(node: Node, why: str) -> ConversionError:
    place = f" ({node.origin})" if node.origin else ""
    return ConversionError(
        f"convert_rate: graph node {node.name!r}{place} cannot be rate-coded: {why}. Use sim.convert, which takes it, or replace it."
    )

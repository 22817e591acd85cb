"""The host's part of a converted model: from the user's arrays to integers, and from integers to real outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from snnsim.graph.ir import Graph, named_inputs
from snnsim.graph.nodes import Input, Node, Shape


class Port(NamedTuple):
    """An input population of `shape`: real values are divided by `scale` (None: they are whole) and rounded to low .. high."""

    shape: Shape
    scale: np.ndarray | None
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Piece:
    """Units of one population in an output: coefficient * value at `index` (-1: nothing); `summed` where it is an accumulator."""

    source: str
    index: np.ndarray
    coefficient: np.ndarray
    summed: bool


@dataclass(frozen=True, eq=False)
class Output:
    """A real output: the sum of its pieces, and an offset, float64 broadcast to `shape`."""

    shape: Shape
    pieces: tuple[Piece, ...]
    offset: np.ndarray


@dataclass(frozen=True, eq=False)
class Coding:
    """What the host does: embeddings and masks (`host`, a graph that ends in the ports), quantising inputs, laying out outputs.

    host : Graph
    ports : mapping of input population to Port
    outputs : mapping of output name to Output
    """

    host: Graph
    ports: Mapping[str, Port]
    outputs: Mapping[str, Output]

    def checked(self, inputs: Any) -> dict[str, np.ndarray]:
        """Return the user's arrays by input name. Raises ParameterError."""
        return named_inputs("SpikingModel", inputs, self.host)

    def encode(self, inputs: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the integers of every input population, and of those with any past its range: int64[2], how many, of how many."""
        encoded, outside = self.placed(inputs)
        return encoded, {name: np.array([np.count_nonzero(mask), mask.size]) for name, mask in outside.items() if mask.any()}

    def placed(self, inputs: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the integers of every input population, and which were past the range of those that have one: bool[trials, *shape]."""
        given = self.checked(inputs)
        values = self.host.evaluate(given)
        encoded: dict[str, np.ndarray] = {}
        beyond: dict[str, np.ndarray] = {}
        for name, port in self.ports.items():
            node = self.host.nodes[name]
            if isinstance(node, Input) and node.whole:
                encoded[name] = given[name].reshape(-1, *port.shape)
                continue
            whole = np.floor(values[name].reshape(-1, *port.shape) / port.scale + 0.5).astype(np.int64)
            beyond[name] = (whole < port.low) | (whole > port.high)
            encoded[name] = np.clip(whole, port.low, port.high)
        return encoded, beyond

    def decode(self, values: Mapping[str, np.ndarray], accumulators: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the real outputs by name, float64[trials, *shape]."""
        outputs = {}
        for name, output in self.outputs.items():
            trials = len(next(iter(values.values())))
            total = np.broadcast_to(output.offset, (trials, *output.shape)).copy()
            for piece in output.pieces:
                source = (accumulators if piece.summed else values)[piece.source].reshape(trials, -1)
                total += np.where(piece.index < 0, 0.0, source[:, piece.index] * piece.coefficient)
            outputs[name] = total
        return outputs

    def host_rows(self) -> Iterator[tuple[str, str, Shape, str]]:
        """Yield (name, operation, shape, origin) of what the host computes."""
        for node in self.host.nodes.values():
            if not isinstance(node, Input):
                yield node.name, type(node).__name__, node.shape, node.origin


def host_part(graph: Graph, ports: list[str]) -> Graph:
    """Return the nodes of `graph` that its inputs and `ports` need."""
    needed = {node.name for node in graph.inputs} | set(ports)
    kept: list[Node] = []
    for node in list(graph.nodes.values())[::-1]:
        if node.name in needed:
            needed.update(node.inputs)
            kept.append(node)
    return Graph(kept[::-1])

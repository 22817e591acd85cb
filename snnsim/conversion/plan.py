"""First pass: which nodes become populations, and what each adds up.

A population is a sum of terms followed by one function. Changes of layout and scale cost no neurons: they are folded into the
edges. A linear map, a product or a sum that feeds nothing but an activation, a norm, a softmax or a residual sum becomes a term
of that population. Every other node is a population of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.conversion.sums import Needed, Summed, sum_of
from snnsim.conversion.terms import Point, Sources, Term, joined, points, population, uniform
from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import (
    Activation,
    Add,
    Affine,
    Conv,
    Gather,
    Input,
    LayerNorm,
    Linear,
    Max,
    Multiply,
    Node,
    Shape,
    Softmax,
    Sum,
)

Function = Activation | Softmax | LayerNorm | Max
_SUMS = (Linear, Conv, Multiply, Sum, Add)


@final
@dataclass(frozen=True, eq=False)
class Planned:
    """One population to be.

    node : Node                  whose value it holds; an Input, or a node of the host, for an encoded input
    terms : tuple of Term        what is added up
    bias : float[...]            broadcast to the shape
    function : Function or None  None rounds, or reads out
    readout : bool               nothing but the user reads it
    encoded : bool               an input: the host hands it over
    blocked : tuple of Point     units that keep a place of a softmax out by not being 0
    """

    node: Node
    shape: Shape
    terms: tuple[Term, ...]
    bias: np.ndarray
    function: Function | None = None
    readout: bool = False
    encoded: bool = False
    blocked: tuple[Point, ...] = ()

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def sums(self) -> str:
        """The name of the node whose value is the sum of the terms, as calibration sees it."""
        return self.function.inputs[0] if self.function else self.node.name


@final
class Plan:
    """The populations of a graph in topological order, inputs first, and what its outputs read.

    Raises ConversionError for what has no spiking counterpart, naming the node.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.needed: set[str] = set()
        self.alive = _alive(graph)
        self.readers = {name: [reader for reader in graph.consumers(name) if reader.name in self.alive] for name in graph.nodes}
        while True:
            try:
                self._plan()
                break
            except Needed as more:
                if more.name in self.needed:
                    raise ConversionError(f"Graph node {more.name!r} cannot be read in the layout its readers ask for.") from None
                self.needed.add(more.name)

    def _plan(self) -> None:
        graph = self.graph
        self._values: dict[str, Sources] = {}
        self._sums: dict[str, Summed] = {}
        self.populations: list[Planned] = []
        self.host = _host(graph, self.readers)
        encoded = [name for name in graph.nodes if name in self.alive and self._encoded(name)]
        for name in encoded:
            node = graph.nodes[name]
            self._add(Planned(node, node.shape or (1,), (), np.zeros(()), encoded=True))
        for name, node in graph.nodes.items():
            if name in self.alive and name not in encoded and name not in self.host and not isinstance(node, Input):
                self._visit(node)
        self.outputs = {node.name: self._value(node.name) for node in graph.outputs}

    def _encoded(self, name: str) -> bool:
        """Whether a node is what the host hands to the network."""
        if isinstance(self.graph.nodes[name], Input) and name not in self.host:
            return True
        outside = any(reader.name not in self.host for reader in self.readers[name])
        return name in self.host and (outside or any(name == node.name for node in self.graph.outputs))

    def _visit(self, node: Node) -> None:
        match node:
            case Activation() | LayerNorm() | Softmax():
                terms, bias = self._terms(node.inputs[0])
                blocked = points(self._value(node.inputs[1])) if isinstance(node, Softmax) and len(node.inputs) > 1 else []
                self._add(Planned(node, node.shape or (1,), terms, bias, node, blocked=tuple(blocked)))
            case Max():
                value = self._value(node.inputs[0])
                if len(value.parts()) > 1 or uniform(value.coefficient, value.index >= 0) != 1.0:
                    raise Needed(self._before_window(node))
                shape = value.shape  # the window is the last axis; its first unit answers
                self._add(Planned(node, shape, tuple(points(value)), value.offset, node))
                size = shape[-1]
                self._values[node.name] = self._values[node.name].taken(np.arange(0, int(np.prod(shape)), size).reshape(node.shape))
            case Gather():
                value = joined([self._value(source) for source in node.inputs])
                self._values[node.name] = value.taken(node.index, node.fill)
                if node.name in self.needed:
                    self._materialise(node)
            case Affine() if not self._inlined(node.inputs[0]) or node.inputs[0] in self._values:
                self._values[node.name] = self._value(node.inputs[0]).scaled(node.scale, node.offset)
                if node.name in self.needed:
                    self._materialise(node)
            case Linear() | Conv() | Multiply() | Sum() | Add() | Affine():
                self._sums[node.name] = sum_of(node, self._value, self._terms)
                if not self._inlined(node.name):
                    terms, bias = self._sums[node.name]
                    self._add(Planned(node, node.shape or (1,), terms, bias, readout=self._shown(node)))
            case _:
                raise ConversionError(f"Graph node {node.name!r}: {type(node).__name__} cannot be converted. Replace it in the model.")

    def _before_window(self, node: Max) -> str:
        """Return the node whose windows are compared: what a gather that pads with the lowest number lays out."""
        window = self.graph.nodes[node.inputs[0]]
        return window.inputs[0] if isinstance(window, Gather) and len(window.inputs) == 1 else window.name

    def _shown(self, node: Node) -> bool:
        """Whether nothing but the user reads `node`, and what it lays out."""
        return all(isinstance(r, (Gather, Affine)) and self._shown(r) for r in self.readers[node.name])

    def _add(self, planned: Planned) -> None:
        self.populations.append(planned)
        whole = planned.shape if isinstance(planned.function, Max) else planned.node.shape
        self._values[planned.name] = population(planned.name, whole)

    def _materialise(self, node: Node) -> None:
        value = self._values[node.name]
        self._add(Planned(node, node.shape or (1,), tuple(points(value)), value.offset))

    def _inlined(self, name: str) -> bool:
        """Whether a sum becomes terms of its one reader."""
        node = self.graph.nodes[name]
        if name in self.needed or any(name == output.name for output in self.graph.outputs):
            return False
        if not isinstance(node, _SUMS) and not (isinstance(node, Affine) and self._inlined(node.inputs[0])):
            return False
        readers = self.readers[name]
        if len(readers) != 1 or readers[0].inputs.count(name) != 1:
            return False
        reader = readers[0]
        return isinstance(reader, (Activation, LayerNorm, Add, Affine)) or (isinstance(reader, Softmax) and reader.inputs[0] == name)

    def _value(self, name: str) -> Sources:
        """Return a node as units of populations. A sum that is none yet becomes one."""
        if name not in self._values:
            raise Needed(name)
        return self._values[name]

    def _terms(self, name: str) -> Summed:
        if name in self._sums and name not in self._values:
            return self._sums[name]
        value = self._value(name)
        return tuple(points(value)), value.offset


def _alive(graph: Graph) -> frozenset[str]:
    """Return the nodes that some output needs, and the inputs."""
    alive = {node.name for node in graph.outputs}
    for node in list(graph.nodes.values())[::-1]:
        if node.name in alive:
            alive.update(node.inputs)
    return frozenset(alive)


def _host(graph: Graph, readers: Mapping[str, list[Node]]) -> frozenset[str]:
    """Return what the host computes. A layout that spikes are read in costs nothing there: the host hands over what it lays out."""
    host = set(graph.host)
    for name, node in reversed(list(graph.nodes.items())):
        if name in host and isinstance(node, Gather) and any(reader.name not in host for reader in readers[name]):
            host.discard(name)
    return frozenset(host)

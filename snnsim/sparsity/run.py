"""One pass through a graph under some rules, everything counted where it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Gather, Input, LayerNorm, Node, Softmax
from snnsim.results import OperationCounts
from snnsim.sparsity.counting import group, node_counts
from snnsim.sparsity.flow import Flow, forward, whole, without
from snnsim.sparsity.rule import Rule
from snnsim.sparsity.structure import masks, readers, stored


@final
class Run:
    """A pass through `graph`.

    Attributes
    ----------
    flows : mapping of node to Flow   so far
    finished : bool[batch]            samples that have their answer already: nothing that follows is computed for them
    notes : dict                      what rules write down during the pass
    decoding : bool                   whether tokens come one at a time, so that nothing but the cache outlives one
    """

    def __init__(self, graph: Graph, rules: Sequence[Rule], inputs: Mapping[str, np.ndarray], decoding: bool = False) -> None:
        self.graph, self.rules, self.decoding = graph, tuple(rules), decoding
        self.flows: dict[str, Flow] = {}
        self.finished = np.zeros(len(inputs[graph.input.name]), dtype=bool)
        self.notes: dict[Any, Any] = {}
        self._layers: dict[str, dict[str, int]] = {}
        self._roles: dict[str, str] = {}
        self._stored, self._masks, self._readers = stored(graph), masks(graph), readers(graph)
        self._outputs = {node.name for node in graph.outputs}
        with np.errstate(all="ignore"):  # rows that are not there; what is not finite elsewhere shows in the output
            for node in graph.nodes.values():
                self._step(node, inputs)

    def add(self, layer: str, counts: Mapping[str, int], role: str = "ann") -> None:
        """Count operations under the name of a layer."""
        mine = self._layers.setdefault(layer, {})
        self._roles[layer] = role
        for kind, count in counts.items():
            mine[kind] = mine.get(kind, 0) + int(count)

    @property
    def counts(self) -> OperationCounts:
        """All operations so far."""
        return OperationCounts(self._layers, self._roles)

    def _step(self, node: Node, inputs: Mapping[str, np.ndarray]) -> None:
        if isinstance(node, Input) or node.name in self.graph.host:
            flow = self._given(node, inputs)
        else:
            operands = [self._seen(node, source) for source in node.inputs]
            flow = forward(node, operands, self._masks.get(node.name))
            flow = self._without_finished(flow)
            self._count(node, operands, flow.there)
        for rule in self.rules:
            flow = rule.result(self, node, flow)
        self.flows[node.name] = flow

    def _given(self, node: Node, inputs: Mapping[str, np.ndarray]) -> Flow:
        """Return an input, or what the host computes from one; it is written once where the device reads it."""
        sources = [inputs[node.name]] if isinstance(node, Input) else [self.flows[source].value for source in node.inputs]
        flow = whole(node.apply(*sources))
        if any(reader.name not in self.graph.host for reader in self._readers[node.name]) and not isinstance(node, Gather):
            self.add(node.name, {"activation_writes": flow.there.sum()})
        return flow

    def _seen(self, node: Node, source: str) -> Flow:
        flow = self._without_finished(self.flows[source])
        for rule in self.rules:
            flow = rule.operand(self, node, source, flow)
        return flow

    def _without_finished(self, flow: Flow) -> Flow:
        return without(flow, self.finished.reshape(-1, *[1] * (flow.there.ndim - 1)) & np.ones_like(flow.there))

    def _count(self, node: Node, operands: Sequence[Flow], there: np.ndarray) -> None:
        if isinstance(node, Gather):
            return
        kept = [source in self._stored for source in node.inputs]
        if isinstance(node, (Softmax, LayerNorm)):
            self.add(f"{node.name}.group", group(node, there), "group")
        written, output = node.name in self._stored, node.name in self._outputs
        self.add(node.name, node_counts(node, operands, there, kept=kept, written=written, output=output, decoding=self.decoding))

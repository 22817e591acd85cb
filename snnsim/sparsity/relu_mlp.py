"""MLPs whose hidden layers are rectified: what is not positive costs nothing below."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Affine, Linear, Node
from snnsim.sparsity.flow import Flow, silenced
from snnsim.sparsity.rule import Method, Rule, ridge
from snnsim.sparsity.run import Run
from snnsim.sparsity.structure import hidden
from snnsim.units import check_bool, check_scalar

_TRIED = np.linspace(0.0, 1.0, 21)  # shifts, by the spread of the hidden sums


@final
@dataclass(frozen=True)
class ReluMLP(Method):
    r"""Hidden layers become :math:`\max(x - b, 0)`; the zeros are left out of the layer below: :math:`\rho n d f` of its MACs remain.

    Parameters
    ----------
    shift : float or None   >= 0, b; None: for each layer the shift whose values are nearest to the trained function on calibration data
    refit : bool            weights of the layer below are fitted again, in closed form, to what it gave before. A longer training would
                            need all data; this needs the calibration data alone

    Hidden layers that are ReLUs already keep their function and weights. Raises ParameterError when the settings are no such.

    Source: Mirzadeh et al. (2024), ReLU strikes back (also the shift); Hoerl & Kennard (1970) for the fit.
    """

    shift: float | None = None
    refit: bool = True

    def __post_init__(self) -> None:
        if self.shift is not None:
            object.__setattr__(self, "shift", check_scalar("ReluMLP.shift", self.shift, ge=0.0))
        check_bool("ReluMLP.refit", self.refit)

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        layers = [node for node in hidden(graph) if isinstance(node, Activation)]
        if not layers:
            raise ParameterError("ReluMLP: the model has no activation that a linear layer alone reads. Choose another method.")
        trained = [node for node in layers if node.function != "relu"]
        if trained and (self.shift is None or self.refit):
            self.needs(calibration, "shifts and weights are fitted to it")
        for node in trained:
            graph = self._rectified(graph, node, calibration)
        return graph, _Rectified(frozenset(node.name for node in layers))

    def _rectified(self, graph: Graph, node: Activation, calibration: dict[str, np.ndarray] | None) -> Graph:
        """Return the graph with one hidden layer rectified, and what reads it fitted."""
        changed: dict[str, list[Node]] = {}
        shift = 0.0 if self.shift is None else float(self.shift)
        if calibration is not None:
            before = graph.evaluate(calibration)
            x, wanted = before[node.inputs[0]], before[node.name]
            if self.shift is None:
                tried = _TRIED * float(x.std())
                shift = float(min(tried, key=lambda b: float(((np.maximum(x - b, 0.0) - wanted) ** 2).mean())))
            if self.refit:
                value = np.maximum(x - shift, 0.0)
                for reader in graph.consumers(node.name):
                    if isinstance(reader, Linear):
                        changed[reader.name] = [_fitted(reader, value, before[reader.name])]
        changed[node.name] = _shifted(graph, node, shift, changed)
        nodes = [new for name, old in graph.nodes.items() for new in changed.get(name, [old])]
        return Graph(nodes, [output.name for output in graph.outputs])


def _shifted(graph: Graph, node: Activation, shift: float, changed: dict[str, list[Node]]) -> list[Node]:
    """Return the rectifier of `node`; the shift goes into the bias of the layer above, where nothing else reads that."""
    above = graph.nodes[node.inputs[0]]
    if shift and isinstance(above, Linear) and graph.consumers(above.name) == [node] and above not in graph.outputs:
        changed[above.name] = [replace(above, bias=above.bias - shift)]
    elif shift:
        parts = {"inputs": node.inputs, "shape": node.shape, "origin": node.origin}
        moved = Affine(name=f"{node.name}.shift", scale=np.asarray(1.0), offset=np.asarray(-shift), **parts)  # type: ignore[arg-type]
        return [moved, replace(node, function="relu", inputs=(moved.name,))]
    return [replace(node, function="relu")]


def _fitted(layer: Linear, x: np.ndarray, wanted: np.ndarray) -> Linear:
    """Return `layer` with weights and bias moved as little as needed to give `wanted` from `x`."""
    change = wanted - layer.apply(x)
    weight, bias = ridge(x.reshape(-1, x.shape[-1]), change.reshape(-1, change.shape[-1]))
    return replace(layer, weight=layer.weight + weight.T, bias=layer.bias + bias)


class _Rectified(Rule):
    def __init__(self, layers: frozenset[str]) -> None:
        self.layers = layers

    def result(self, run: Run, node: Node, flow: Flow) -> Flow:
        return silenced(flow, flow.value <= 0.0) if node.name in self.layers else flow

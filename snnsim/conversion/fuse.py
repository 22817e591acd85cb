"""First pass: which nodes become one population.

A population is a sum of terms followed by one function. A linear map feeding only an activation or a residual sum, and
a product feeding only a softmax, become terms; every other node is a population. So a residual sum costs no neurons of
its own: the linear map and the stream both project onto it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.errors import ConversionError
from snnsim.graph.ir import Activation, Add, Graph, Input, LayerNorm, Linear, Mean, Multiply, Node, Shape, Softmax


@final
@dataclass(frozen=True, eq=False)
class Fused:
    """One population to be: `terms` are summed (nodes; a plain name stands for the identity), then `function` applies.

    function : Activation, Softmax, LayerNorm or None   None rounds (or reads out, for the last one)
    """

    name: str
    shape: Shape
    terms: tuple[Node | str, ...]
    function: Activation | Softmax | LayerNorm | None

    @property
    def sums(self) -> str:
        """The name of the node whose value is the sum of the terms, as calibration sees it."""
        return self.function.inputs[0] if self.function else self.name


def _absorbed(graph: Graph, node: Node) -> bool:
    readers = graph.consumers(node.name)
    if len(readers) != 1:
        return False
    match node, readers[0]:
        case (Linear(), Activation() | Add()) | (Multiply(), Softmax()):
            return True
        case _:
            return False


def fuse(graph: Graph) -> list[Fused]:
    """Return the populations of `graph` in topological order, without the input.

    Raises ConversionError for an operation that has no spiking counterpart yet, naming its node.
    """
    absorbed = {name for name, node in graph.nodes.items() if _absorbed(graph, node)}

    def terms_of(name: str) -> tuple[Node | str, ...]:
        return (graph.nodes[name],) if name in absorbed else (name,)

    populations = []
    for node in graph.nodes.values():
        if isinstance(node, Input) or node.name in absorbed:
            continue
        terms: tuple[Node | str, ...]
        function: Activation | Softmax | LayerNorm | None
        match node:
            case Linear() | Multiply() | Mean():
                terms, function = (node,), None
            case Add():
                terms, function = terms_of(node.inputs[0]) + terms_of(node.inputs[1]), None
            case Activation() | Softmax() | LayerNorm():
                terms, function = terms_of(node.inputs[0]), node
            case _:
                raise ConversionError(f"Graph node {node.name!r}: {type(node).__name__} cannot be converted. Replace it in the model.")
        populations.append(Fused(node.name, node.shape, terms, function))
    return populations


def total_bias(terms: tuple[Node | str, ...]) -> np.ndarray:
    """Return the sum of the biases of all linear terms."""
    return sum((term.bias for term in terms if isinstance(term, Linear)), start=np.zeros(()))

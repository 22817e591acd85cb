"""Only the largest: scores that a softmax looks at, hidden units that a layer hears."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Node, Softmax
from snnsim.sparsity.flow import Flow, silenced, without
from snnsim.sparsity.rule import Method, Rule
from snnsim.sparsity.run import Run
from snnsim.sparsity.structure import hidden
from snnsim.units import check_integer, check_scalar


def largest(x: np.ndarray, k: int) -> np.ndarray:
    """Return where the k largest of the last axis are, bool[*x.shape]; of equals, the first."""
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    found = np.zeros(x.shape, dtype=bool)
    np.put_along_axis(found, order, True, axis=-1)
    return found


def selection(there: np.ndarray, k: int) -> int:
    """Return the comparisons that find the k largest of each row: n ceil(log2(k + 1)), each value finding its place among k sorted ones.

    A row of at most k needs none. Source: Knuth (1998), The Art of Computer Programming 3, section 5.2.1 (binary insertion).
    """
    sizes = there.sum(axis=-1)
    return int(sizes[sizes > k].sum()) * ceil(np.log2(k + 1))


@final
@dataclass(frozen=True)
class TopKAttention(Method):
    """Each row of attention keeps its k largest scores; softmax runs over them alone.

    All scores are computed (n^2 d MACs); A V takes n k d instead of n^2 d. The comparisons of the selection are counted.

    Parameters
    ----------
    k : int   1 .. the longest row; a shorter row, such as the first ones behind a causal mask, keeps all

    Raises ParameterError for any other k, or a model without attention.

    Source: Gupta et al. (2021), memory-efficient transformers via top-k attention.
    """

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_integer("TopKAttention.k", self.k, low=1, why="softmax needs something to look at"))

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        longest = max((node.shape[-1] for node in graph.nodes.values() if isinstance(node, Softmax)), default=0)
        if not longest:
            raise ParameterError("TopKAttention: the model has no softmax. Choose another method.")
        check_integer("TopKAttention.k", self.k, high=longest, why="no row of attention is longer")
        return graph, _TopKAttention(self.k)


class _TopKAttention(Rule):
    def __init__(self, k: int) -> None:
        self.k = k

    def operand(self, run: Run, node: Node, source: str, flow: Flow) -> Flow:
        if not isinstance(node, Softmax) or source != node.inputs[0] or node.shape[-1] <= self.k:
            return flow
        scores = flow.there if node.mask is None else flow.there & node.mask
        if len(node.inputs) > 1:
            scores = scores & (run.flows[node.inputs[1]].value == 0.0)
        # Comparisons count as additions: OPERATIONS has no kind for them.
        run.add(f"{node.name}.selection", {"adds": selection(scores, self.k)})
        chosen = largest(np.where(scores, flow.value, -np.inf), self.k)
        return without(flow, flow.there & ~(chosen & scores))


@final
@dataclass(frozen=True)
class TopKHidden(Method):
    """Each token keeps its largest hidden units, by magnitude; the others are left out of the layer below: k d of f d MACs remain.

    Parameters
    ----------
    fraction : float   in (0, 1]: ceil(fraction f) of f hidden units are kept; 1 leaves the dense model

    The comparisons of the selection are counted. Raises ParameterError for any other fraction, or a model without hidden layers.

    Source: Ahmad & Scheinkman (2019), How can we be so dense? (k-winners).
    """

    fraction: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "fraction", check_scalar("TopKHidden.fraction", self.fraction, gt=0.0, le=1.0))

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        layers = {node.name: ceil(self.fraction * node.shape[-1]) for node in hidden(graph)}
        if not layers:
            raise ParameterError("TopKHidden: the model has no hidden layer that a linear layer alone reads. Choose another method.")
        return graph, _TopKHidden(layers)


class _TopKHidden(Rule):
    def __init__(self, layers: dict[str, int]) -> None:
        self.layers = layers

    def result(self, run: Run, node: Node, flow: Flow) -> Flow:
        k = self.layers.get(node.name, node.shape[-1] if node.shape else 0)
        if node.name not in self.layers or k >= node.shape[-1]:
            return flow
        run.add(f"{node.name}.selection", {"adds": selection(flow.there, k)})
        return silenced(flow, ~largest(np.where(flow.there, np.abs(flow.value), -1.0), k))

"""Leave out multiplications by zero, wherever a zero happens to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Node
from snnsim.sparsity.flow import Flow
from snnsim.sparsity.rule import Method, Rule
from snnsim.sparsity.run import Run


@final
@dataclass(frozen=True)
class ZeroSkipping(Method):
    """No product has a zero activation as a factor. The outputs stay what they are; every activation is still read, to see its zero.

    Source: Albericio et al. (2016), Cnvlutin.
    """

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        return graph, _ZeroSkipping()


class _ZeroSkipping(Rule):
    def result(self, run: Run, node: Node, flow: Flow) -> Flow:
        return flow._replace(sent=flow.sent & (flow.value != 0.0))

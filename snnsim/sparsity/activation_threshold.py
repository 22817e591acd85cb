"""Small activations count as zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Linear, Node
from snnsim.sparsity.flow import Flow, silenced
from snnsim.sparsity.rule import Method, Rule
from snnsim.sparsity.run import Run
from snnsim.sparsity.structure import hidden
from snnsim.units import check_scalar, one_of


@final
@dataclass(frozen=True)
class ActivationThreshold(Method):
    r"""Values with :math:`|x| < \tau` are taken for zero, and multiplied with nothing.

    Parameters
    ----------
    tau : float or None        >= 0, one threshold for all layers; 0 leaves the dense model
    fraction : float or None   in (0, 1]: each layer has the threshold that keeps this share of its values on calibration data
    at : 'hidden' or 'inputs'  hidden layers of MLPs (CATS), or the inputs of all linear layers (TEAL)

    One comparison for every value is counted. Raises ParameterError unless one of tau and fraction is given.

    Source: Lee et al. (2024), CATS; Liu et al. (2024), TEAL.
    """

    tau: float | None = None
    fraction: float | None = None
    at: Literal["hidden", "inputs"] = "hidden"

    def __post_init__(self) -> None:
        if (self.tau is None) == (self.fraction is None):
            raise ParameterError(
                f"ActivationThreshold.tau = {self.tau!r} and fraction = {self.fraction!r}: one of them sets the thresholds. Give just one."
            )
        if self.tau is not None:
            object.__setattr__(self, "tau", check_scalar("ActivationThreshold.tau", self.tau, ge=0.0))
        else:
            object.__setattr__(self, "fraction", check_scalar("ActivationThreshold.fraction", self.fraction, gt=0.0, le=1.0))
        one_of("ActivationThreshold.at", self.at, ("hidden", "inputs"))

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        if self.tau == 0.0 or self.fraction == 1.0:
            return graph, Rule()
        names = [node.name for node in hidden(graph)]
        if self.at == "inputs":
            names = list(dict.fromkeys(node.inputs[0] for node in graph.nodes.values() if isinstance(node, Linear)))
        if not names:
            raise ParameterError("ActivationThreshold: the model has no hidden layer that a linear layer alone reads. Give at='inputs'.")
        if self.tau is not None:
            return graph, _Threshold(dict.fromkeys(names, float(self.tau)))
        values = graph.evaluate(self.needs(calibration, "thresholds are quantiles of its activations"))
        return graph, _Threshold({name: float(np.quantile(np.abs(values[name]), 1.0 - float(self.fraction or 1.0))) for name in names})


class _Threshold(Rule):
    def __init__(self, tau: dict[str, float]) -> None:
        self.tau = tau

    def operand(self, run: Run, node: Node, source: str, flow: Flow) -> Flow:
        if not isinstance(node, Linear) or source not in self.tau:
            return flow
        if run.notes.setdefault((self, source), True) is True:
            # A comparison counts as an addition: OPERATIONS has no kind for it. Compared once, whoever reads.
            run.add(f"{source}.threshold", {"adds": int(flow.there.sum())})
            run.notes[self, source] = False
        return silenced(flow, np.abs(flow.value) < self.tau[source])

"""A method of computing less: what it changes on the way through a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Node
from snnsim.sparsity.flow import Flow

if TYPE_CHECKING:
    from snnsim.sparsity.run import Run


class Rule:
    """What a method does during a run. Nothing, unless overridden: then the run is that of the dense model."""

    def operand(self, run: Run, node: Node, source: str, flow: Flow) -> Flow:
        """Return what `node` sees of `source`."""
        return flow

    def result(self, run: Run, node: Node, flow: Flow) -> Flow:
        """Return what all readers see of `node`."""
        return flow


class Method:
    """A method and its settings: a frozen dataclass, checked when it is made."""

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        """Return the graph to run and the rule to run it with; what the method fits, it fits here."""
        raise NotImplementedError(f"{type(self).__name__}.prepare")

    def needs(self, calibration: Any, what: str) -> Any:
        """Return the calibration data. Raises ParameterError when there are none."""
        if calibration is None:
            raise ParameterError(f"{type(self).__name__} needs calibration data: {what}. Give sparsify(..., calibration=inputs).")
        return calibration


def ridge(x: np.ndarray, y: np.ndarray, strength: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    r"""Return W float64[in, out] and b float64[out] that make :math:`|x W + b - y|^2 + \lambda |W|^2` least.

    strength : float   lambda by the mean variance of x, times the number of samples

    Source: Hoerl & Kennard (1970), eq. 2.1.
    """
    mean, target = x.mean(axis=0), y.mean(axis=0)
    centred = x - mean
    covariance = centred.T @ centred
    scale = strength * max(float(np.trace(covariance)) / len(covariance), 1e-30)
    weight = np.linalg.solve(covariance + scale * np.eye(len(covariance)), centred.T @ (y - target))
    return weight, target - mean @ weight

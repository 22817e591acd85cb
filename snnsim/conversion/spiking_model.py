"""`convert`: the passes in order, and the model they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.compiler.integer import compile_integer
from snnsim.conversion.certificate import Certificate, certify
from snnsim.conversion.lower import lower
from snnsim.conversion.quantise import quantise
from snnsim.engines.settle import IntegerState, run_integer
from snnsim.errors import ParameterError
from snnsim.graph.integer import DenseEdge, Edge, IntegerGraph, OneToOneEdge, Settled, weight_words
from snnsim.graph.ir import Graph, check_inputs
from snnsim.network import Network
from snnsim.results import Result


class LayerInfo(NamedTuple):
    """One row of `SpikingModel.layers`.

    label : 'spiking' | 'group' | 'readout' | 'input'
    levels : values a unit can take; weight_bits : of its widest weights, 0 where all are 1 or come from a population
    """

    name: str
    unit: str
    label: str
    shape: tuple[int, ...]
    levels: int
    weight_bits: int


def _weight_bits(edge: Edge) -> int:
    if isinstance(edge, DenseEdge):
        return 8
    return 8 * weight_words(edge.weight) if isinstance(edge, OneToOneEdge) else 0


@final
class SpikingModel:
    """A trained model as a spiking network, with the integer program it equals.

    Attributes
    ----------
    graph : Graph                   the float model
    integer_graph : IntegerGraph    its quantised form: the reference
    network : Network               an ordinary network; ``simulate(model.network, inputs=...)`` runs it
    """

    def __init__(self, graph: Graph, integer_graph: IntegerGraph) -> None:
        self.graph = graph
        self.integer_graph = integer_graph
        self.compiled = compile_integer(lower(integer_graph))
        self.network: Network = self.compiled.network

    def __call__(
        self,
        inputs: np.ndarray,
        *,
        code: str = "signed_digit",
        schedule: str = "settled",
        seed: int = 0,
        threads: int | None = None,
        record: Mapping[str, Any] | None = None,
        start: IntegerState | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Result:
        """Run int[trials, *input shape] until silent; arguments as in `simulate`."""
        return run_integer(
            self.compiled,
            inputs=inputs,
            code=code,
            schedule=schedule,
            seed=seed,
            threads=threads,
            record=record,
            start=start,
            progress=progress,
        )

    def reference(self, inputs: np.ndarray) -> dict[str, Settled]:
        """Return what the integer program computes, layer by layer, without any event."""
        return self.integer_graph.evaluate(check_inputs("SpikingModel.reference", inputs, self.graph.input))

    def scores(self, result: Result) -> np.ndarray:
        """Return the outputs of a run in the units of the float model, float64[trials, *output shape]."""
        output = self.integer_graph.output
        return result.accumulators[output.name] * output.scale

    def certificate(self, result: Result, reference: Mapping[str, Settled]) -> Certificate:
        """Compare a run with `reference` of the same inputs, in every layer.

        Raises
        ------
        ConversionError   when a single integer differs
        """
        certificate = certify(self.integer_graph, self.compiled, result, reference)
        certificate.check()
        return certificate

    @property
    def layers(self) -> list[LayerInfo]:
        """What each layer became."""
        rows = []
        for layer in self.integer_graph.layers.values():
            low, high = layer.unit.bounds()
            bits = max((_weight_bits(edge) for edge in layer.edges), default=0)
            rows.append(LayerInfo(layer.name, type(layer.unit).__name__, layer.unit.label, layer.shape, high - low + 1, bits))
        return rows

    def __repr__(self) -> str:
        return f"SpikingModel({self.network!r})"


def convert(graph: Graph, calibration: np.ndarray, *, activation_bits: int = 8) -> SpikingModel:
    """Turn a trained float graph into a spiking network that equals its quantised form integer for integer.

    Parameters
    ----------
    graph : Graph                        for example from `snnsim.data.load_model` or `snnsim.trace`
    calibration : int[n, *input shape]   inputs whose largest activations set the scales
    activation_bits : int                2 .. 10; weights have 8 bits, accumulators 32

    Raises
    ------
    ConversionError   naming the node that has no conversion, or that the calibration data do not excite
    CompileError      when an accumulator could overflow, naming the layer and the bits that would do
    ParameterError    for bad calibration data or bits

    Source: the settling property, docs/decisions/settling.md; integer-only inference after Jacob et al. (2018).
    """
    if not isinstance(graph, Graph):
        raise ParameterError(f"convert.graph = {type(graph).__name__} must be a Graph. Make one with snnsim.trace, or load one.")
    return SpikingModel(graph, quantise(graph, calibration, activation_bits=activation_bits))

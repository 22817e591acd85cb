"""Third pass: the float graph becomes an integer graph.

One real scale per population, one integer threshold per channel. With ``u`` the real value of an accumulator unit and
``s_out`` that of an emitted integer, a threshold is ``theta = s_out / u``. It is first rounded *down* to an integer and
``u`` is then redefined as ``s_out / theta``, which costs weight resolution of less than one part in theta and makes the
folding exact: rounding weights and activations is the only approximation left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from snnsim.conversion.calibrate import ranges
from snnsim.conversion.fuse import Fused, fuse, total_bias
from snnsim.errors import ConversionError
from snnsim.graph.functions import FUNCTIONS
from snnsim.graph.integer import DenseEdge, Edge, IntegerGraph, Layer, OneToOneEdge, ProductEdge, SumEdge
from snnsim.graph.ir import Activation, Graph, LayerNorm, Linear, Mean, Multiply, Softmax
from snnsim.models.integer import IntegerUnit
from snnsim.models.integer_input import IntegerInput
from snnsim.models.norm_row import GAIN_BITS, NormRow
from snnsim.models.readout import Readout
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.models.staircase import Staircase
from snnsim.models.table import Table
from snnsim.units import check_integer

WEIGHT_MAX = 127  # int8, symmetric
_TABLE_HALF = 512  # entries on either side of 0 for an activation table
_EXP_BITS = 15  # fixed-point bits of exp(-x)
_EXP_RESOLUTION = 1.0 / 64.0  # widest step of the softmax argument, in nats


def _round(values: np.ndarray) -> np.ndarray:
    return np.floor(np.asarray(values) + 0.5).astype(np.int64)


class _Quantiser:
    """Scales assigned so far. One instance quantises one graph."""

    def __init__(self, graph: Graph, largest: Mapping[str, float], levels: int) -> None:
        self.graph = graph
        self.largest = largest
        self.levels = levels
        self.scale: dict[str, float] = {graph.input.name: graph.input.step}

    def layer(self, fused: Fused, *, last: bool) -> Layer:
        build: Callable[[Fused], tuple[IntegerUnit, tuple[Edge, ...], float]]
        match fused.function, fused.terms[0]:
            case Softmax(), Multiply():
                build = self._softmax
            case LayerNorm(), str():
                build = self._norm
            case (Activation(), Linear()) | (None, Linear() | str()):
                build = self._readout if last else self._linear
            case None, Multiply() | Mean():
                build = self._pooled
            case _:
                raise ConversionError(
                    f"Graph node {fused.name!r}: {type(fused.function).__name__} of {fused.sums!r} has no conversion yet. "
                    "Feed an activation from a linear map, a softmax from a product, and a norm from a stream."
                )
        unit, edges, scale = build(fused)
        self.scale[fused.name] = scale
        return Layer(fused.name, fused.shape, unit, edges, scale)

    def _unit_values(self, fused: Fused) -> np.ndarray:
        """Return the finest accumulator unit per channel that int8 weights allow: max|W_c| s_in / 127."""
        finest = np.zeros(fused.shape[-1])
        for term in fused.terms:
            if isinstance(term, Linear):
                largest = np.abs(term.weight).max(axis=1) * self.scale[term.inputs[0]]
                finest = np.maximum(finest, largest / WEIGHT_MAX)
        if not finest.any():  # streams alone: their steps are the resolution
            streams = [self.scale[term] for term in fused.terms if isinstance(term, str)]
            if not streams:
                raise ConversionError(f"Graph node {fused.name!r} has only zero weights: it computes a constant. Remove it from the model.")
            finest[:] = min(streams) / 64.0
        return np.maximum(finest, finest.max() * 2.0**-16)  # a channel without weights still needs a threshold

    def _edges(self, fused: Fused, u: np.ndarray) -> tuple[Edge, ...]:
        edges: list[Edge] = []
        for term in fused.terms:
            if isinstance(term, str):
                edges.append(OneToOneEdge(term, _round(self.scale[term] / u)))
            elif isinstance(term, Linear):
                weight = _round(term.weight * self.scale[term.inputs[0]] / u[:, None])
                assert np.abs(weight).max() <= WEIGHT_MAX  # u is never finer than the finest unit
                edges.append(DenseEdge(term.inputs[0], weight.T.astype(np.int8)))
            else:
                raise ConversionError(f"Graph node {fused.name!r} adds {type(term).__name__} {term.name!r}, which has no conversion yet.")
        return tuple(edges)

    def _linear(self, fused: Fused) -> tuple[IntegerUnit, tuple[Edge, ...], float]:
        finest = self._unit_values(fused)
        # The real value of one threshold. It cannot be finer than an accumulator unit: few input levels give few output levels.
        step = max(self.largest[fused.sums] / (_TABLE_HALF if fused.function else self.levels), finest.max())
        scale = self.largest[fused.name] / self.levels if fused.function else step
        theta = np.floor(step / finest).astype(np.int64)
        u = step / theta
        edges = self._edges(fused, u)
        bias = _round(total_bias(fused.terms) / u)
        if not isinstance(fused.function, Activation):
            return Staircase(theta=theta, bias=bias, s_min=-self.levels, s_max=self.levels), edges, scale
        arguments = step * np.arange(-_TABLE_HALF, _TABLE_HALF)
        values = np.clip(_round(FUNCTIONS[fused.function.function](arguments) / scale), -self.levels, self.levels)
        return Table(theta=theta, bias=bias, low=-_TABLE_HALF, values=values), edges, scale

    def _readout(self, fused: Fused) -> tuple[IntegerUnit, tuple[Edge, ...], float]:
        u = np.full(fused.shape[-1], self._unit_values(fused).max())  # one unit for all classes, so that they compare
        if fused.function:
            raise ConversionError(f"Graph output {fused.name!r} applies {fused.function.function!r}. End the model in its linear head.")  # type: ignore[union-attr]
        return Readout(bias=_round(total_bias(fused.terms) / u)), self._edges(fused, u), float(u[0])

    def _pooled(self, fused: Fused) -> tuple[IntegerUnit, tuple[Edge, ...], float]:
        """A product or a mean: one threshold for all channels, and the scale that makes it an integer."""
        term = fused.terms[0]
        edge: Edge
        if isinstance(term, Mean):
            source = term.inputs[0]
            u = self.scale[source] / self.graph.nodes[source].shape[0]
            edge = SumEdge(source)
        else:
            assert isinstance(term, Multiply)
            u = term.scale * self.scale[term.inputs[0]] * self.scale[term.inputs[1]]
            edge = ProductEdge(term.inputs[0], term.inputs[1], term.subscripts, term.views)
        theta = max(1, math.ceil(self.largest[fused.name] / self.levels / u))
        return Staircase(theta=theta, s_min=-self.levels, s_max=self.levels), (edge,), theta * u

    def _softmax(self, fused: Fused) -> tuple[IntegerUnit, tuple[Edge, ...], float]:
        term = fused.terms[0]
        assert isinstance(term, Multiply)
        u = term.scale * self.scale[term.inputs[0]] * self.scale[term.inputs[1]]
        shift = max(0, math.floor(math.log2(_EXP_RESOLUTION / u)))
        middle = u * (np.arange(4096) * 2**shift + (2**shift - 1) / 2)
        table = _round(np.exp(-middle) * 2**_EXP_BITS)
        table = table[: np.count_nonzero(table) + 1]
        levels = 2 * self.levels + 1
        edge = ProductEdge(term.inputs[0], term.inputs[1], term.subscripts, term.views)
        return SoftmaxRow(table=table, shift=shift, levels=levels), (edge,), 1.0 / levels

    def _norm(self, fused: Fused) -> tuple[IntegerUnit, tuple[Edge, ...], float]:
        node, source = fused.function, fused.terms[0]
        assert isinstance(node, LayerNorm)
        assert isinstance(source, str)
        scale = self.largest[fused.name] / self.levels
        n = fused.shape[-1]
        epsilon = max(1, round(node.eps * (n / self.scale[source]) ** 2))
        if epsilon > 2**40:
            raise ConversionError(
                f"Graph node {fused.name!r}: eps = {node.eps:g} is {epsilon:g} in units of {source!r}, past 2^40: it would drown the data. "
                "Scale the stream up or lower eps."
            )
        gain, offset = (_round(values / scale * 2**GAIN_BITS) for values in (node.gamma, node.beta))
        unit = NormRow(gain=gain, offset=offset, epsilon=epsilon, s_min=-self.levels, s_max=self.levels)
        return unit, (OneToOneEdge(source, np.array(1)),), scale


def quantise(graph: Graph, calibration: np.ndarray, *, activation_bits: int = 8) -> IntegerGraph:
    """Return the integer graph of `graph`: int8 weights, activations of `activation_bits` bits, 32-bit accumulators.

    Parameters
    ----------
    calibration : int[n, *input shape]   inputs whose largest activations set the scales
    activation_bits : int                2 .. 10

    Raises
    ------
    ConversionError   naming the node that has no conversion, or that the calibration data do not excite
    ParameterError    for bad calibration data or bits
    """
    bits = check_integer("quantise.activation_bits", activation_bits, low=2, high=10)
    quantiser = _Quantiser(graph, ranges(graph, calibration), 2 ** (bits - 1) - 1)
    node = graph.input
    layers = [Layer(node.name, node.shape, IntegerInput(s_min=node.low, s_max=node.high), (), node.step)]
    fused = fuse(graph)
    layers += [quantiser.layer(population, last=population is fused[-1]) for population in fused]
    return IntegerGraph(layers)

"""What the same integer network costs as an ordinary ANN: operations counted on the graph, attention included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.counts import OperationCounts, check_precision
from snnsim.errors import ParameterError
from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, IntegerGraph, Layer, PointEdge, ProductEdge, Settled, read, weight_words
from snnsim.graph.nodes import convolve
from snnsim.units import check_bool, check_integer

_FLOAT_BITS = {"fp64": 64, "fp32": 32, "fp16": 16, "bf16": 16}


def _ones(x: np.ndarray, skip_zeros: bool) -> np.ndarray:
    return (x != 0).astype(np.float64) if skip_zeros else np.ones(x.shape)


class _EdgeWork(NamedTuple):
    """What one edge does over all trials; weights are read once per inference, activations once."""

    macs: int = 0
    adds: int = 0
    multiplies: int = 0
    weights: int = 0
    reads: int = 0


def _edge_work(edge: Edge, layer: Layer, values: Mapping[str, Settled], skip_zeros: bool) -> _EdgeWork:
    if isinstance(edge, ProductEdge):
        return _product_work(edge, values, skip_zeros)
    x = read(values[edge.source], edge.index)
    # A zero-skipping accelerator still reads every activation to see that it is zero.
    reads = x.size if edge.index is None else len(x) * int((edge.index >= 0).sum())
    used = _ones(x, skip_zeros) if edge.index is None else _ones(x, skip_zeros) * (edge.index >= 0)
    match edge:
        case DenseEdge(_, weight):
            return _EdgeWork(macs=int(used.sum()) * weight.shape[1], weights=weight.size * len(x), reads=reads)
        case FiltersEdge(_, weight):
            ones = np.ones((*weight.shape[:-1], edge.groups))  # one channel out of every group
            shape = (*layer.shape[:-1], edge.groups)
            used = used.reshape(len(x), *edge.space)
            sums = convolve(used, shape, ones, edge.stride, edge.padding, edge.dilation, edge.groups).sum()
            return _EdgeWork(macs=int(sums * (weight.shape[-1] // edge.groups)), weights=weight.size * len(x), reads=reads)
        case PointEdge(_, weight):
            terms = int(used.sum())
            if weight_words(weight):  # one factor per value: no sum over weights, so no MAC of any accelerator
                return _EdgeWork(adds=terms, multiplies=terms, weights=np.size(weight) * len(x), reads=reads)
            return _EdgeWork(adds=terms, reads=reads)


def _product_work(edge: ProductEdge, values: Mapping[str, Settled], skip_zeros: bool) -> _EdgeWork:
    sides, _ = edge.subscripts.split("->")
    first, second = sides.split(",")
    operands = read(values[edge.left], edge.left_index), read(values[edge.right], edge.right_index)
    left, right = (_ones(x.reshape(len(x), *view), skip_zeros) for x, view in zip(operands, edge.views, strict=True))
    if edge.only is None:
        macs = np.einsum(f"Z{first},Z{second}->", left, right, optimize=True)
    else:
        macs = np.einsum(f"Z{first},Z{second},{edge.only[0]}->", left, right, edge.only[1].astype(np.float64), optimize=True)
    return _EdgeWork(macs=int(macs), reads=left.size + right.size)


def weight_bits(edge: Edge) -> int:
    """Return the bits of the widest weight of an edge, sign included; 0 where all are 1 or come from a population."""
    if isinstance(edge, (DenseEdge, FiltersEdge)):
        return int(np.abs(edge.weight.astype(np.int64)).max(initial=0)).bit_length() + 1
    return 8 * weight_words(edge.weight) if isinstance(edge, PointEdge) else 0


def _sources(edge: Edge) -> tuple[str, ...]:
    return (edge.left, edge.right) if isinstance(edge, ProductEdge) else (edge.source,)


def _value_bits(graph: IntegerGraph, name: str) -> int:
    return max(1, (graph.layers[name].unit.n_levels - 1).bit_length())


def _widths(graph: IntegerGraph, layer: Layer) -> tuple[int, int]:
    """Return the bits of the widest weights and of the widest activations that a layer multiplies.

    One-to-one factors do not count: they multiply in units of their own, as requantisation does.
    """
    weights, reads = 1, 1
    for edge in [edge for edge in layer.edges if not isinstance(edge, PointEdge)]:
        bits = [_value_bits(graph, source) for source in _sources(edge)]
        reads = max(reads, *bits)
        weights = max(weights, weight_bits(edge), bits[-1] if isinstance(edge, ProductEdge) else 1)
    return weights, reads


def _words(values: int, bits: int) -> int:
    """Return the 8-bit words that hold so many values, packed."""
    return -(-values * bits // 8)


def _layer_counts(
    graph: IntegerGraph, layer: Layer, values: Mapping[str, Settled], skip_zeros: bool, real: int, reuse: int | None
) -> tuple[dict[str, int], tuple[int, int]]:
    """Return the work of the sums of a layer by kind, and the bits of its operands. real : bits of a float, or 0 for integers"""
    widths = (real, real) if real else _widths(graph, layer)
    counts = {"macs": 0, "adds": 0, "multiplies": 0, "weight_fetches": 0, "activation_reads": 0}
    for edge in layer.edges:
        work = _edge_work(edge, layer, values, skip_zeros)
        own = real or weight_bits(edge)
        fetched = work.weights if reuse is None or not work.weights else -(-work.macs // reuse)
        counts["macs"] += work.macs
        counts["adds"] += work.adds
        counts["multiplies"] += work.multiplies
        counts["weight_fetches"] += _words(fetched, own)
        counts["activation_reads"] += _words(work.reads, real or max(_value_bits(graph, source) for source in _sources(edge)))
    return counts, widths


def _check_counted(graph: Any, values: Any) -> None:
    if not isinstance(graph, IntegerGraph):
        raise ParameterError(
            f"ann_operations.graph = {type(graph).__name__} must be an IntegerGraph. Give SpikingModel.integer_graph of a converted model."
        )
    if not isinstance(values, Mapping) or not all(isinstance(values.get(name), Settled) for name in graph.layers):
        raise ParameterError(
            f"ann_operations.values = {type(values).__name__} must hold the integers of every layer of graph. Give "
            "SpikingModel.reference(inputs)."
        )


def ann_operations(
    graph: IntegerGraph,
    values: Mapping[str, Settled],
    *,
    skip_zeros: bool,
    precision: str | None = None,
    reuse: int | None = None,
) -> OperationCounts:
    """Return the operations of an accelerator that runs `graph` layer by layer, over all trials in `values`.

    Favourable to the ANN: every weight is read once per inference and reused for all tokens, every activation once per
    layer that uses it, partial sums stay in registers. Each integer output is requantised by one multiplication and one shift.

    skip_zeros : bool    leave out multiplications by a zero activation (both operands, in attention)
    precision : str      'fp32', 'fp16', 'bf16' or 'fp64': the float model, which needs no requantisation; default the integers of
                         `graph` with their own bits, layer by layer, packed in memory
    reuse : int          MACs for which one weight is used before it is read again; default all of one inference

    Raises ParameterError for another precision, reuse < 1, or values that are not those of `graph`.
    """
    _check_counted(graph, values)
    check_bool("ann_operations.skip_zeros", skip_zeros)
    if precision is not None and check_precision("ann_operations.precision", precision) not in _FLOAT_BITS:
        raise ParameterError(
            f"ann_operations.precision = {precision!r}: integers have the bits of the graph. Convert at other bits, or name one of "
            f"{', '.join(_FLOAT_BITS)}."
        )
    if reuse is not None:
        reuse = check_integer("ann_operations.reuse", reuse, low=1)
    real = _FLOAT_BITS[precision] if precision else 0
    layers: dict[str, dict[str, int]] = {}
    roles: dict[str, str] = {}
    precisions: dict[str, str] = {}
    for name, layer in graph.layers.items():
        s = values[name].s
        counts, (weights, reads) = _layer_counts(graph, layer, values, skip_zeros, real, reuse)
        counts["activation_writes"] = _words(s.size, real or _value_bits(graph, name)) if layer.unit.label != "readout" else 4 * s.size
        if layer.unit.label == "group":
            layers[f"{name}.group"], roles[f"{name}.group"] = _group_counts(layer, s), "group"
            if precision:
                precisions[f"{name}.group"] = precision
        elif layer.unit.label == "spiking":
            tables = layer.unit.operations(layer.shape[-1]).get("tables", 0) * (s.size // layer.shape[-1])
            counts["tables"] = tables
            if not precision:
                counts["multiplies"] += s.size
                counts["shifts"] = s.size
        layers[name], roles[name] = counts, "ann"
        if counts["macs"] or precision:
            precisions[name] = precision or (f"int{weights}" if weights == reads else f"int{weights}x{reads}")
    return OperationCounts(layers, roles, precisions)


def _group_counts(layer: Layer, s: np.ndarray) -> dict[str, Any]:
    rows = s.size // layer.shape[-1]
    return {kind: count * rows for kind, count in layer.unit.operations(layer.shape[-1]).items() if kind != "state_reads"}

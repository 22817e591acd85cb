"""What the same integer network costs as an ordinary ANN: operations counted on the graph, attention included."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, IntegerGraph, Layer, PointEdge, ProductEdge, Settled, read, weight_words
from snnsim.graph.nodes import convolve
from snnsim.results import OperationCounts


def _ones(x: np.ndarray, skip_zeros: bool) -> np.ndarray:
    return (x != 0).astype(np.float64) if skip_zeros else np.ones(x.shape)


def _edge_counts(edge: Edge, layer: Layer, values: Mapping[str, Settled], skip_zeros: bool) -> dict[str, int]:
    """Return MACs, adds, weights and activations read by one edge over all trials."""
    if isinstance(edge, ProductEdge):
        sides, _ = edge.subscripts.split("->")
        first, second = sides.split(",")
        operands = read(values[edge.left], edge.left_index), read(values[edge.right], edge.right_index)
        left, right = (_ones(x.reshape(len(x), *view), skip_zeros) for x, view in zip(operands, edge.views, strict=True))
        if edge.only is None:
            macs = np.einsum(f"Z{first},Z{second}->", left, right, optimize=True)
        else:
            macs = np.einsum(f"Z{first},Z{second},{edge.only[0]}->", left, right, edge.only[1].astype(np.float64), optimize=True)
        return {"macs": int(macs), "activation_reads": left.size + right.size}
    x = read(values[edge.source], edge.index)
    # A zero-skipping accelerator still reads every activation to see that it is zero.
    reads = x.size if edge.index is None else len(x) * int((edge.index >= 0).sum())
    used = _ones(x, skip_zeros) if edge.index is None else _ones(x, skip_zeros) * (edge.index >= 0)
    match edge:
        case DenseEdge(_, weight):
            words = weight.size * weight.itemsize
            return {"macs": int(used.sum()) * weight.shape[1], "weight_fetches": words * len(x), "activation_reads": reads}
        case FiltersEdge(_, weight):
            ones = np.ones((*weight.shape[:-1], edge.groups))  # one channel out of every group
            shape = (*layer.shape[:-1], edge.groups)
            used = used.reshape(len(x), *edge.space)
            sums = convolve(used, shape, ones, edge.stride, edge.padding, edge.dilation, edge.groups).sum()
            macs = sums * (weight.shape[-1] // edge.groups)
            return {"macs": int(macs), "weight_fetches": weight.size * weight.itemsize * len(x), "activation_reads": reads}
        case PointEdge(_, weight):
            words = weight_words(weight)
            counts = {"macs" if words else "adds": int(used.sum()), "activation_reads": reads}
            return counts | ({"weight_fetches": words * np.size(weight) * len(x)} if words else {})


def ann_operations(graph: IntegerGraph, values: Mapping[str, Settled], *, skip_zeros: bool) -> OperationCounts:
    """Return the operations of an integer accelerator that runs `graph` layer by layer, over all trials in `values`.

    Favourable to the ANN: every weight is read once per inference and reused for all tokens, every activation once per
    layer that uses it, partial sums stay in registers. Each output is requantised by one multiplication and one shift.

    skip_zeros : bool   leave out multiplications by a zero activation (both operands, in attention)
    """
    layers: dict[str, dict[str, int]] = {}
    roles: dict[str, str] = {}
    for name, layer in graph.layers.items():
        s = values[name].s
        rows = s.size // layer.shape[-1]
        counts: dict[str, int] = {"activation_writes": s.size}
        for edge in layer.edges:
            for kind, count in _edge_counts(edge, layer, values, skip_zeros).items():
                counts[kind] = counts.get(kind, 0) + int(count)
        if layer.unit.label == "group":
            own = {kind: count * rows for kind, count in layer.unit.operations(layer.shape[-1]).items() if kind != "state_reads"}
            layers[f"{name}.group"], roles[f"{name}.group"] = own, "group"
        elif layer.unit.label == "spiking":
            tables = layer.unit.operations(layer.shape[-1]).get("tables", 0) * rows
            counts |= {"multiplies": s.size, "shifts": s.size, "tables": tables}
        layers[name], roles[name] = counts, "ann"
    return OperationCounts(layers, roles)

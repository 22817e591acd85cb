"""What the same integer network costs as an ordinary ANN: operations counted on the graph, attention included."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnsim.graph.integer import DenseEdge, Edge, IntegerGraph, OneToOneEdge, ProductEdge, Settled, SumEdge, weight_words
from snnsim.results import OperationCounts


def _view(values: Mapping[str, Settled], edge: ProductEdge) -> tuple[np.ndarray, np.ndarray]:
    left, right = (values[name].s for name in (edge.left, edge.right))
    return left.reshape(len(left), *edge.views[0]), right.reshape(len(right), *edge.views[1])


def _product_macs(edge: ProductEdge, left: np.ndarray, right: np.ndarray) -> int:
    sides, _ = edge.subscripts.split("->")
    first, second = sides.split(",")
    return int(np.einsum(f"Z{first},Z{second}->", left, right, optimize=True))


def _edge_counts(edge: Edge, values: Mapping[str, Settled], skip_zeros: bool) -> dict[str, int]:
    """Return MACs, adds, weights and activations read by one edge over all trials."""
    match edge:
        case DenseEdge(source, weight):
            s = values[source].s
            used = np.count_nonzero(s) if skip_zeros else s.size
            # A zero-skipping accelerator still reads every activation to see that it is zero.
            return {"macs": int(used) * weight.shape[1], "weight_fetches": weight.size * len(s), "activation_reads": s.size}
        case OneToOneEdge(source, weight):
            s = values[source].s
            used = int(np.count_nonzero(s)) if skip_zeros else s.size
            words = weight_words(weight)
            return {"macs" if words else "adds": used, "weight_fetches": words * np.size(weight) * len(s), "activation_reads": s.size}
        case SumEdge(source):
            s = values[source].s
            return {"adds": int(np.count_nonzero(s)) if skip_zeros else s.size, "activation_reads": s.size}
        case ProductEdge():
            left, right = _view(values, edge)
            if skip_zeros:
                left, right = (left != 0), (right != 0)
            else:
                left, right = np.ones_like(left), np.ones_like(right)
            macs = _product_macs(edge, left.astype(np.float64), right.astype(np.float64))
            return {"macs": macs, "activation_reads": left.size + right.size}


def ann_operations(graph: IntegerGraph, values: Mapping[str, Settled], *, skip_zeros: bool) -> OperationCounts:
    """Return the operations of an int8 accelerator that runs `graph` layer by layer, over all trials in `values`.

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
            for kind, count in _edge_counts(edge, values, skip_zeros).items():
                counts[kind] = counts.get(kind, 0) + int(count)
        if layer.unit.label == "group":
            own = {kind: count * rows for kind, count in layer.unit.operations(layer.shape[-1]).items() if kind != "state_reads"}
            layers[f"{name}.group"], roles[f"{name}.group"] = own, "group"
        elif layer.unit.label == "spiking":
            tables = layer.unit.operations(layer.shape[-1]).get("tables", 0) * rows
            counts |= {"multiplies": s.size, "shifts": s.size, "tables": tables}
        layers[name], roles[name] = counts, "ann"
    return OperationCounts(layers, roles)

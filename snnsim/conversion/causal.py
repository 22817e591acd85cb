"""Which units can be computed before all positions of an input are given: what makes a state the cache of a decoder."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, IntegerGraph, PointEdge, ProductEdge, placed


def last_needed(graph: IntegerGraph, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the last position that each unit depends on, int64[*shape] by layer.

    given : int[*shape] by input layer: the position whose input a unit follows, -1 for none

    A unit depends on what the units depend on that have a synapse onto its row. Units of a row count as one, since g may read
    them all. So the rows up to any position settle in the same state, whatever is given later: a causal mask whose blocked
    synapses are left out (`conversion.missing`) keeps every token of a decoder to its own position and those before.
    """
    last: dict[str, np.ndarray] = {}
    for layer in graph.layers.values():
        if layer.unit.label == "input":
            last[layer.name] = np.broadcast_to(given[layer.name], layer.shape).astype(np.int64)
            continue
        needed = np.full(layer.shape, -1, dtype=np.int64)
        for edge in layer.edges:
            needed = np.maximum(needed, _through(edge, last, layer.shape))
        last[layer.name] = np.broadcast_to(needed.max(axis=-1, keepdims=True), layer.shape)
    return last


def _read(last: np.ndarray, index: np.ndarray | None) -> np.ndarray:
    if index is None:
        return last
    return np.where(index >= 0, last.ravel()[index.ravel()].reshape(index.shape), -1)


def _through(edge: Edge, last: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return the last position that reaches each unit of `shape` along one edge."""
    match edge:
        case DenseEdge(source, weight):
            rows = _read(last[source], edge.index).reshape(-1, len(weight)).max(axis=1)
            return np.broadcast_to(rows[:, None], (len(rows), weight.shape[1])).reshape(shape)
        case FiltersEdge(source):
            return np.full(shape, _read(last[source], edge.index).max())  # whichever way it looks: more than it may need, never less
        case PointEdge(source):
            return _read(last[source], edge.index).reshape(-1, *shape).max(axis=0)
        case ProductEdge():
            return _product(edge, last).reshape(shape)


def _product(edge: ProductEdge, last: Mapping[str, np.ndarray]) -> np.ndarray:
    sides, out = edge.subscripts.split("->")
    letters, there = edge.only or ("", np.array(True))
    kept = "".join(dict.fromkeys(out + letters))
    total = np.full([1] * len(kept), -1)
    operands = (edge.left, edge.left_index), (edge.right, edge.right_index)
    for labels, view, (name, index) in zip(sides.split(","), edge.views, operands, strict=True):
        values = _read(last[name], index).reshape(view)
        summed = tuple(axis for axis, label in enumerate(labels) if label not in kept)
        rest = "".join(label for label in labels if label in kept)
        total = np.maximum(total, placed(rest, values.max(axis=summed, initial=-1), kept))
    sizes = dict(zip(sides.replace(",", ""), (*edge.views[0], *edge.views[1]), strict=True))
    total = np.broadcast_to(total, [sizes[label] for label in kept])
    reached = np.where(placed(letters, there, kept), total, -1)
    return reached.max(axis=tuple(range(len(out), len(kept))), initial=-1).reshape([sizes[label] for label in out] or [prod(())])

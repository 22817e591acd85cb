"""A pass: synapses that a constant mask makes useless are left out of the products of attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from snnsim.connect.product import Product
from snnsim.graph.integer import IntegerGraph, Layer, ProductEdge
from snnsim.models.softmax_row import SoftmaxRow


def without_missing(graph: IntegerGraph) -> IntegerGraph:
    """Return the graph whose products skip what a constant mask blocks, such as the future under a causal one.

    A score is blocked when its unit emits 0 for every input; then neither it nor what it would be multiplied with needs
    a synapse. Scores and values on open places are the same, emitted values everywhere; the accumulators of blocked
    scores stay at their bias. Masks whose open places do not lie in one piece for every unit are left as they are.
    """
    layers: dict[str, Layer] = {}
    open_places: dict[str, np.ndarray] = {}
    for layer in graph.layers.values():
        edges = list(layer.edges)
        for i, edge in enumerate(edges):
            if isinstance(edge, ProductEdge):
                for side in ("left", "right"):
                    if getattr(edge, side) in open_places:
                        edges[i] = _weighted(edge, side, open_places[getattr(edge, side)], layer)
        there = _open(layer, graph.layers)
        scores = edges[0] if edges else None
        if there is not None and isinstance(scores, ProductEdge) and scores.only is None:
            out = scores.subscripts.split("->")[1]
            limited = _limited(scores, out, there, layer) if len(out) == there.ndim else scores
            edges = [limited]
            open_places[layer.name] = there
        layers[layer.name] = replace(layer, edges=tuple(edges))
    return IntegerGraph(list(layers.values()))


def _open(layer: Layer, layers: Mapping[str, Layer]) -> np.ndarray | None:
    """Return which scores of a softmax can count, bool[*shape]; None where all can, or where it is not proven.

    Proof: a blocked sum stays so far below an open one of its row, whatever the product adds, that its table entry is 0.
    """
    unit = layer.unit
    if not isinstance(unit, SoftmaxRow) or len(layer.edges) != 1 or not isinstance(layer.edges[0], ProductEdge) or unit.table[-1] != 0:
        return None
    reach = _reach(layer.edges[0], layers)
    bias = np.broadcast_to(unit.bias, layer.shape)
    there = bias > bias.max(axis=-1, keepdims=True) - (((len(unit.table) - 1) << unit.shift) + 2 * reach)
    return None if there.all() else there


def _reach(edge: ProductEdge, layers: Mapping[str, Layer]) -> int:
    """Return the largest magnitude that a product can add."""
    sides, out = edge.subscripts.split("->")
    sizes = dict(zip(sides.replace(",", ""), (*edge.views[0], *edge.views[1]), strict=True))
    largest = [max(abs(bound) for bound in layers[name].unit.bounds()) for name in (edge.left, edge.right)]
    return abs(edge.gain) * largest[0] * largest[1] * prod(size for label, size in sizes.items() if label not in out)


def _weighted(edge: ProductEdge, side: str, there: np.ndarray, layer: Layer) -> ProductEdge:
    """Return a product that reads the softmax on one side, without what is multiplied by the blocked scores."""
    if edge.only is not None or edge.left == edge.right:
        return edge
    place = 0 if side == "left" else 1
    index, view = (edge.left_index, edge.right_index)[place], edge.views[place]
    flat = there.ravel() if index is None else there.ravel()[index.ravel()] & (index.ravel() >= 0)
    return _limited(edge, edge.subscripts.split("->")[0].split(",")[place], flat.reshape(view), layer)


def _limited(edge: ProductEdge, letters: str, there: np.ndarray, layer: Layer) -> ProductEdge:
    """Return `edge` with synapses at the given places only, where both sides have theirs in one piece."""
    sides, out = edge.subscripts.split("->")
    first, second = sides.split(",")
    for a, b, views in ((first, second, edge.views), (second, first, edge.views[::-1])):
        product = Product(None, f"{a},{b}->{out}", only=(letters, there))
        if product.limits(product.sizes(layer.name, views[0], views[1], layer.shape)) is None:
            return edge
    return replace(edge, only=(letters, there))

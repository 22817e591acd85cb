"""Last pass: the integer graph becomes an ordinary network."""

from __future__ import annotations

import numpy as np

from snnsim.connect import Connector, Dense, Filters, Gathered, OneToOne, Product, SumOver
from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, IntegerGraph, PointEdge, ProductEdge
from snnsim.graph.nodes import Shape
from snnsim.network import Network, Population, Projection


def _read(connector: Connector, pre: Population, index: np.ndarray | None, shape: Shape) -> Connector:
    """Return the connector that reads `pre` in a layout of `shape`."""
    if index is None and pre.shape == shape:
        return connector
    return Gathered(connector, (np.arange(pre.size, dtype=np.int32) if index is None else index).reshape(shape))


def _projections(edge: Edge, post: Population, populations: dict[str, Population]) -> list[Projection]:
    if isinstance(edge, ProductEdge):
        return _product(edge, post, populations)
    pre = populations[edge.source]
    match edge:
        case DenseEdge():
            shape: Shape = (*post.shape[:-1], len(edge.weight))
            return [Projection(pre, post, _read(Dense(edge.weight), pre, edge.index, shape), weight=edge.gain)]
        case FiltersEdge():
            filters = Filters(edge.weight, stride=edge.stride, padding=edge.padding, dilation=edge.dilation, groups=edge.groups)
            return [Projection(pre, post, _read(filters, pre, edge.index, edge.space), weight=edge.gain)]
        case PointEdge():
            size = pre.size if edge.index is None else edge.index.size
            shape = post.shape if size == post.size else (size // post.size, *post.shape)
            connector = OneToOne() if shape == post.shape else SumOver()
            weight = edge.weight.reshape(shape) if edge.weight.size == np.prod(shape) else edge.weight
            return [Projection(pre, post, _read(connector, pre, edge.index, shape), weight=weight)]


def _product(edge: ProductEdge, post: Population, populations: dict[str, Population]) -> list[Projection]:
    sides, out = edge.subscripts.split("->")
    first, second = sides.split(",")
    a, b = populations[edge.left], populations[edge.right]
    forth = _read(Product(b, f"{first},{second}->{out}", edge.views[1], edge.only), a, edge.left_index, edge.views[0])
    back = _read(Product(a, f"{second},{first}->{out}", edge.views[0], edge.only), b, edge.right_index, edge.views[1])
    return [Projection(a, post, forth, weight=edge.gain), Projection(b, post, back, weight=edge.gain)]


def lower(graph: IntegerGraph) -> Network:
    """Return the network whose settled state is ``graph.evaluate``: one population per layer, two projections per product."""
    populations: dict[str, Population] = {}
    projections: list[Projection] = []
    for layer in graph.layers.values():
        post = populations[layer.name] = Population(layer.name, layer.shape, layer.unit)
        for edge in layer.edges:
            projections += _projections(edge, post, populations)
    return Network(*populations.values(), *projections)

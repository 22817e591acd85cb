"""Last pass: the integer graph becomes an ordinary network."""

from __future__ import annotations

import numpy as np

from snnsim.connect import Connector, Dense, Filters, Gathered, OneToOne, Product, SumOver
from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, IntegerGraph, PointEdge, ProductEdge
from snnsim.graph.nodes import Shape
from snnsim.network import Network, Population, Projection


def _through(connector: Connector, index: np.ndarray | None) -> Connector:
    return connector if index is None else Gathered(connector, index)


def _projections(edge: Edge, post: Population, populations: dict[str, Population]) -> list[Projection]:
    match edge:
        case DenseEdge():
            connector: Connector = Dense(edge.weight)
            return [Projection(populations[edge.source], post, _through(connector, edge.index), weight=edge.gain)]
        case FiltersEdge():
            connector = Filters(edge.weight, stride=edge.stride, padding=edge.padding, dilation=edge.dilation, groups=edge.groups)
            return [Projection(populations[edge.source], post, _through(connector, edge.index), weight=edge.gain)]
        case PointEdge():
            pre = populations[edge.source]
            shape: Shape = pre.shape if edge.index is None else edge.index.shape
            connector = SumOver() if len(shape) > 1 and shape[1:] == post.shape else OneToOne()
            return [Projection(pre, post, _through(connector, edge.index), weight=edge.weight)]
        case ProductEdge():
            sides, out = edge.subscripts.split("->")
            first, second = sides.split(",")
            a, b = populations[edge.left], populations[edge.right]
            left, right = (_in_shape(*side) for side in ((edge.left_index, edge.views[0]), (edge.right_index, edge.views[1])))
            shapes = [None if index is None else index.shape for index in (left, right)]
            forth = _through(Product(b, f"{first},{second}->{out}", shapes[1]), left)
            back = _through(Product(a, f"{second},{first}->{out}", shapes[0]), right)
            return [Projection(a, post, forth, weight=edge.gain), Projection(b, post, back, weight=edge.gain)]


def _in_shape(index: np.ndarray | None, view: Shape) -> np.ndarray | None:
    """Return the layout in which a product reads an operand."""
    return None if index is None else index.reshape(view)


def lower(graph: IntegerGraph) -> Network:
    """Return the network whose settled state is ``graph.evaluate``: one population per layer, two projections per product."""
    populations: dict[str, Population] = {}
    projections: list[Projection] = []
    for layer in graph.layers.values():
        post = populations[layer.name] = Population(layer.name, layer.shape, layer.unit)
        for edge in layer.edges:
            projections += _projections(edge, post, populations)
    return Network(*populations.values(), *projections)

"""Last pass: the integer graph becomes an ordinary network."""

from __future__ import annotations

from snnsim.connect import Dense, OneToOne, Product, SumOver
from snnsim.graph.integer import DenseEdge, IntegerGraph, OneToOneEdge, ProductEdge, SumEdge
from snnsim.network import Network, Population, Projection


def lower(graph: IntegerGraph) -> Network:
    """Return the network whose settled state is ``graph.evaluate``: one population per layer, two projections per product."""
    populations: dict[str, Population] = {}
    projections: list[Projection] = []
    for layer in graph.layers.values():
        post = populations[layer.name] = Population(layer.name, layer.shape, layer.unit)
        for edge in layer.edges:
            match edge:
                case DenseEdge(source, weight):
                    projections.append(Projection(populations[source], post, Dense(weight)))
                case OneToOneEdge(source, weight):
                    projections.append(Projection(populations[source], post, OneToOne(), weight=weight))
                case SumEdge(source):
                    projections.append(Projection(populations[source], post, SumOver()))
                case ProductEdge(left, right, subscripts, _):
                    sides, out = subscripts.split("->")
                    first, second = sides.split(",")
                    a, b = populations[left], populations[right]
                    projections.append(Projection(a, post, Product(b, f"{first},{second}->{out}")))
                    projections.append(Projection(b, post, Product(a, f"{second},{first}->{out}")))
    return Network(*projections)

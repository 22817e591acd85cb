"""Bounds on what an integer graph will settle in, from bounds on its inputs: interval arithmetic along the layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, IntegerGraph, PointEdge, ProductEdge, Settled, edge_sum, evaluate_unit
from snnsim.models.integer import IntegerUnit
from snnsim.models.max_row import MaxRow
from snnsim.models.staircase import Staircase


class Bounds(NamedTuple):
    """What accumulators and emitted values lie between, int64[trials, *shape] each."""

    acc_low: np.ndarray
    acc_high: np.ndarray
    low: np.ndarray
    high: np.ndarray


def bounds_of(graph: IntegerGraph, inputs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Bounds]:
    r"""Return bounds on the settled state of every layer, for all inputs between two arrays.

    A sum is bounded by midpoint and radius, :math:`W c \pm |W| r`, a product by
    :math:`c_a c_b \pm (|c_a| r_b + r_a |c_b| + r_a r_b)`. Staircases and maxima rise with their sums, so that the ends of the interval
    give the ends of the values. For softmax, norm and table rows the range of the unit is taken, unless the sums of the row are known.

    inputs : (lowest, highest) int[trials, *shape] by input layer

    Source: Moore (1966), Interval Analysis; midpoint and radius after Rump (1999).
    """
    bounds: dict[str, Bounds] = {}
    for layer in graph.layers.values():
        if layer.unit.label == "input":
            low, high = (np.asarray(end).astype(np.int64) for end in inputs[layer.name])
            zero = np.zeros_like(low)
            bounds[layer.name] = Bounds(zero, zero, low, high)
            continue
        trials = len(next(iter(bounds.values())).low)
        middle = 2 * np.broadcast_to(layer.unit.bias, (trials, *layer.shape)).astype(np.int64)
        radius = np.zeros_like(middle)
        for edge in layer.edges:
            c, r = _spread(edge, bounds, layer.shape)
            middle, radius = middle + c.reshape(middle.shape), radius + r.reshape(middle.shape)
        low, high = (middle - radius) // 2, -((-middle - radius) // 2)
        bounds[layer.name] = Bounds(low, high, *_values(layer.unit, low, high))
    return bounds


def _spread(edge: Edge, bounds: Mapping[str, Bounds], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return twice the midpoint and twice the radius of what an edge adds."""
    zero = np.zeros(0, dtype=np.int64)

    def summed(edge: Edge, **values: np.ndarray) -> np.ndarray:
        return edge_sum(edge, {name: Settled(zero, value) for name, value in values.items()}, shape)

    match edge:
        case DenseEdge() | FiltersEdge():
            weight = np.abs(edge.weight.astype(np.int32))
            one, size = replace(edge, source="x"), replace(edge, source="x", weight=weight, gain=abs(edge.gain))
        case PointEdge():
            one, size = replace(edge, source="x"), replace(edge, source="x", weight=np.abs(edge.weight.astype(np.int64)))
        case ProductEdge():
            product, size = replace(edge, left="a", right="b"), replace(edge, left="a", right="b", gain=abs(edge.gain))
            (a, ra), (b, rb) = (_middle(bounds[name]) for name in (edge.left, edge.right))
            radius = summed(size, a=np.abs(a) + ra, b=np.abs(b) + rb) - summed(size, a=np.abs(a), b=np.abs(b))
            # Four times midpoint and radius. Where the radius is 0, both are even; elsewhere it takes what rounding leaves.
            return summed(product, a=a, b=b) // 2, np.where(radius == 0, 0, radius // 2 + 1)
    c, r = _middle(bounds[edge.source])
    return summed(one, x=c), summed(size, x=r)


def _middle(bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    return bounds.low + bounds.high, bounds.high - bounds.low


def _values(unit: IntegerUnit, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the units of rows emit at least and at most, for sums between low and high."""
    if unit.label == "readout":
        return np.zeros_like(low), np.zeros_like(low)
    known = (low == high).all(axis=-1, keepdims=True)
    reach = 2**31 - 1
    inside = evaluate_unit(unit, np.clip(low, -reach, reach))
    if isinstance(unit, (Staircase, MaxRow)):
        return inside, evaluate_unit(unit, np.clip(high, -reach, reach))
    least, most = unit.bounds()
    return np.where(known, inside, least), np.where(known, inside, most)

"""The table of a converted model: what each operation of the user's model became."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from snnsim.conversion.coding import Coding
from snnsim.conversion.places import Place
from snnsim.graph.integer import IntegerGraph, Layer
from snnsim.graph.operations import weight_bits


class LayerInfo(NamedTuple):
    """One row of `SpikingModel.layers`: a population, a computation of the host, or an operation that needs neither.

    name : str                of the population or the node; of a folded operation, its path in the user's model
    unit : str                what stands for it: an integer unit, or a node of the host; empty where it is folded
    label : 'spiking' | 'group' | 'readout' | 'input' | 'host' | 'folded' | 'unused'
        folded : it became weights, thresholds, indices or constants of the rows `into`; unused : nothing reads it
    levels : values a unit can take; threshold : smallest and largest, 0 where there is none
    weight_bits : of its widest weights, 0 where all are 1 or come from a population; origin : place in the user's source
    operation : str           in the user's model, such as 'linear'; empty for a population that is part of none
    into : tuple of str       rows that took a folded operation in
    calls : tuple of str      names in the exported program (nodes, for a graph that comes from none) that no other row has
    """

    name: str
    unit: str
    label: str
    shape: tuple[int, ...]
    levels: int
    threshold: tuple[int, int]
    weight_bits: int
    origin: str
    operation: str = ""
    into: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The label, and for a folded operation what took it in."""
        return f"folded into {', '.join(self.into)}" if self.into else self.label


def layer_rows(coding: Coding, integer_graph: IntegerGraph, places: Sequence[Place]) -> list[LayerInfo]:
    """Return the rows of the host first, then population by population; what is folded stands below the first row it is part of."""
    own = {place.rows[-1]: place for place in places if place.rows}
    part_of = {name: place.operation for place in places for name in place.rows}
    below: dict[str, list[LayerInfo]] = {}
    rows = [*_host_rows(coding), *map(_layer_row, integer_graph.layers.values())]
    for row in _folded_rows(places, {row.name for row in rows}):
        below.setdefault(row.into[0] if row.into else "", []).append(row)
    table = []
    for row in rows:
        hides = row.label == "input" and row.name in coding.host.nodes  # an input, or what the host hands over: the host did it
        place = None if hides else own.get(row.name)
        operation = "" if hides else part_of.get(row.name, "")
        table.append(row._replace(operation=operation, calls=(place.call,) if place else ()))
        table += [] if hides and row.name in own else below.pop(row.name, [])
    return table + below.pop("", [])


def _host_rows(coding: Coding) -> Iterator[LayerInfo]:
    for name, operation, shape, origin in coding.host_rows():
        yield LayerInfo(name, operation, "host", shape, 0, (0, 0), 0, origin)


def _layer_row(layer: Layer) -> LayerInfo:
    bits = max((weight_bits(edge) for edge in layer.edges), default=0)
    theta = np.asarray(getattr(layer.unit, "theta", 0))
    unit = layer.unit
    levels, threshold = unit.n_levels, (int(theta.min()), int(theta.max()))
    return LayerInfo(layer.name, type(unit).__name__, unit.label, layer.shape, levels, threshold, bits, layer.origin)


def _folded_rows(places: Iterable[Place], names: set[str]) -> Iterator[LayerInfo]:
    """Yield the operations without a row of their own, under names that no other row has."""
    for place in places:
        if place.rows:
            continue
        name, n = place.name, 1
        while name in names:
            n += 1
            name = f"{place.name}_{n}"
        names.add(name)
        label = "folded" if place.into else "unused"
        yield LayerInfo(name, "", label, place.shape, 0, (0, 0), 0, place.origin, place.operation, place.into, (place.call,))

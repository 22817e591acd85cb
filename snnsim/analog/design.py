"""From an integer program to the program of a chip: weighted edges go through crossbars, everything else stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from snnsim.analog.crossbar import Crossbar, Site, build
from snnsim.analog.device import AnalogDevice, draws_of
from snnsim.analog.tiles import WeightedEdge, tiles
from snnsim.graph.integer import DenseEdge, FiltersEdge, IntegerGraph, Layer, PointEdge
from snnsim.models.staircase import Staircase


class Program(NamedTuple):
    """The program of a chip. converters : populations of the DACs"""

    graph: IntegerGraph
    crossbars: tuple[Crossbar, ...]
    dacs: tuple[str, ...]


class _Dac(NamedTuple):
    """Population that an edge reads instead of its source; level : steps of the source in one of its levels; largest : most levels."""

    name: str
    level: float
    largest: int
    layer: Layer | None


def _dac(source: Layer, bits: int | None, taken: set[str]) -> _Dac:
    largest = max(abs(bound) for bound in source.unit.bounds())
    most = largest if bits is None else 2**bits - 1
    if largest <= most:
        return _Dac(source.name, 1.0, largest, None)
    name = fresh(f"{source.name}.dac", taken)
    unit = Staircase(theta=largest, s_min=-most if source.unit.bounds()[0] < 0 else 0, s_max=most)
    edge = PointEdge(source.name, np.array(most, dtype=np.int32))
    return _Dac(name, largest / most, most, Layer(name, source.shape, unit, (edge,), 1.0))


def fresh(name: str, taken: set[str]) -> str:
    """Return `name`, or with the first number that makes it new."""
    number, fresh = 1, name
    while fresh in taken:
        number += 1
        fresh = f"{name}{number}"
    taken.add(fresh)
    return fresh


class _Weights:
    """What the crossbars of a chip hold. An array that several edges share (a cell run step after step) is stored once."""

    def __init__(self, device: AnalogDevice, seed: int, time: float) -> None:
        self.device, self.seed, self.time = device, seed, time
        self.kept: dict[int, tuple[np.ndarray, str, np.ndarray]] = {}

    def of(self, place: str, weight: np.ndarray) -> tuple[str, np.ndarray]:
        """Return (place where they are stored, float64 weights)."""
        if id(weight) not in self.kept:
            held = self.device.weights(weight, draws_of(self.seed, place), self.time)
            self.kept[id(weight)] = weight, place, held
        return self.kept[id(weight)][1:]


def program(graph: IntegerGraph, device: AnalogDevice, *, seed: int, time: float, reach: Mapping[str, float]) -> Program:
    """Return the program of the chip `seed`, `time` seconds after its devices were written.

    reach : largest magnitude of the sums of each crossbar in the calibration data, by the name of its converters; needed for an ADC

    Raises
    ------
    ParameterError    for tiles smaller than a kernel
    ConversionError   naming the layer, where weights or sums have no room
    """
    taken = set(graph.layers)
    weights = _Weights(device, seed, time)
    dacs: dict[str, _Dac] = {}
    crossbars: list[Crossbar] = []
    inputs, rest = list(graph.inputs), list[Layer]()

    def driven(source: str) -> _Dac:
        if source not in dacs:
            dac = dacs[source] = _dac(graph.layers[source], device.dac_bits, taken)
            if dac.layer is not None:
                rest.append(dac.layer)
        return dacs[source]

    for layer in graph.layers.values():
        if layer.unit.label == "input":
            continue
        edges: list = []
        for edge in layer.edges:
            if not isinstance(edge, (DenseEdge, FiltersEdge)):
                edges.append(edge)
                continue
            for bar, inserted in _crossbars(device, layer, edge, driven(edge.source), graph.layers[edge.source], weights, taken, reach):
                crossbars.append(bar)
                inputs += [each for each in inserted if each.unit.label == "input"]
                rest += [each for each in inserted if each.unit.label != "input"]
                edges.append(PointEdge(bar.name, np.array(bar.worth, dtype=np.int32)))
        rest.append(replace(layer, edges=tuple(edges)))
    return Program(IntegerGraph([*inputs, *rest]), tuple(crossbars), tuple(dac.name for dac in dacs.values() if dac.layer))


def _crossbars(
    device: AnalogDevice,
    layer: Layer,
    edge: WeightedEdge,
    dac: _Dac,
    source: Layer,
    weights: _Weights,
    taken: set[str],
    reach: Mapping[str, float],
) -> list[tuple[Crossbar, list[Layer]]]:
    """Return the crossbars of one edge, and what each inserts."""
    place, held = weights.of(f"{edge.source} -> {layer.name}", edge.weight)
    digital = float(np.abs(edge.weight.astype(np.int64)).max(initial=1))
    made = []
    for tile in tiles(layer.name, edge, layer.shape, source.shape, device.tile):
        name = fresh(f"{layer.name}.crossbar", taken)
        site = Site(name, layer.name, layer.shape, edge.source, dac.name, dac.level, dac.largest)
        draws = draws_of(weights.seed, f"{place} {tile.rows.start}")
        made.append(build(device, site, tile, held[..., tile.rows, :], digital, draws, reach.get(name, 0.0)))
    return made


def ideal(graph: IntegerGraph, device: AnalogDevice) -> Program:
    """Return the program of an ideal chip with crossbars of the same names and sizes: its converters emit the exact sums."""
    return program(graph, AnalogDevice(tile=device.tile), seed=0, time=0.0, reach={})

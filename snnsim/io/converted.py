"""Converted models on disk: one .npz of plain arrays with a JSON header. Loading needs no torch and never executes code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from snnsim.conversion.coding import Coding, Output, Piece, Port
from snnsim.conversion.places import Place
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.errors import ParameterError
from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, IntegerGraph, Layer, PointEdge, ProductEdge
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import OPERATIONS
from snnsim.io.archive import Format, described, fingerprint, forms, reading, write
from snnsim.io.pack import Packer, Unpacker
from snnsim.models.integer import IntegerUnit
from snnsim.models.integer_input import IntegerInput
from snnsim.models.max_row import MaxRow
from snnsim.models.norm_row import NormRow
from snnsim.models.readout import Readout
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.models.staircase import Staircase
from snnsim.models.table import Table

_FORMAT = Format("snnsim-converted", "converted model", "save_converted", version=1)

#: the units that a file may name
UNITS: tuple[type[IntegerUnit], ...] = (IntegerInput, MaxRow, NormRow, Readout, SoftmaxRow, Staircase, Table)
_EDGES = (DenseEdge, FiltersEdge, PointEdge, ProductEdge)
_LARGEST = 2**31 - 1  # units of a network: they stand in one 32-bit index space


def save_converted(model: SpikingModel, path: str | Path) -> None:
    """Write a converted model to `path` (.npz), so that `load_converted` gives it back, integer for integer, in any process.

    It holds the whole of it: the network with its units, thresholds and weights, and the host's part: embeddings, masks, scales of
    inputs and outputs; and where each operation of the user's model went. Equal arrays are stored once. The calibration data are left out.
    Of an `AnalogChip` it holds the network alone: what is loaded answers as the chip does, but its counts are those of the populations
    and synapses that stand for converters and devices.

    Raises
    ------
    ParameterError   for anything but a `SpikingModel`, and for one that draws noise
    OSError          when the file cannot be written; an older file then stays as it was
    """
    if not isinstance(model, SpikingModel):
        raise ParameterError(f"save_converted.model = {type(model).__name__} must be a SpikingModel. Give what sim.convert returned.")
    if type(model.coding) is not Coding:
        raise ParameterError(
            "save_converted.model draws noise for every reading, which a file has no place for. Save the model its chip was made of."
        )
    packer = Packer()
    coding = model.coding
    header = {
        "format": _FORMAT.name,
        "version": _FORMAT.version,
        "layers": packer.pack(list(model.integer_graph.layers.values())),
        "host": packer.pack(list(coding.host.nodes.values())),
        "host_outputs": [node.name for node in coding.host.outputs],
        "ports": packer.pack(coding.ports),
        "outputs": packer.pack(coding.outputs),
        "places": packer.pack(model.places),
    }
    header["arrays"] = forms(packer.arrays)
    header["sha256"] = fingerprint(packer.arrays, described(header))
    write(path, header, packer.arrays, compress=True)


def load_converted(path: str | Path) -> SpikingModel:
    """Return the model stored at `path`: it answers with the same integers as the one that was saved.

    Raises
    ------
    FormatError   for a missing, damaged or foreign file, a newer version, or contents that make no model
    """
    with reading(path, _FORMAT) as (header, arrays):
        if header["sha256"] != fingerprint(arrays, described(header)):
            raise ValueError("its contents do not match the checksum in its header")
        return _rebuilt(header, arrays)


def _rebuilt(header: Mapping, arrays: Mapping[str, np.ndarray]) -> SpikingModel:
    network = Unpacker((*UNITS, *_EDGES, Layer), arrays)
    layers = [_checked_layer(network.unpack(row)) for row in header["layers"]]
    if sum(prod(layer.shape) for layer in layers) > _LARGEST:
        raise ValueError("more units than an index of 32 bits tells apart")
    integer_graph = IntegerGraph(layers)
    if len(integer_graph.layers) < len(layers):
        raise ValueError("two layers of one name")
    _check_order(layers)
    nodes = Unpacker(tuple(OPERATIONS.values()), arrays)
    host = Graph([nodes.unpack(row) for row in header["host"]], tuple(header["host_outputs"]))
    about = Unpacker((Port, Output, Piece), arrays)
    ports, outputs = about.unpack(header["ports"]), about.unpack(header["outputs"])
    _check_ports(ports, host, integer_graph)
    for output in outputs.values():
        _check_output(output, integer_graph)
    coding = Coding(host, ports, outputs)
    return SpikingModel(coding, integer_graph, places=_places(header.get("places", []), coding, integer_graph))


def _places(rows: Sequence, coding: Coding, integer_graph: IntegerGraph) -> tuple[Place, ...]:
    """Return where the operations went. A file of an older snnsim holds none."""
    places = Unpacker((Place,), {}).unpack(rows)
    known = {*integer_graph.layers, *coding.host.nodes}
    for place in places:
        if not isinstance(place, Place) or not known.issuperset((*place.rows, *place.into)):
            raise ValueError("an operation that is part of no layer")
    return places


def _whole(what: str, array: np.ndarray | None) -> None:
    if array is not None and array.dtype.kind != "i":
        raise TypeError(f"{what} holds {array.dtype} where whole numbers belong")


def _check_edge(name: str, edge: Edge) -> None:
    if isinstance(edge, ProductEdge):
        _whole(f"an edge of {name!r}", edge.left_index)
        _whole(f"an edge of {name!r}", edge.right_index)
        if edge.only is not None and (len(edge.only) != 2 or edge.only[1].dtype != np.bool_):
            raise TypeError(f"an edge of {name!r} leaves out synapses by something other than a mask")
    else:
        _whole(f"an edge of {name!r}", edge.weight)
        _whole(f"an edge of {name!r}", edge.index)


def _finite(what: str, *values: object) -> None:
    for value in values:
        array = np.asarray(value)
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"{what} holds what is no finite real number")


def _fits(what: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if np.broadcast_shapes(np.shape(values), shape) != shape:
        raise ValueError(f"{what} has shape {np.shape(values)} where {shape} belongs")


def _checked_layer(layer: Layer) -> Layer:
    if not isinstance(layer, Layer) or not isinstance(layer.unit, UNITS):
        raise TypeError("a layer without a unit")
    if not layer.shape or min(layer.shape) < 1:
        raise ValueError(f"layer {layer.name!r} has the shape {layer.shape}")
    scale = np.asarray(layer.scale, dtype=np.float64 if isinstance(layer.scale, (int, float)) else None)
    _finite(f"the scale of layer {layer.name!r}", scale)
    _fits(f"the scale of layer {layer.name!r}", scale, layer.shape)
    for edge in layer.edges:
        _check_edge(layer.name, edge)
    return layer


def _check_order(layers: list[Layer]) -> None:
    known: set[str] = set()
    for layer in layers:
        for edge in layer.edges:
            sources = (edge.left, edge.right) if isinstance(edge, ProductEdge) else (edge.source,)
            if not known.issuperset(sources):
                raise ValueError(f"layer {layer.name!r} reads a later one, or none")
        known.add(layer.name)


def _check_ports(ports: Mapping[str, Port], host: Graph, integer_graph: IntegerGraph) -> None:
    inputs = {layer.name: layer for layer in integer_graph.inputs}
    if set(ports) != set(inputs):
        raise ValueError("its ports are not its input layers")
    for name, port in ports.items():
        if (port.low, port.high) != inputs[name].unit.bounds() or host.nodes[name].shape != inputs[name].shape:
            raise ValueError(f"port {name!r} does not fit its layer")
        if port.scale is not None:
            _finite(f"the scale of port {name!r}", port.scale)
            _fits(f"the scale of port {name!r}", port.scale, inputs[name].shape)
            if not (port.scale > 0.0).all():
                raise ValueError(f"the scale of port {name!r} is not positive")


def _check_output(output: Output, integer_graph: IntegerGraph) -> None:
    _finite("an output", output.offset)
    _fits("an output", output.offset, output.shape)
    for piece in output.pieces:
        _whole("an output", piece.index)
        _finite("an output", piece.coefficient)
        _fits("an output", piece.coefficient, output.shape)
        size = prod(integer_graph.layers[piece.source].shape)
        if piece.index.shape != output.shape or piece.index.min() < -1 or piece.index.max() >= size:
            raise ValueError(f"an output reads places of {piece.source!r} that do not exist")

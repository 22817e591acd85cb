"""How the weights of an edge are cut into crossbars, and what one reading of them takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.integer import DenseEdge, FiltersEdge
from snnsim.graph.nodes import Shape

WeightedEdge = DenseEdge | FiltersEdge


class Tile(NamedTuple):
    """Rows of a weight array, and the edge that reads what they need. reads : vectors multiplied for one inference"""

    rows: slice
    edge: WeightedEdge
    reads: int
    height: int
    width: int


def reads_of(edge: WeightedEdge, shape: Shape) -> int:
    """Return how many vectors go through the crossbars of an edge for one inference: tokens, or places of a convolution."""
    groups = edge.groups if isinstance(edge, FiltersEdge) else 1
    return prod(shape[:-1]) * groups


def tiles(layer: str, edge: WeightedEdge, shape: Shape, source: Shape, size: int | None) -> Iterator[Tile]:
    """Yield the tiles of an edge into a layer of `shape`; a kernel is never cut, channels are.

    Raises ParameterError when a kernel of one channel has more rows than a crossbar.
    """
    kernel = prod(edge.weight.shape[:-2])
    channels, width = edge.weight.shape[-2:]
    if isinstance(edge, FiltersEdge):
        width //= edge.groups
    reads = reads_of(edge, shape)
    each = channels if size is None else size // kernel
    if each < 1:
        raise ParameterError(
            f"AnalogDevice.tile = {size} must be >= {kernel} for layer {layer!r}: a kernel of {kernel} rows is not cut. "
            "Choose larger tiles."
        )
    for first in range(0, channels, each):
        rows = slice(first, min(first + each, channels))
        height = kernel * (rows.stop - rows.start)
        if height == kernel * channels:
            yield Tile(rows, edge, reads, height, width)
            return
        yield Tile(rows, _part(edge, rows, source), reads, height, width)


def _part(edge: WeightedEdge, rows: slice, source: Shape) -> WeightedEdge:
    """Return an edge that reads and weighs the channels `rows` alone (of each group)."""
    channels = edge.weight.shape[-2]
    groups = edge.groups if isinstance(edge, FiltersEdge) else 1
    whole = np.arange(prod(source), dtype=np.int32) if edge.index is None else edge.index
    picked = (np.arange(groups)[:, None] * channels + np.arange(channels)[rows]).ravel()
    if isinstance(edge, FiltersEdge):
        index = np.ascontiguousarray(whole.reshape(edge.space)[..., picked])
        return dataclasses.replace(edge, index=index, space=(*edge.space[:-1], len(picked)), weight=edge.weight[..., rows, :])
    index = np.ascontiguousarray(whole.reshape(-1, channels)[:, picked])
    return dataclasses.replace(edge, index=index, weight=edge.weight[rows])


def across(width: int, size: int | None) -> int:
    """Return how many crossbars stand side by side, each with inputs of its own."""
    return 1 if size is None else ceil(width / size)

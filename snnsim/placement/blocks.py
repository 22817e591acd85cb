"""Projections as blocks: sets of sources that reach all of a set of targets. A matrix is one block per token, never a list of synapses."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

from snnsim.compiler.integer import compile_integer
from snnsim.compiler.integer_edges import own_shape, product_index, product_limits
from snnsim.compiler.spiking import CompiledSpiking, compile_spiking
from snnsim.connect import Dense, Filters, Product, unwrap
from snnsim.engines.settle_counts import weight_precision
from snnsim.errors import PlacementError
from snnsim.network import Network, Projection
from snnsim.plasticity.rewiring import Rewiring


class Blocks(NamedTuple):
    """Every source of block b reaches every target of it: sum over b of sources x targets synapses.

    name : str                    of the projection
    source_ptr : int64[n + 1]     block b has the sources source_ptr[b] .. source_ptr[b + 1] - 1
    source : int64[...]           units, in one index space for all populations; one that occurs twice has two synapses
    target_ptr, target            the same of the targets
    role : str                    who does the work: 'synaptic' or 'product'
    precision : str               of the weights, such as 'int8'; '' where they are 1, real numbers or values of a population
    kernel : int                  weights onto one channel that all positions share; 0 where each synapse has its own
    """

    name: str
    source_ptr: np.ndarray
    source: np.ndarray
    target_ptr: np.ndarray
    target: np.ndarray
    role: str = "synaptic"
    precision: str = ""
    kernel: int = 0

    @property
    def n_synapses(self) -> int:
        """Synapses of all blocks."""
        return int((np.diff(self.source_ptr) * np.diff(self.target_ptr)).sum())


def offsets(network: Network) -> dict[str, int]:
    """Return the first unit of each population in the index space of `Blocks`."""
    first, places = 0, {}
    for name, population in network.populations.items():
        places[name] = first
        first += population.size
    return places


def blocks_of(network: Network, seed: int) -> tuple[list[Blocks], str]:
    """Return the blocks of every projection, and the digest of the network.

    seed : of the simulation, which draws the synapses of a spiking network

    Raises CompileError or WiringError where no engine could run the network, PlacementError for synapses that a rule moves while it runs.
    """
    if network.domain == "integer":
        digest = compile_integer(network).digest
        return list(_integer(network)), digest
    for name, projection in network.projections.items():
        rules = projection.plasticity if isinstance(projection.plasticity, tuple) else (projection.plasticity,)
        if any(isinstance(rule, Rewiring) for rule in rules):
            raise PlacementError(f"Projection({name!r}) rewires its synapses while it runs: no placement lasts. Place it without Rewiring.")
    compiled = compile_spiking(network, seed=seed, dt=0.1)
    return list(_spiking(network, compiled)), compiled.digest


def _spiking(network: Network, compiled: CompiledSpiking) -> Iterator[Blocks]:
    first = list(offsets(network).values())
    for part in compiled.projections:
        rows = np.flatnonzero(np.diff(part.row_ptr))
        ptr = np.concatenate([part.row_ptr[rows], part.row_ptr[-1:]])
        yield Blocks(part.name, np.arange(len(rows) + 1), rows + first[part.pre], ptr, part.target.astype(np.int64) + first[part.post])


def _integer(network: Network) -> Iterator[Blocks]:
    first = offsets(network)
    for name, projection in network.projections.items():
        connector, index = unwrap(projection.connector)
        places = np.arange(projection.pre.size) if index is None else index.ravel().astype(np.int64)
        match connector:
            case Dense(weight=weight):
                parts = _dense(places, *weight.shape)
            case Filters() as filters:
                parts = _filters(filters, places, own_shape(projection), projection.post.shape)
            case Product():
                parts = _product(name, projection, places)
            case _:  # compile_integer refuses all others
                parts = _points(places, projection.post.size)
        source_ptr, source, target_ptr, target = _without_gaps(*parts)
        product = isinstance(connector, Product)
        kernel = prod(connector.weight.shape[:-1]) if isinstance(connector, (Dense, Filters)) else 0
        yield Blocks(
            name, source_ptr, source + first[projection.pre.name], target_ptr, target + first[projection.post.name],
            "product" if product else "synaptic", weight_precision(projection) or "", kernel,
        )  # fmt: skip


def _dense(places: np.ndarray, width_in: int, width_out: int) -> tuple[np.ndarray, ...]:
    tokens = len(places) // width_in
    ptr = np.arange(tokens + 1)
    return ptr * width_in, places, ptr * width_out, np.arange(tokens * width_out)


def _points(places: np.ndarray, n_post: int) -> tuple[np.ndarray, ...]:
    each = len(places) // n_post
    return np.arange(n_post + 1) * each, places.reshape(each, n_post).T.ravel(), np.arange(n_post + 1), np.arange(n_post)


def _filters(filters: Filters, places: np.ndarray, pre: tuple[int, ...], post: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Return one block for every place out and group of channels: what its kernel covers."""
    *kernel, channels, out = filters.weight.shape
    groups = filters.groups
    pixel, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)  # [places out, taps], axis by axis
    for axis, size in enumerate(kernel):
        output, tap = np.indices((post[axis], size), dtype=np.int64)
        entry = output * filters.stride[axis] - filters.padding[axis][0] + tap * filters.dilation[axis]
        there = (entry >= 0) & (entry < pre[axis])
        shape = (len(pixel) * post[axis], pixel.shape[1] * size)
        pixel = (pixel[:, None, :, None] * pre[axis] + entry[None, :, None, :]).reshape(shape)
        inside = (inside[:, None, :, None] & there[None, :, None, :]).reshape(shape)
    channel = np.arange(groups)[:, None, None] * channels + np.arange(channels)  # [groups, 1, channels]
    place = np.where(inside, pixel, 0)[:, None, :, None] * (channels * groups) + channel
    source = np.where(inside[:, None, :, None], places[place], -1)
    n, width = len(pixel) * groups, out // groups
    taps = pixel.shape[1] * channels
    return np.arange(n + 1) * taps, source.ravel(), np.arange(n + 1) * width, np.arange(n * width)


def _product(name: str, projection: Projection, places: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return one block for all places that reach the same targets."""
    first, _, steps, _ = product_index(name, projection)
    limits = product_limits(name, projection)
    spans = np.broadcast_to([0, len(steps)], (len(first), 2)) if limits is None else limits
    keys, block = np.unique(np.column_stack([first, spans]), axis=0, return_inverse=True)
    order = np.argsort(block.ravel(), kind="stable")
    source_ptr = np.searchsorted(block.ravel()[order], np.arange(len(keys) + 1))
    length = (keys[:, 2] - keys[:, 1]).astype(np.int64)
    target_ptr = np.concatenate([[0], np.cumsum(length)])
    which = np.repeat(np.arange(len(keys)), length)
    target = keys[which, 0] + steps[keys[which, 1] + np.arange(target_ptr[-1]) - target_ptr[which]]
    return source_ptr, places[order], target_ptr, target.astype(np.int64)


def _without_gaps(source_ptr: np.ndarray, source: np.ndarray, target_ptr: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """Leave out the places of a layout that hold no unit."""
    there = source >= 0
    if there.all():
        return source_ptr, source, target_ptr, target
    return np.concatenate([[0], np.cumsum(there)])[source_ptr], source[there], target_ptr, target


def ranges(first: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return first[0], first[0] + 1, ..., `length[0]` of them, then those from first[1] on, int64."""
    end = np.cumsum(length)
    total = int(end[-1]) if len(end) else 0
    return np.arange(total) + np.repeat(first - (end - length), length)


def by_label(blocks: Blocks, label: np.ndarray, n_labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (source, label, synapses) of all pairs of a source and a label of its targets, sorted, each pair once.

    label : int64[n_units]   in 0 .. n_labels - 1
    """
    n_blocks = len(blocks.target_ptr) - 1
    of = np.repeat(np.arange(n_blocks), np.diff(blocks.target_ptr))
    key, count = np.unique(of * n_labels + label[blocks.target], return_counts=True)
    first = np.searchsorted(key, np.arange(n_blocks + 1) * n_labels)
    block = np.repeat(np.arange(n_blocks), np.diff(blocks.source_ptr))
    length = np.diff(first)[block]
    pair = ranges(first[block], length)
    # Source by source, as blocks list them mostly in order: then nothing is left to sort.
    return summed(np.repeat(blocks.source, length), (key % n_labels)[pair], count[pair], n_labels)


def summed(source: np.ndarray, label: np.ndarray, synapses: np.ndarray, n_labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort pairs by source, then label, and add up those that occur more than once."""
    key = source * n_labels + label
    if len(key) and not (key[1:] > key[:-1]).all():
        order = np.argsort(key, kind="stable")
        key, synapses = key[order], synapses[order]
        begin = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
        key, synapses = key[begin], np.add.reduceat(synapses, begin)
    return key // n_labels, key % n_labels, synapses

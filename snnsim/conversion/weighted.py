"""Values that are weighted sums of the outputs of populations: linear maps composed, as lists of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, final

import numpy as np

from snnsim.graph.nodes import Conv, Linear


class Entries(NamedTuple):
    """A sparse matrix by its entries: what `weight` times the element at `unit` adds to the one at `place`; int64, int64, float64."""

    place: np.ndarray
    unit: np.ndarray
    weight: np.ndarray


@final
@dataclass(frozen=True, eq=False)
class Weighted:
    """offset + sum over sources of a sparse matrix times the source's outputs; all flattened.

    parts : mapping of source to Entries
    sizes : mapping of source to int      outputs of the source
    offset : float64[n]
    """

    parts: Mapping[str, Entries]
    sizes: Mapping[str, int]
    offset: np.ndarray

    def mapped(self, entries: Entries, n: int, bias: np.ndarray | float = 0.0) -> Weighted:
        """Return a linear map, `entries` of n rows, of this value, plus a bias."""
        parts = {name: _composed(entries, part, n, len(self.offset), self.sizes[name]) for name, part in self.parts.items()}
        moved = np.bincount(entries.place, entries.weight * self.offset[entries.unit], n)
        return Weighted({name: part for name, part in parts.items() if len(part.place)}, self.sizes, moved + np.ravel(bias))

    def taken(self, index: np.ndarray, fill: float = 0.0) -> Weighted:
        """Return the elements at `index`, `fill` where it is -1."""
        index = index.ravel().astype(np.int64)
        there = np.flatnonzero(index >= 0)
        picked = Entries(there, index[there], np.ones(len(there)))
        return self.mapped(picked, len(index), np.where(index < 0, fill, 0.0))

    def scaled(self, scale: np.ndarray | float, offset: np.ndarray | float = 0.0) -> Weighted:
        """Return scale * this + offset; both are flat, or one number."""
        scale = np.broadcast_to(np.ravel(scale), len(self.offset))
        parts = {name: part._replace(weight=part.weight * scale[part.place]) for name, part in self.parts.items()}
        return Weighted(parts, self.sizes, self.offset * scale + np.ravel(offset))

    def plus(self, other: Weighted) -> Weighted:
        """Return the sum of two values of one size."""
        parts, sizes = dict(self.parts), {**self.sizes, **other.sizes}
        for name, part in other.parts.items():
            both = Entries(*(np.concatenate(pair) for pair in zip(parts[name], part, strict=True))) if name in parts else part
            parts[name] = merged(both.place, both.unit, both.weight, sizes[name])
        return Weighted(parts, sizes, self.offset + other.offset)


def whole(name: str, size: int) -> Weighted:
    """Return the outputs of one source as they are."""
    each = np.arange(size)
    return Weighted({name: Entries(each, each, np.ones(size))}, {name: size}, np.zeros(size))


def joined(values: list[Weighted]) -> Weighted:
    """Return several values in a row."""
    total = sum(len(value.offset) for value in values)
    first, parts = 0, []
    for value in values:
        size = len(value.offset)
        parts.append(value.mapped(Entries(first + np.arange(size), np.arange(size), np.ones(size)), total))
        first += size
    result = parts[0]
    for part in parts[1:]:
        result = result.plus(part)
    return result


def merged(place: np.ndarray, unit: np.ndarray, weight: np.ndarray, n_units: int) -> Entries:
    """Return entries in order of unit, then place, equal pairs added up and those of weight 0 left out."""
    n_places = int(place.max(initial=0)) + 1
    pairs = unit * n_places + place
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    first = np.flatnonzero(np.concatenate([[True], pairs[1:] != pairs[:-1]])) if len(pairs) else np.empty(0, dtype=np.int64)
    summed = np.add.reduceat(weight[order], first) if len(first) else np.empty(0)
    kept = summed != 0.0
    unit, place = np.divmod(pairs[first][kept], n_places)
    return Entries(place, unit, summed[kept])


def _composed(outer: Entries, inner: Entries, n: int, n_mid: int, n_units: int) -> Entries:
    """Return the product of two sparse matrices."""
    order = np.argsort(inner.place, kind="stable")
    ptr = np.searchsorted(inner.place[order], np.arange(n_mid + 1))
    counts = (ptr[1:] - ptr[:-1])[outer.unit]
    row = np.repeat(np.arange(len(counts)), counts)
    at = order[np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(ptr[outer.unit], counts)]
    return merged(outer.place[row], inner.unit[at], outer.weight[row] * inner.weight[at], n_units)


def linear_entries(node: Linear) -> Entries:
    """Return the weights of a linear map over the last axis of a value of the node's leading shape."""
    n_out, n_in = node.weight.shape
    rows = int(np.prod(node.shape[:-1]))
    out, into = np.nonzero(node.weight)
    row = np.arange(rows)[:, None]
    weight = np.broadcast_to(node.weight[out, into], (rows, len(out)))
    return Entries((row * n_out + out).ravel(), (row * n_in + into).ravel(), weight.ravel())


def conv_entries(node: Conv, shape: tuple[int, ...]) -> Entries:
    """Return the weights of a convolution of a value of `shape`, channels last."""
    space, n_out = node.shape[:-1], node.shape[-1]
    index = np.pad(np.arange(int(np.prod(shape))).reshape(shape), [*node.padding, (0, 0)], constant_values=-1)
    n_in, each = node.weight.shape[-2], n_out // node.groups
    channels_in = (np.arange(n_out) // each)[None, :] * n_in + np.arange(n_in)[:, None]  # (in of the group, out)
    target = np.arange(int(np.prod(node.shape))).reshape(-1, 1, n_out)
    lists = []
    for place in product(*map(range, node.weight.shape[:-2])):
        axes = zip(place, node.dilation, space, node.stride, strict=True)
        window = tuple(slice(at * gap, at * gap + (n - 1) * step + 1, step) for at, gap, n, step in axes)
        source = index[window].reshape(-1, shape[-1])[:, channels_in]  # (places, in of the group, out)
        weight = np.broadcast_to(node.weight[place], source.shape)
        kept = (source >= 0) & (weight != 0.0)
        lists.append((np.broadcast_to(target, source.shape)[kept], source[kept], weight[kept]))
    return Entries(*(np.concatenate(column) for column in zip(*lists, strict=True)))

"""Every synapse of an integer graph, one by one, from its description: what counts are held to."""

from __future__ import annotations

from itertools import product

import numpy as np

from snnsim.graph.integer import DenseEdge, FiltersEdge, PointEdge, ProductEdge


def places(index, size):
    """Return the unit that each place of a layout reads, -1 for none, as a list."""
    return list(range(size)) if index is None else [int(unit) for unit in index.ravel()]


def synapses(edge, layer, size):
    """Return [(place, target unit)] of every synapse of an edge that is no product. size : units of the source"""
    read = places(edge.index, size)
    found = []
    match edge:
        case DenseEdge(_, weight):
            n_in, n_out = weight.shape
            for place in range(len(read)):
                found += [(place, place // n_in * n_out + j) for j in range(n_out)]
        case PointEdge():
            n_post = int(np.prod(layer.shape))
            found = [(place, place % n_post) for place in range(len(read))]
        case FiltersEdge():
            found = _taps(edge, layer)
    return [(place, target) for place, target in found if read[place] >= 0]


def _taps(edge, layer):
    *space, channels = edge.space
    *kernel, per_group, n_out = edge.weight.shape
    out = n_out // edge.groups
    found = []
    for target in product(*map(range, layer.shape[:-1])):
        for tap in product(*map(range, kernel)):
            at = [t * s - pad[0] + k * d for t, s, pad, k, d in zip(target, edge.stride, edge.padding, tap, edge.dilation, strict=True)]
            if any(i < 0 or i >= n for i, n in zip(at, space, strict=True)):
                continue
            for channel in range(channels):
                for j in range(out):
                    place = int(np.ravel_multi_index((*at, channel), edge.space))
                    found.append((place, int(np.ravel_multi_index((*target, channel // per_group * out + j), layer.shape))))
    return found


def meetings(edge: ProductEdge):
    """Return [(left place, right place)] of every pair that a product multiplies."""
    sides, _ = edge.subscripts.split("->")
    first, second = sides.split(",")
    sizes = dict(zip(first + second, (*edge.views[0], *edge.views[1]), strict=True))
    letters = list(dict.fromkeys(first + second))
    found = []
    for values in product(*(range(sizes[letter]) for letter in letters)):
        at = dict(zip(letters, values, strict=True))
        if edge.only is not None and not edge.only[1][tuple(at[letter] for letter in edge.only[0])]:
            continue
        place = [
            int(np.ravel_multi_index([at[letter] for letter in side], view)) for side, view in zip((first, second), edge.views, strict=True)
        ]
        found.append(tuple(place))
    return found


def bits_of_weights(weight):
    """Return the bits of the largest weight, sign included, by trial."""
    bits = 1
    while 2 ** (bits - 1) <= max(abs(int(w)) for w in np.ravel(weight)):
        bits += 1
    return bits


def words_of_factor(weight):
    """Return the 8-bit words of a one-to-one weight; 0 where all are 1."""
    return 0 if all(int(w) == 1 for w in np.ravel(weight)) else -(-bits_of_weights(weight) // 8)

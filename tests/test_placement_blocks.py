"""Projections as blocks hold exactly the synapses that a list would."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import PlacementError
from snnsim.placement.blocks import blocks_of, by_label, offsets

RANDOM = np.random.default_rng(3)


def unit(name, shape, **more):
    return sim.Population(name, shape, sim.Staircase(theta=50, s_min=-3, s_max=3, **more))


def source(name, shape):
    return sim.Population(name, shape, sim.IntegerInput(s_min=-3, s_max=3))


def weights(*shape):
    return RANDOM.integers(1, 8, shape).astype(np.int8)


def listed(part):
    """Every synapse of the blocks, sorted."""
    pairs = []
    for b in range(len(part.source_ptr) - 1):
        sources = part.source[part.source_ptr[b] : part.source_ptr[b + 1]]
        targets = part.target[part.target_ptr[b] : part.target_ptr[b + 1]]
        pairs += [(int(s), int(t)) for s in sources for t in targets]
    return sorted(pairs)


def only(network):
    parts, _ = blocks_of(network, 0)
    return parts[0]


def test_a_matrix_joins_every_token_to_itself_alone():
    part = only(sim.Network(sim.Projection(source("a", (3, 4)), unit("b", (3, 2)), sim.Dense(weights(4, 2)))))
    assert listed(part) == sorted((t * 4 + i, 12 + t * 2 + j) for t, i, j in product(range(3), range(4), range(2)))
    assert (part.n_synapses, part.kernel, part.precision, len(part.source)) == (24, 4, "int4", 12)


@pytest.mark.parametrize(("stride", "padding", "groups", "dilation"), [(1, 0, 1, 1), (2, 1, 2, 1), (1, 2, 3, 2)])
def test_a_convolution_joins_what_its_kernel_covers(stride, padding, groups, dilation):
    filters = sim.Filters(
        weights(2, 3, 6 // groups, 6), stride=(stride, 1), padding=((padding, 0), (0, 1)), dilation=(1, dilation), groups=groups
    )
    pre = source("a", (5, 8, 6))
    post = unit("b", filters.post_shape(pre.shape))
    expected = []
    for y, x, o in np.ndindex(*post.shape):
        for i, j, c in product(range(2), range(3), range(6 // groups)):
            row, column = y * stride - padding + i, x + j * dilation
            channel = o // (6 // groups) * (6 // groups) + c
            if 0 <= row < 5 and 0 <= column < 8:
                expected.append(((row * 8 + column) * 6 + channel, 240 + (y * post.shape[1] + x) * 6 + o))
    assert listed(only(sim.Network(sim.Projection(pre, post, filters)))) == sorted(expected)


def test_a_product_joins_every_unit_to_the_products_it_enters():
    q, k = source("q", (3, 2, 4)), source("k", (3, 2, 4))
    scores = unit("s", (2, 3, 3))
    causal = ("ij", np.tril(np.ones((3, 3), bool)))
    network = sim.Network(
        sim.Projection(q, scores, sim.Product(k, "ihd,jhd->hij", only=causal)),
        sim.Projection(k, scores, sim.Product(q, "jhd,ihd->hij", only=causal)),
    )
    parts, _ = blocks_of(network, 0)
    first = offsets(network)
    letters = [(i, h, d, j) for i, h, d, j in product(range(3), range(2), range(4), range(3)) if i >= j]
    expected = sorted(((i * 2 + h) * 4 + d + first["q"], first["s"] + (h * 3 + i) * 3 + j) for i, h, d, j in letters)
    mirrored = sorted(((j * 2 + h) * 4 + d + first["k"], first["s"] + (h * 3 + i) * 3 + j) for i, h, d, j in letters)
    assert [listed(part) for part in parts] == [expected, mirrored]
    assert {part.role for part in parts} == {"product"}


def test_a_layout_with_gaps_and_repeats_keeps_both():
    index = np.array([[0, -1, 2], [2, 2, 1]])
    part = only(sim.Network(sim.Projection(source("a", 3), unit("b", (2, 2)), sim.Gathered(sim.Dense(weights(3, 2)), index))))
    expected = [(int(index[t, i]), 3 + t * 2 + j) for t, i, j in product(range(2), range(3), range(2)) if index[t, i] >= 0]
    assert listed(part) == sorted(expected)
    unit_, label, synapses = by_label(part, np.array([0, 0, 0, 0, 0, 1, 1]), 2)
    assert [tuple(map(int, row)) for row in zip(unit_, label, synapses, strict=True)] == [(0, 0, 2), (1, 1, 2), (2, 0, 2), (2, 1, 4)]


def test_a_sum_joins_every_position_to_its_channel():
    part = only(sim.Network(sim.Projection(source("a", (3, 2)), unit("b", 2), sim.SumOver())))
    assert listed(part) == sorted((p * 2 + c, 6 + c) for p in range(3) for c in range(2))


def test_views_join_the_neurons_they_show():
    exc = sim.Population("exc", 20, sim.LIF())
    part = only(sim.Network(sim.Projection(exc[4:8], exc[10:14], sim.OneToOne())))
    assert listed(part) == [(4, 10), (5, 11), (6, 12), (7, 13)]


def test_synapses_that_move_cannot_be_placed():
    exc = sim.Population("exc", 20, sim.LIF())
    network = sim.Network(sim.Projection(exc, exc, sim.FixedProbability(0.2), weight=0.1, plasticity=sim.Rewiring(interval=10.0)))
    with pytest.raises(PlacementError, match="'exc -> exc'.* rewires its synapses"):
        blocks_of(network, 0)

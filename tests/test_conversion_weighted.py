"""Composed weights are products of matrices."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snnsim.conversion.weighted import Entries, Weighted, joined, whole


def random_value(random, sources, n):
    parts = {name: listed(np.where(random.random((n, size)) < 0.5, random.normal(size=(n, size)), 0.0)) for name, size in sources.items()}
    return Weighted(parts, sources, random.normal(size=n))


def listed(matrix):
    place, unit = np.nonzero(matrix)
    return Entries(place, unit, matrix[place, unit])


def dense(value, sources):
    """Return the matrix of all sources in a row, and the offset."""
    matrices = []
    for name, size in sources.items():
        matrix = np.zeros((len(value.offset), size))
        if name in value.parts:
            np.add.at(matrix, (value.parts[name].place, value.parts[name].unit), value.parts[name].weight)
        matrices.append(matrix)
    return np.concatenate(matrices, axis=1), value.offset


SOURCES = {"a": 3, "b": 5}


def check(value, matrix, offset):
    found = dense(value, SOURCES)
    np.testing.assert_allclose(found[0], matrix, atol=1e-12)
    np.testing.assert_allclose(found[1], offset, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1))
def test_maps_choices_scales_and_sums_are_those_of_matrices(seed):
    random = np.random.default_rng(seed)
    one, two = random_value(random, SOURCES, 4), random_value(random, SOURCES, 4)
    (m1, o1), (m2, o2) = dense(one, SOURCES), dense(two, SOURCES)
    outer = np.where(random.random((6, 4)) < 0.5, random.normal(size=(6, 4)), 0.0)
    bias, scale = random.normal(size=6), random.normal(size=4)
    check(one.mapped(listed(outer), 6, bias), outer @ m1, outer @ o1 + bias)
    check(one.plus(two), m1 + m2, o1 + o2)
    check(one.scaled(scale, 2.0), m1 * scale[:, None], o1 * scale + 2.0)
    index = random.integers(-1, 4, size=7)
    there = index >= 0
    check(one.taken(index, 9.0), np.where(there[:, None], m1[index], 0.0), np.where(there, o1[index], 9.0))
    check(joined([one, two]), np.concatenate([m1, m2]), np.concatenate([o1, o2]))


def test_what_cancels_leaves_no_weight():
    value = whole("a", 3)
    gone = value.plus(value.scaled(np.float64(-1.0)))
    assert len(gone.parts["a"].place) == 0

"""Convolutions and layouts between integer units: what they join, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.connect import unwrap
from snnsim.errors import ParameterError, WiringError

IMAGE = sim.Population("image", (4, 5, 2), sim.IntegerInput(s_max=3))
TAPS = np.ones((3, 3, 2, 6), dtype=np.int8)


def test_weights_are_kept_in_the_narrowest_type_that_holds_them():
    assert sim.Dense(np.array([[127, -127]])).weight.dtype == np.int8
    assert sim.Dense(np.array([[127, -128]])).weight.dtype == sim.Dense(np.array([[32767]])).weight.dtype == np.int16
    shared = np.array([[5]], dtype=np.int8)
    shared.flags.writeable = False
    assert sim.Dense(shared).weight is sim.Dense(shared).weight is shared
    mine = np.array([[5]], dtype=np.int8)
    assert sim.Dense(mine).weight is not mine  # whoever made it may still change it


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (2, 3, 6)),
        ({"padding": ((1, 1), (1, 1))}, (4, 5, 6)),
        ({"padding": ((1, 1), (1, 1)), "stride": (2, 3)}, (2, 2, 6)),
        ({"padding": ((2, 3), (0, 4)), "dilation": (2, 4)}, (5, 1, 6)),
    ],
)
def test_filters_tell_the_shape_that_receives(settings, shape):
    filters = sim.Filters(TAPS, **settings)
    assert filters.post_shape(IMAGE.shape) == shape
    sim.Projection(IMAGE, sim.Population("out", shape, sim.Staircase(theta=1)), filters)
    with pytest.raises(WiringError, match=r"Filters turn \(4, 5, 2\) into .*Give the post population that shape"):
        sim.Projection(IMAGE, sim.Population("out", (*shape[:-1], 7), sim.Staircase(theta=1)), filters)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: sim.Filters(np.ones((3, 2), np.int8)), ParameterError, r"Filters.weight has shape \(3, 2\) but must be"),
        (lambda: sim.Filters(np.ones((1,) * 6, np.int8)), ParameterError, "1 .. 3 axes"),
        (lambda: sim.Filters(np.ones((0, 1, 1), np.int8)), ParameterError, "Filters.weight has shape"),
        (lambda: sim.Filters(TAPS + 0.5), ParameterError, "Filters.weight = .* must hold whole numbers"),
        (lambda: sim.Filters(TAPS.astype(int) * 40000), ParameterError, "Filters.weight = 40000 must be <= 32767"),
        (lambda: sim.Filters(TAPS, groups=4), ParameterError, "Filters.groups = 4 must divide the 6 channels out"),
        (lambda: sim.Filters(TAPS, groups=0), ParameterError, "Filters.groups = 0 must be >= 1"),
        (lambda: sim.Filters(TAPS, stride=(0, 1)), ParameterError, "Filters.stride = 0 must be >= 1"),
        (lambda: sim.Filters(TAPS, stride=(1,)), ParameterError, r"Filters.stride = \(1,\) must have one entry for each of the 2"),
        (lambda: sim.Filters(TAPS, dilation=(1, 1, 1)), ParameterError, "Filters.dilation = .* one entry for each"),
        (lambda: sim.Filters(TAPS, padding=((1, -1), (0, 0))), ParameterError, "Filters.padding = -1 must be >= 0"),
        (lambda: sim.Filters(TAPS).post_shape((4, 5, 3)), WiringError, r"takes \(\*space, 2\), not \(4, 5, 3\)"),
        (lambda: sim.Filters(TAPS, groups=3).post_shape((4, 5, 2)), WiringError, r"takes \(\*space, 6\)"),
        (lambda: sim.Filters(TAPS, dilation=(2, 1)).post_shape((4, 5, 2)), WiringError, "is larger than .*Pad more"),
        (lambda: sim.Gathered(sim.OneToOne(), np.array([0.5])), ParameterError, "Gathered.index = .* must hold whole numbers"),
        (lambda: sim.Gathered(sim.OneToOne(), np.array([-2])), ParameterError, "Gathered.index = -2 must be >= -1"),
        (lambda: sim.Gathered(sim.OneToOne(), np.zeros(0, int)), ParameterError, "must hold at least one place"),
        (lambda: sim.Gathered(sim.Gathered(sim.OneToOne(), [0]), [0]), ParameterError, "Give one, not wrapped"),
        (lambda: sim.Gathered(TAPS, [0]), ParameterError, "must be a connector such as Dense"),
        (lambda: sim.Product(IMAGE, "ij,jk->ik", shape=(0, 2)), ParameterError, "Product.shape = 0 must be >= 1"),
    ],
)
def test_what_makes_no_convolution_or_layout_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_layout_reads_only_units_that_exist_and_has_the_shape_its_connector_joins():
    out = sim.Population("out", (3,), sim.Staircase(theta=1))
    sim.Projection(IMAGE, out, sim.Gathered(sim.OneToOne(), [39, -1, 0]))
    with pytest.raises(WiringError, match="Gathered.index reads unit 40 but the pre population has 40"):
        sim.Projection(IMAGE, out, sim.Gathered(sim.OneToOne(), [40, -1, 0]))
    with pytest.raises(WiringError, match="joins 2 to 3 units"):
        sim.Projection(IMAGE, out, sim.Gathered(sim.OneToOne(), [1, 0]))
    with pytest.raises(WiringError, match="SumOver joins"):
        sim.Projection(IMAGE, out, sim.Gathered(sim.SumOver(), [[1, 0]]))


def test_unwrapping_tells_the_connector_and_the_layout():
    dense = sim.Dense(np.ones((2, 3), np.int8))
    assert unwrap(dense) == (dense, None)
    connector, index = unwrap(sim.Gathered(dense, [[1, 0]]))
    assert connector is dense and index.tolist() == [[1, 0]] and not index.flags.writeable

"""Flat arrays and the proof that no accumulator overflows."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.compiler.integer import compile_integer
from snnsim.errors import CompileError, WiringError


def populations(*shapes, **units):
    return [sim.Population(f"p{i}", shape, unit) for i, (shape, unit) in enumerate(zip(shapes, units.values(), strict=True))]


def test_the_bound_is_reached_by_the_worst_input():
    weight = np.array([[100, -3], [-127, 5]], dtype=np.int8)
    x, y = populations((2,), (2,), a=sim.IntegerInput(s_min=-16, s_max=16), b=sim.Readout(bias=np.array([-7, 2])))
    compiled = compile_integer(sim.Network(sim.Projection(x, y, sim.Dense(weight))))
    assert compiled.bounds["p1"] == 16 * 227 + 7
    worst = sim.simulate(compiled.network, inputs=np.array([[-16, 16]]))
    assert abs(worst.accumulators["p1"][0, 0]) == compiled.bounds["p1"]


def test_an_accumulator_that_could_overflow_names_layer_and_bits():
    x, y = populations((2, 4), (2, 4), a=sim.IntegerInput(s_max=2**20), b=sim.Staircase(theta=5))
    with pytest.raises(
        CompileError, match=r"Population\('p1'\): an accumulator can reach 4261412864, past the 2147483647 .* 33 bits would do"
    ):
        compile_integer(
            sim.Network(
                sim.Projection(
                    x,
                    y,
                    sim.Dense(np.full((4, 4), 127, np.int8)),
                ),
                sim.Projection(x, y, sim.OneToOne(), weight=3556),
            )
        )


def test_group_units_guard_their_own_arithmetic():
    x, y = populations((1, 64), (1, 64), a=sim.IntegerInput(s_max=2**30), b=sim.SoftmaxRow(table=[9, 3], shift=0))
    with pytest.raises(CompileError, match="past the 1073741823 that SoftmaxRow takes exactly"):
        compile_integer(sim.Network(sim.Projection(x, y, sim.OneToOne())))


def test_a_cycle_is_named():
    x, y, z = populations((2,), (2,), (2,), a=sim.IntegerInput(s_max=3), b=sim.Staircase(theta=5), c=sim.Staircase(theta=5))
    net = sim.Network(sim.Projection(x, y, sim.OneToOne()), sim.Projection(y, z, sim.OneToOne()), sim.Projection(z, y, sim.OneToOne()))
    with pytest.raises(CompileError, match="cycle p"):
        compile_integer(net)


def test_half_a_product_is_refused_with_the_missing_half():
    a, q = sim.IntegerInput(s_max=3), sim.Staircase(theta=1)
    x, left, right = populations((2, 2), (2, 2), (2, 2), a=a, b=q, c=q)
    out = sim.Population("out", (2, 2), sim.Readout())
    net = sim.Network(
        sim.Projection(x, left, sim.OneToOne()), sim.Projection(x, right, sim.OneToOne()),
        sim.Projection(left, out, sim.Product(right, "id,jd->ij")),
    )  # fmt: skip
    with pytest.raises(WiringError, match=r"Add Projection\(p2, out, Product\(p1, 'jd,id->ij'\)\) once"):
        compile_integer(net)


def test_an_integer_network_needs_an_input():
    y = sim.Population("y", 3, sim.Staircase(theta=5))
    with pytest.raises(CompileError, match="no IntegerInput population: nothing would set it in motion"):
        compile_integer(sim.Network(y))


def test_connectors_without_integer_delivery_are_refused():
    x, y = populations((2,), (3,), a=sim.IntegerInput(s_max=3), b=sim.Staircase(theta=5))
    with pytest.raises(WiringError, match="AllToAll cannot join integer units. Use Dense, Filters, OneToOne, SumOver or Product"):
        compile_integer(sim.Network(sim.Projection(x, y, sim.AllToAll())))


def test_compiled_arrays_are_read_only(digits):
    model, *_ = digits
    with pytest.raises(ValueError, match="read-only"):
        model.compiled.net.weights8[0] = 1


def test_an_axis_that_straddles_rows_is_refused():
    x = sim.Population("x", (6,), sim.IntegerInput(s_max=3))
    left, right = sim.Population("left", (3, 2), sim.Staircase(theta=1)), sim.Population("right", (2, 2, 2), sim.Staircase(theta=1))
    feed = [sim.Projection(x, part, sim.Dense(np.ones((6, 2), np.int8))) for part in ()]
    out = sim.Population("out", (4, 3), sim.Readout())
    net = sim.Network(
        *feed,
        sim.Projection(left, out, sim.Product(right, "bk,ack->abc")),
        sim.Projection(right, out, sim.Product(left, "ack,bk->abc")),
        x,
    )
    with pytest.raises(WiringError, match="rows of the post population end within an axis"):
        compile_integer(net)

"""Which operations become populations, and which become terms of another."""

from __future__ import annotations

import numpy as np
import pytest

from snnsim.conversion.plan import Plan
from snnsim.conversion.terms import Mapped, Multiplied, Point
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import (
    LOWEST,
    Activation,
    Add,
    Affine,
    Embedding,
    Input,
    LayerNorm,
    Linear,
    Max,
    Multiply,
    Softmax,
    Sum,
    layout,
)

X = Input(name="x", inputs=(), shape=(3, 2), kind="real")


def linear(name, source, n_out=2, n_in=2):
    return Linear(name=name, inputs=(source,), shape=(3, n_out), weight=np.ones((n_out, n_in)), bias=np.zeros(n_out))


def relu(name, source, width=2):
    return Activation(name=name, inputs=(source,), shape=(3, width), function="relu")


def affine(name, source, scale=2.0, offset=0.0, shape=(3, 2)):
    return Affine(name=name, inputs=(source,), shape=shape, scale=np.asarray(scale), offset=np.asarray(offset))


def planned(*nodes, outputs=None):
    plan = Plan(Graph([X, *nodes], outputs))
    return {p.name: p for p in plan.populations}


def kinds(population):
    return [type(term).__name__ for term in population.terms]


def test_a_linear_map_is_a_term_of_the_activation_that_alone_reads_it():
    found = planned(linear("l", "x"), relu("a", "l"))
    assert list(found) == ["x", "a"] and kinds(found["a"]) == ["Mapped"] and found["a"].sums == "l"


def test_what_two_operations_read_is_a_population_of_its_own():
    found = planned(linear("l", "x"), relu("a", "l"), Add(name="s", inputs=("l", "a"), shape=(3, 2)))
    assert list(found) == ["x", "l", "a", "s"] and kinds(found["a"]) == ["Point"] and found["s"].readout


def test_a_residual_sum_takes_in_the_map_and_the_product_before_it():
    product = Multiply(name="m", inputs=("x", "x"), shape=(3, 2), subscripts="ij,ij->ij", views=((3, 2), (3, 2)))
    found = planned(linear("l", "x"), product, Add(name="s", inputs=("x", "l", "m"), shape=(3, 2)), relu("a", "s"))
    assert list(found) == ["x", "a"] and kinds(found["a"]) == ["Point", "Mapped", "Multiplied"]
    assert (
        isinstance(found["a"].terms[0], Point) and isinstance(found["a"].terms[1], Mapped) and isinstance(found["a"].terms[2], Multiplied)
    )


def test_an_output_stays_a_population_and_only_what_nobody_reads_is_a_readout():
    found = planned(linear("l", "x"), relu("a", "l"), outputs=["l", "a"])
    assert list(found) == ["x", "l", "a"] and not found["l"].readout
    assert planned(linear("l", "x"))["l"].readout


def test_layouts_and_scales_cost_no_neurons():
    swapped = layout("t", X, np.arange(6).reshape(3, 2)[::-1])
    found = planned(swapped, affine("f", "t", scale=[2.0, 3.0], offset=1.0), linear("l", "f"))
    assert list(found) == ["x", "l"]
    (term,) = found["l"].terms
    assert term.index.tolist() == [[4, 5], [2, 3], [0, 1]]
    assert term.weight.tolist() == [[2.0, 2.0], [3.0, 3.0]]  # scales per channel are folded into the weights ...
    np.testing.assert_allclose(np.broadcast_to(found["l"].bias, (3, 2)), 2.0)  # ... and offsets into the bias


def test_an_affine_after_a_map_is_folded_into_it():
    found = planned(linear("l", "x"), affine("f", "l", scale=[2.0, -1.0], offset=[0.5, 0.0]), relu("a", "f"))
    assert list(found) == ["x", "a"]
    assert found["a"].terms[0].weight.tolist() == [[2.0, -1.0], [2.0, -1.0]]
    assert found["a"].bias.tolist() == [0.5, 0.0]


def test_a_layout_whose_scale_varies_within_a_channel_becomes_a_population_before_a_map():
    uneven = affine("f", "x", scale=np.arange(1.0, 7.0).reshape(3, 2))
    found = planned(uneven, linear("l", "f"))
    assert list(found) == ["x", "f", "l"] and kinds(found["f"]) == ["Point"]


def test_concatenated_values_are_read_where_they_are():
    side_by_side = np.concatenate([np.arange(6).reshape(3, 2), 6 + np.arange(6).reshape(3, 2)], axis=1)
    found = planned(linear("l", "x"), relu("a", "l"), layout("c", [X, relu("a", "l")], side_by_side), linear("o", "c", n_in=4))
    assert list(found) == ["x", "a", "o"] and kinds(found["o"]) == ["Mapped", "Mapped"]
    assert [term.source for term in found["o"].terms] == ["x", "a"]


def test_a_window_is_read_by_a_maximum_or_summed_without_a_population_of_its_own():
    window = layout("w", X, np.array([[0, 2, 4], [1, 3, -1]]), fill=LOWEST)
    found = planned(window, Max(name="m", inputs=("w",), shape=(2,)), outputs=["m"])
    assert list(found) == ["x", "m"] and found["m"].shape == (2, 3) and found["m"].bias[1, 2] == LOWEST
    mean = layout("w", X, np.array([[0, 2, 4], [1, 3, 5]]))
    found = planned(mean, Sum(name="m", inputs=("w",), shape=(2,), scale=1 / 3))
    assert list(found) == ["x", "m"] and found["m"].terms[0].index.shape == (3, 2)


def test_a_mask_is_read_point_by_point_by_the_softmax_it_blocks():
    mask = Input(name="m", inputs=(), shape=(3, 2), kind="index", low=0, high=1)
    plan = Plan(Graph([X, mask, Softmax(name="s", inputs=("x", "m"), shape=(3, 2))]))
    soft = plan.populations[-1]
    assert [p.name for p in plan.populations] == ["x", "m", "s"] and [term.source for term in soft.blocked] == ["m"]


def test_an_embedding_is_an_input_of_the_network_and_what_nobody_reads_is_left_out():
    tokens = Input(name="t", inputs=(), shape=(3,), kind="index", low=0, high=4)
    rows = Embedding(name="e", inputs=("t",), shape=(3, 2), table=np.ones((5, 2)))
    plan = Plan(Graph([X, tokens, rows, linear("dead", "x"), linear("l", "e")]))
    assert [(p.name, p.encoded) for p in plan.populations if p.name != "x"] == [("e", True), ("l", False)]


@pytest.mark.parametrize("reader", ["norm", "softmax"])
def test_norms_and_softmax_take_in_the_sum_they_read(reader):
    node = (
        LayerNorm(name="n", inputs=("l",), shape=(3, 2), gamma=np.ones(2), beta=np.zeros(2), eps=1e-5)
        if reader == "norm"
        else Softmax(name="n", inputs=("l",), shape=(3, 2))
    )
    assert list(planned(linear("l", "x"), node)) == ["x", "n"]

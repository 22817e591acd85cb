"""Synapses that a constant mask makes useless do not exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs

import snnsim as sim
from snnsim.compiler.integer import compile_integer
from snnsim.connect import Product, unwrap
from snnsim.conversion.lower import lower
from snnsim.conversion.missing import without_missing
from snnsim.engines.settle import CODES, SCHEDULES, run_integer
from snnsim.errors import ParameterError, WiringError
from snnsim.graph.integer import IntegerGraph, ProductEdge
from snnsim.graph.operations import ann_operations
from snnsim.models.softmax_row import SoftmaxRow

SEEDS = st.integers(0, 2**32 - 1)


def masked(seed: int, contiguous: bool = True, causal: bool = False) -> IntegerGraph:
    """Return a random graph whose scores are blocked outside a band (or anywhere), each row keeping one place at least."""
    random = np.random.default_rng(seed)
    layers = []
    for layer in random_graph(seed).layers.values():
        unit = layer.unit
        if isinstance(unit, SoftmaxRow):
            tokens = layer.shape[-1]
            back, ahead = (int(n) for n in random.integers(0, tokens, size=2))
            if causal:
                back, ahead = tokens, 0
            distance = np.arange(tokens)[:, None] - np.arange(tokens)
            there = (distance <= back) & (distance >= -ahead) if contiguous else (random.random(layer.shape) < 0.5) | (distance == 0)
            table = np.concatenate([unit.table[unit.table > 0], [0]])
            layer = replace(
                layer,
                unit=SoftmaxRow(
                    table=table, shift=unit.shift, levels=unit.levels, bias=np.where(there, 0, -(2**28)) + np.zeros(layer.shape, int)
                ),
            )
        layers.append(layer)
    return IntegerGraph(layers)


@settings(max_examples=60)
@given(seed=SEEDS, contiguous=st.booleans())
def test_what_is_emitted_stays_the_same_for_every_code_and_order(seed, contiguous):
    whole = masked(seed, contiguous)
    graph = without_missing(whole)
    inputs = random_inputs(graph, 2, seed)
    reference, before = graph.evaluate(inputs), whole.evaluate(inputs)
    assert all((reference[name].s == before[name].s).all() for name in before)
    compiled = compile_integer(lower(graph))
    for code in CODES:
        for schedule in ("settled", "eager", "shuffled"):
            result = run_integer(compiled, inputs=inputs, schedule=schedule, code=code, seed=seed, threads=1)
            assert all((result.accumulators[name] == each.acc).all() for name, each in reference.items())
            assert all((result.values[name] == each.s).all() for name, each in reference.items())


@settings(max_examples=40)
@given(seed=SEEDS)
def test_synops_and_macs_count_open_places_where_both_operands_are_there(seed):
    graph = without_missing(masked(seed))
    inputs = random_inputs(graph, 2, seed)
    reference = graph.evaluate(inputs)
    compiled = compile_integer(lower(graph))
    counts = run_integer(compiled, inputs=inputs, schedule="settled", code="graded", seed=0).counts
    dense, skipping = (ann_operations(graph, reference, skip_zeros=skip) for skip in (False, True))
    for layer in graph.layers.values():
        for edge in layer.edges:
            if not isinstance(edge, ProductEdge):
                continue
            sides = edge.subscripts.split("->")[0]
            first, second = sides.split(",")
            there = np.ones(()) if edge.only is None else edge.only[1].astype(float)
            letters = "" if edge.only is None else edge.only[0]
            a, b = (reference[name].s.reshape(-1, *view) != 0 for name, view in zip((edge.left, edge.right), edge.views, strict=True))
            both = int(np.einsum(f"Z{first},Z{second},{letters}->", a.astype(float), b.astype(float), there))
            # the side that speaks first meets nothing; the other one meets all of it
            assert sum(kinds.get("synops", 0) for key, kinds in counts.layers.items() if key.endswith(f"-> {layer.name}")) == both
            assert skipping.layers[layer.name].get("macs", 0) == both
            ones = np.einsum(f"{first},{second},{letters}->", *(np.ones(view) for view in edge.views), there)
            assert dense.layers[layer.name]["macs"] == 2 * int(ones)


@settings(max_examples=40)
@given(seed=SEEDS)
def test_blocked_scores_stay_at_their_bias_and_their_places_are_left_out_on_both_sides(seed):
    graph = without_missing(masked(seed))
    reference = graph.evaluate(random_inputs(graph, 2, seed))
    for name, layer in graph.layers.items():
        if isinstance(layer.unit, SoftmaxRow) and (layer.unit.bias < 0).any():
            blocked = layer.unit.bias < 0
            assert (reference[name].acc[:, blocked] == -(2**28)).all()
            assert not reference[name].s[:, blocked].any()
            mix = graph.layers[name.removesuffix(".scores")].edges[0]
            for edge in (layer.edges[0], mix):
                assert (edge.only[1] == ~blocked).all()


def test_masks_with_gaps_are_left_as_they_are():
    found = 0
    for seed in range(40):
        for layer in without_missing(masked(seed, contiguous=False)).layers.values():
            for edge in layer.edges:
                if isinstance(edge, ProductEdge) and edge.only is not None:
                    product = Product(None, edge.subscripts, only=edge.only)
                    sizes = dict(zip(edge.subscripts.split("->")[0].replace(",", ""), (*edge.views[0], *edge.views[1]), strict=True))
                    assert product.limits(sizes) is not None
                elif isinstance(edge, ProductEdge):
                    found += 1
    assert found > 10


def test_a_mask_that_is_not_deep_enough_is_kept_as_numbers():
    graph = masked(5)
    name = next(name for name, layer in graph.layers.items() if isinstance(layer.unit, SoftmaxRow))
    unit = graph.layers[name].unit
    shallow = SoftmaxRow(table=unit.table, shift=unit.shift, levels=unit.levels, bias=np.maximum(unit.bias, -3))
    layers = [replace(layer, unit=shallow) if layer.name == name else layer for layer in graph.layers.values()]
    assert without_missing(IntegerGraph(layers)).layers[name].edges[0].only is None


def products(only, mirrored="same"):
    a, b = sim.Population("a", (3, 2), sim.IntegerInput(s_max=5)), sim.Population("b", (3, 2), sim.IntegerInput(s_max=5))
    c = sim.Population("c", (3, 3), sim.Readout())
    back = only if isinstance(mirrored, str) else mirrored
    return sim.Network(
        sim.Projection(a, c, Product(b, "id,jd->ij", only=only)), sim.Projection(b, c, Product(a, "jd,id->ij", only=back))
    )  # fmt: skip


def test_products_by_hand_sum_over_the_given_places():
    there = np.tril(np.ones((3, 3), bool))
    random = np.random.default_rng(0)
    x, y = random.integers(0, 6, size=(2, 4, 3, 2))
    for schedule in SCHEDULES:
        steps = 99 if schedule == "timed" else None
        result = sim.simulate(products(("ij", there)), inputs={"a": x, "b": y}, schedule=schedule, steps=steps)
        assert (result.accumulators["c"] == (x @ y.transpose(0, 2, 1)) * there).all()
    again = sim.simulate(products(("ji", there.T)), inputs={"a": x, "b": y})
    assert (again.accumulators["c"] == result.accumulators["c"]).all()
    assert unwrap(products(("ij", there)).projections["a -> c"].connector)[0].only[0] == "ij"


def test_bad_places_are_refused_with_the_rule():
    for only, text in [
        (("ij", np.ones((3, 3))), "bool array"),
        (("ik", np.ones((3, 3), bool)), "letters"),
        (("ii", np.ones((3, 3), bool)), "distinct"),
    ]:
        with pytest.raises(ParameterError, match=text):
            products(only)
    with pytest.raises(WiringError, match="does not fit"):
        products(("ij", np.ones((2, 3), bool)))
    x = np.zeros((1, 3, 2), int)
    with pytest.raises(WiringError, match="with gaps"):
        sim.simulate(products(("ij", np.array([[1, 0, 1]] * 3, dtype=bool))), inputs={"a": x, "b": x})
    with pytest.raises(WiringError, match="mirrored one is missing"):
        sim.simulate(products(("ij", np.tril(np.ones((3, 3), bool))), mirrored=("ij", np.ones((3, 3), bool))), inputs={"a": x, "b": x})

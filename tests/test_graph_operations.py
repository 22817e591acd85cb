"""Operations of the ANN baselines against closed forms and naive loops."""

from __future__ import annotations

from math import ceil

import naive_synapses as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs, random_spatial_graph

import snnsim as sim
from snnsim.errors import ParameterError
from snnsim.graph.integer import IntegerGraph, Layer, PointEdge, ProductEdge
from snnsim.graph.operations import ann_operations
from snnsim.models.integer_input import IntegerInput
from snnsim.models.readout import Readout


def test_dense_macs_follow_the_transformer_formula(digits):
    model, inputs, _, _ = digits
    counts = ann_operations(model.integer_graph, model.reference(inputs), skip_zeros=False)
    n, d, f, heads = 16, 32, 64, 4
    block = 4 * n * d * d + 2 * n * n * d + 2 * n * d * f
    rest = n * 4 * d + d * 10
    assert counts.total("macs") == len(inputs) * (2 * block + rest)
    residual = 4 * n * d  # rescaling the stream before it is added, twice per block
    norms, pool = 4 * n * d, n * d  # and before it is normed or pooled: steps differ by channel
    assert counts.total("adds", "ann") == len(inputs) * (residual + norms + pool)
    assert counts.total("divides") == len(inputs) * (2 * heads * n * n + 5 * n * (d + 1))


def test_zero_skipping_leaves_out_exactly_the_zero_operands(digits):
    model, inputs, _, _ = digits
    values = model.reference(inputs[:3])
    counts = ann_operations(model.integer_graph, values, skip_zeros=True)
    hidden = values["block0.hidden"].s
    stream = values["block0.mid"].s
    assert counts.layers["block0.out"]["macs"] == np.count_nonzero(hidden) * 32
    assert counts.layers["block0.out"]["adds"] == np.count_nonzero(stream)
    p, v = values["block1.scores"].s, values["block1.v"].s.reshape(-1, 16, 4, 8)
    pairs = sum(
        (p[t, h, i, j] != 0) and (v[t, j, h, c] != 0)
        for t in range(3)
        for h in range(4)
        for i in range(16)
        for j in range(16)
        for c in range(8)
    )
    assert counts.layers["block1.mix"]["macs"] == pairs


def test_graded_settled_spikes_do_the_macs_of_a_zero_skipping_ann(digits):
    """One event per non-zero activation, each reaching the same weights: two codes of one sum."""
    model, inputs, _, _ = digits
    ann = ann_operations(model.integer_graph, model.reference(inputs), skip_zeros=True)
    snn = model(inputs, code="graded").counts
    assert snn.total("synops") == ann.total("macs") + ann.total("adds", "ann")


def test_operands_have_the_bits_of_the_program_and_memory_is_packed(digits):
    model, inputs, _, _ = digits
    values = model.reference(inputs)
    own = ann_operations(model.integer_graph, values, skip_zeros=False)
    assert own.precisions["embed"] == "int8x5"  # 17 levels of grey
    assert own.precisions["block0.hidden"] == "int8"
    assert own.layers["embed"]["activation_reads"] == -(-16 * 4 * 5 * len(inputs) // 8)
    real = ann_operations(model.integer_graph, values, skip_zeros=False, precision="fp32")
    weights = 2 * (4 * 32 * 32 + 2 * 32 * 64) + 4 * 32 + 32 * 10
    assert own.total("weight_fetches") >= weights * len(inputs)
    assert real.layers["block0.q"]["weight_fetches"] == 4 * 32 * 32 * len(inputs)
    assert real.layers["block0.q"]["macs"] == own.layers["block0.q"]["macs"]
    assert real.total("multiplies", "ann") < own.total("multiplies", "ann")  # nothing to requantise


@pytest.mark.parametrize("reuse", [1, 4, 16])
def test_weights_are_read_again_where_they_are_not_reused(digits, reuse):
    model, inputs, _, _ = digits
    counts = ann_operations(model.integer_graph, model.reference(inputs[:2]), skip_zeros=False, reuse=reuse)
    assert counts.layers["block0.q"]["weight_fetches"] == 2 * 16 * 32 * 32 // reuse


def test_a_precision_nobody_counts_in_is_refused(digits):
    model, inputs, _, _ = digits
    values = model.reference(inputs[:1])
    with pytest.raises(ParameterError, match="precision = 'int4': integers have the bits of the graph"):
        ann_operations(model.integer_graph, values, skip_zeros=False, precision="int4")
    with pytest.raises(ParameterError, match="reuse = 0 must be >= 1"):
        ann_operations(model.integer_graph, values, skip_zeros=False, reuse=0)


def naive_edge(edge, layer, values, skip):
    """Return macs, adds, multiplies, bits of weights and numbers read of one edge, by loops over trials and synapses."""
    macs = adds = multiplies = weights = reads = 0
    if isinstance(edge, ProductEdge):
        pairs = naive.meetings(edge)
        for trial in range(len(values[edge.left].s)):
            sides = []
            for name, index in ((edge.left, edge.left_index), (edge.right, edge.right_index)):
                flat = values[name].s[trial].ravel()
                sides.append([int(flat[unit]) if unit >= 0 else 0 for unit in naive.places(index, flat.size)])
            macs += sum(not skip or (sides[0][a] != 0 and sides[1][b] != 0) for a, b in pairs)
            reads += len(sides[0]) + len(sides[1])
        return macs, adds, multiplies, weights, reads
    source = values[edge.source].s
    size = source[0].size
    read, all_synapses = naive.places(edge.index, size), naive.synapses(edge, layer, size)
    for trial in source:
        flat = trial.ravel()
        done = sum(not skip or flat[read[place]] != 0 for place, _ in all_synapses)
        reads += sum(unit >= 0 for unit in read)
        if isinstance(edge, PointEdge):
            words = naive.words_of_factor(edge.weight)
            adds, multiplies = adds + done, multiplies + (done if words else 0)
            weights += 8 * words * np.size(edge.weight)
        else:
            macs += done
            weights += naive.bits_of_weights(edge.weight) * edge.weight.size
    return macs, adds, multiplies, weights, reads


def bits_of_values(layer):
    """Return the bits that tell the levels of a layer apart, at least 1."""
    bits = 1
    while 2**bits < layer.unit.n_levels:
        bits += 1
    return bits


def naive_counts(graph, values, skip):
    """Return the counts of an integer ANN, layer by layer."""
    found = {}
    for name, layer in graph.layers.items():
        n, rows = values[name].s.size, values[name].s.size // layer.shape[-1]
        kinds = dict.fromkeys(("macs", "adds", "multiplies", "weight_fetches", "activation_reads"), 0)
        for edge in layer.edges:
            macs, adds, multiplies, weights, reads = naive_edge(edge, layer, values, skip)
            sources = (edge.left, edge.right) if isinstance(edge, ProductEdge) else (edge.source,)
            kinds["macs"] += macs
            kinds["adds"] += adds
            kinds["multiplies"] += multiplies
            kinds["weight_fetches"] += ceil(weights / 8)
            kinds["activation_reads"] += ceil(reads * max(bits_of_values(graph.layers[source]) for source in sources) / 8)
        kinds["activation_writes"] = 4 * n if layer.unit.label == "readout" else ceil(n * bits_of_values(layer) / 8)
        own = layer.unit.operations(layer.shape[-1])
        if layer.unit.label == "spiking":
            kinds |= {"multiplies": kinds["multiplies"] + n, "shifts": n, "tables": rows * own.get("tables", 0)}
        if layer.unit.label == "group":
            found[f"{name}.group"] = {kind: rows * each for kind, each in own.items() if kind != "state_reads"}
        found[name] = kinds
    return {name: {kind: count for kind, count in kinds.items() if count} for name, kinds in found.items()}


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), make=st.sampled_from([random_graph, random_spatial_graph]), skip=st.booleans())
def test_every_kind_of_count_is_that_of_naive_loops_over_all_synapses(seed, make, skip):
    graph = make(seed)
    values = graph.evaluate(random_inputs(graph, 2, seed))
    assert ann_operations(graph, values, skip_zeros=skip).to_dict() == naive_counts(graph, values, skip)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), letters=st.sampled_from(["ij", "i", "j", "hij", "d"]), skip=st.booleans())
def test_products_of_some_places_alone_are_counted_one_by_one(seed, letters, skip):
    random = np.random.default_rng(seed)
    sizes = dict(zip("hijd", map(int, random.integers(1, 4, size=4)), strict=True))
    views = tuple(tuple(sizes[letter] for letter in side) for side in ("ihd", "jhd"))
    only = letters, random.random([sizes[letter] for letter in letters]) < 0.6
    ends = [Layer(name, view, IntegerInput(s_min=-1, s_max=1), (), 1.0) for name, view in zip("qk", views, strict=True)]
    edge = ProductEdge("q", "k", "ihd,jhd->hij", views, only=only)
    graph = IntegerGraph([*ends, Layer("scores", tuple(sizes[letter] for letter in "hij"), Readout(), (edge,), 1.0)])
    values = graph.evaluate(random_inputs(graph, 3, seed))
    assert ann_operations(graph, values, skip_zeros=skip).to_dict() == naive_counts(graph, values, skip)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"graph": None}, "graph = NoneType must be an IntegerGraph"),
        ({"values": {}}, "values = dict must hold the integers of every layer"),
        ({"values": None}, "values = NoneType must hold the integers"),
        ({"skip_zeros": "no"}, "skip_zeros = 'no' must be True or False"),
        ({"precision": ["fp32"]}, "precision = .'fp32'. must be a precision"),
    ],
)
def test_what_is_no_program_or_no_run_of_it_is_refused(digits, change, text):
    model, inputs, *_ = digits
    given = {"graph": model.integer_graph, "values": model.reference(inputs[:1]), "skip_zeros": True, **change}
    with pytest.raises(ParameterError, match=text):
        sim.ann_operations(**given)

"""Every count of a converted network, under every code and schedule, against loops over recorded spikes and single synapses."""

from __future__ import annotations

from collections import defaultdict

import naive_synapses as naive
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs, random_spatial_graph

from snnsim.compiler.integer import compile_integer
from snnsim.conversion.lower import lower
from snnsim.engines.settle import CODES, SCHEDULES, run_integer
from snnsim.graph.integer import DenseEdge, FiltersEdge, ProductEdge

SEEDS = st.integers(0, 2**32 - 1)
MAKERS = st.sampled_from([random_graph, random_spatial_graph])
TRIALS = 2


def run(make, seed, code, schedule):
    graph = make(seed)
    compiled = compile_integer(lower(graph))
    record = {name: ["spikes"] for name in graph.layers}
    inputs = random_inputs(graph, TRIALS, seed)
    return graph, compiled, run_integer(compiled, inputs=inputs, schedule=schedule, code=code, seed=seed, threads=1, record=record)


def projections(graph, compiled):
    """Yield (name of the projection, its edge, its layer, 0 or 1: which operand of a product it brings)."""
    names = iter(compiled.network.projections)
    for layer in graph.layers.values():
        for edge in layer.edges:
            for side in range(2 if isinstance(edge, ProductEdge) else 1):
                yield next(names), edge, layer, side


def words(edge):
    """Return the 8-bit words of one weight."""
    if isinstance(edge, (DenseEdge, FiltersEdge)):
        return 2 if edge.weight.dtype == np.int16 else 1
    return 0 if isinstance(edge, ProductEdge) else naive.words_of_factor(edge.weight)


def nonzero(counts):
    return {kind: count for kind, count in counts.items() if count}


@settings(max_examples=60)
@given(
    seed=SEEDS, make=MAKERS, code=st.sampled_from(list(CODES)), schedule=st.sampled_from([name for name in SCHEDULES if name != "timed"])
)
def test_every_spike_is_counted_at_every_synapse_of_its_unit(seed, make, code, schedule):
    graph, compiled, result = run(make, seed, code, schedule)
    for name, edge, layer, _ in projections(graph, compiled):
        if isinstance(edge, ProductEdge):
            continue
        source = graph.layers[edge.source]
        size = int(np.prod(source.shape))
        read, fan = naive.places(edge.index, size), [0] * size
        for place, _ in naive.synapses(edge, layer, size):
            fan[read[place]] += 1
        train = result.spikes[edge.source]
        synops = sum(fan[unit] for unit in train.indices)
        scaled = sum(fan[unit] for unit, value in zip(train.indices, train.values, strict=True) if abs(value) > 1)
        expected = {"synops": synops, "adds": synops, "state_reads": synops, "state_writes": synops, "weight_fetches": synops * words(edge)}
        expected["shifts"] = scaled if code in ("binary", "signed_digit") else 0
        expected["multiplies"] = synops if code == "graded" else 0
        assert dict(result.counts.layers[name]) == nonzero(expected), name


@settings(max_examples=60)
@given(seed=SEEDS, make=MAKERS, code=st.sampled_from(list(CODES)))
def test_a_settled_product_counts_coincidences_with_the_operand_that_spoke_before(seed, make, code):
    graph, compiled, result = run(make, seed, code, "settled")
    order = list(graph.layers)
    for name, edge, _, side in projections(graph, compiled):
        if not isinstance(edge, ProductEdge):
            continue
        ends = [(edge.left, edge.left_index), (edge.right, edge.right_index)]
        (pre, index), (partner, partner_index) = ends if side == 0 else ends[::-1]
        # Of two operands from one population the first projection is served first.
        heard = order.index(partner) < order.index(pre) or (pre == partner and side == 1)
        read = naive.places(index, result.values[pre][0].size)
        other = naive.places(partner_index, result.values[partner][0].size)
        train = result.spikes[pre]
        synops = scaled = reads = 0
        for trial in range(TRIALS):
            sizes = defaultdict(list)
            for unit, value, of in zip(train.indices, train.values, train.trials, strict=True):
                if of == trial:
                    sizes[int(unit)].append(abs(int(value)))
            seen = result.values[partner][trial].ravel()
            if not heard or not seen.any():
                continue
            for pair in naive.meetings(edge):
                mine, its = pair if side == 0 else pair[::-1]
                events = sizes[read[mine]] if read[mine] >= 0 else []
                reads += len(events)
                if other[its] >= 0 and seen[other[its]] != 0:
                    synops += len(events)
                    scaled += sum(size > 1 for size in events)
        kept = len(train)
        expected = {"synops": synops, "adds": synops + kept, "state_reads": synops + reads + kept, "state_writes": synops + kept}
        expected["shifts"] = scaled if code in ("binary", "signed_digit") else 0
        expected["multiplies"] = synops if code == "graded" else 0
        assert dict(result.counts.layers[name]) == nonzero(expected), name


def expected_of(layer, rows, spikes, code, ramps, steps):
    """Return the counts of a population whose rows were looked at `rows` times, and that waited `ramps` steps. steps : of all trials"""
    width = layer.shape[-1]
    expected = defaultdict(int, {kind: each * rows for kind, each in layer.unit.operations(width).items()})
    expected["spikes"] = spikes
    if layer.unit.label in ("spiking", "group"):
        expected["updates_driven"] = rows * width + ramps
        expected["updates_idle"] = max(0, steps * int(np.prod(layer.shape)) - rows * width - ramps)
    for kind, times in (("adds", 1), ("state_reads", 2), ("state_writes", 1)):
        expected[kind] += times * ramps
    if layer.unit.label == "spiking":
        expected["adds"] += spikes
        expected["state_writes"] += spikes
        expected["shifts"] += spikes if code in ("binary", "signed_digit") else rows * width if code == "graded" else 0
        expected["multiplies"] += rows * width if code == "graded" else 0
    return nonzero(expected)


def sources_of(layer):
    return [name for edge in layer.edges for name in ((edge.left, edge.right) if isinstance(edge, ProductEdge) else (edge.source,))]


def waited(layer, result, windows):
    """Return the steps in which the units of a layer added up: the window of every projection that brought events, for all of them."""
    total = 0
    for trial in range(TRIALS):
        total += sum(int(windows[source]) for source in sources_of(layer) if np.any(result.spikes[source].trials == trial))
    return total * int(np.prod(layer.shape))


@settings(max_examples=60)
@given(seed=SEEDS, make=MAKERS, code=st.sampled_from(list(CODES)))
def test_a_settled_population_evaluates_each_row_once_and_counts_its_events(seed, make, code):
    graph, compiled, result = run(make, seed, code, "settled")
    windows = dict(zip(compiled.populations, compiled.net.window, strict=True))
    for name, layer in graph.layers.items():
        rows = TRIALS * int(np.prod(layer.shape[:-1]))
        ramps = waited(layer, result, windows) if code == "time_to_first_spike" else 0
        expected = expected_of(layer, rows, len(result.spikes[name]), code, ramps, int(sum(result.steps)))
        assert dict(result.counts.layers[name]) == expected, name


@settings(max_examples=60)
@given(seed=SEEDS, make=MAKERS, code=st.sampled_from([code for code in CODES if code != "time_to_first_spike"]))
def test_an_eager_population_evaluates_the_rows_that_an_event_has_touched(seed, make, code):
    graph, _, result = run(make, seed, code, "eager")
    for name, layer in graph.layers.items():
        if any(isinstance(edge, ProductEdge) for edge in layer.edges):
            continue  # which of its rows a product touches depends on the order within a step
        looked = {(trial, 0, row) for trial in range(TRIALS) for row in range(int(np.prod(layer.shape[:-1])))}
        for edge in layer.edges:
            reached, size = defaultdict(set), result.values[edge.source][0].size
            read = naive.places(edge.index, size)
            for place, target in naive.synapses(edge, layer, size):
                reached[read[place]].add(target // layer.shape[-1])
            train = result.spikes[edge.source]
            for time, unit, trial in zip(train.times, train.indices, train.trials, strict=True):
                looked |= {(int(trial), int(time) + 1, row) for row in reached[int(unit)]}
        expected = expected_of(layer, len(looked), len(result.spikes[name]), code, 0, int(sum(result.steps)))
        assert dict(result.counts.layers[name]) == expected, name


@settings(max_examples=60)
@given(seed=SEEDS, make=MAKERS, code=st.sampled_from(list(CODES)), schedule=st.sampled_from(["eager", "shuffled"]))
def test_counts_of_one_layer_belong_together_in_any_order_of_events(seed, make, code, schedule):
    graph, compiled, result = run(make, seed, code, schedule)
    for name, edge, _, side in projections(graph, compiled):
        if isinstance(edge, ProductEdge):
            kinds = defaultdict(int, result.counts.layers[name])
            kept = len(result.spikes[(edge.left, edge.right)[side]])
            assert kinds["adds"] == kinds["state_writes"] == kinds["synops"] + kept and kinds["weight_fetches"] == 0
            assert kinds["state_reads"] >= 2 * kinds["synops"] + kept  # the partner is read also where it is 0
            assert kinds["multiplies"] == (kinds["synops"] if code == "graded" else 0)
    if code == "time_to_first_spike":
        return
    for name, layer in graph.layers.items():
        kinds, width = defaultdict(int, result.counts.layers[name]), layer.shape[-1]
        if layer.unit.label in ("spiking", "group"):
            rows = kinds["updates_driven"] // width
            steps = int(sum(result.steps)) if schedule == "eager" else 0
            assert rows >= TRIALS * np.prod(layer.shape[:-1])
            assert dict(result.counts.layers[name]) == expected_of(layer, rows, len(result.spikes[name]), code, 0, steps), name

"""Units that depend on nothing that is still to come settle without it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs, random_spatial_graph
from test_conversion_missing import masked

from snnsim.compiler.integer import compile_integer
from snnsim.conversion.causal import last_needed
from snnsim.conversion.lower import lower
from snnsim.conversion.missing import without_missing
from snnsim.engines.settle import CODES, SCHEDULES, run_integer

SEEDS = st.integers(0, 2**32 - 1)
GRAPHS = st.sampled_from([random_graph, random_spatial_graph, masked, lambda seed: without_missing(masked(seed))])


def positions(graph, seed: int, n: int = 4) -> dict[str, np.ndarray]:
    """Return a random position, -1 .. n - 1, for every row of every input."""
    random = np.random.default_rng(seed)
    return {each.name: np.broadcast_to(random.integers(-1, n, size=(*each.shape[:-1], 1)), each.shape) for each in graph.inputs}


@settings(max_examples=100)
@given(seed=SEEDS, make=GRAPHS)
def test_what_is_given_later_reaches_no_unit_that_is_said_not_to_need_it(seed, make):
    graph = make(seed)
    given = positions(graph, seed)
    last = last_needed(graph, given)
    one, other = random_inputs(graph, 2, seed), random_inputs(graph, 2, seed + 1)
    before = graph.evaluate(one)
    for at in range(-1, 4):
        changed = {name: np.where(given[name] > at, other[name], array) for name, array in one.items()}
        for name, after in graph.evaluate(changed).items():
            early = last[name] <= at
            assert (after.s[:, early] == before[name].s[:, early]).all()
            assert (after.acc[:, early] == before[name].acc[:, early]).all()


@settings(max_examples=40)
@given(seed=SEEDS, make=GRAPHS, code=st.sampled_from(list(CODES)), schedule=st.sampled_from([s for s in SCHEDULES if s != "timed"]))
def test_rows_that_sleep_until_their_inputs_are_given_end_where_all_at_once_do(seed, make, code, schedule):
    graph = make(seed)
    compiled = compile_integer(lower(graph))
    last = last_needed(graph, positions(graph, seed))
    rows = np.concatenate([np.where(name in compiled.inputs, -1, last[name].max(axis=-1).ravel()) for name in compiled.populations])
    inputs, state = random_inputs(graph, 2, seed), None
    reference = graph.evaluate(inputs)
    spikes = 0
    for at in range(-1, 4):
        given = {name: np.where(last[name] > at, 0, array) for name, array in inputs.items()}
        result = run_integer(compiled, inputs=given, schedule=schedule, code=code, seed=seed, threads=1, start=state, asleep=rows > at)
        state = result.state
        spikes += result.counts.total("spikes")
        for name, each in reference.items():
            awake = last[name] <= at
            assert (result.values[name][:, awake] == each.s[:, awake]).all()
            assert (result.accumulators[name][:, awake] == each.acc[:, awake]).all()
            assert not result.values[name][:, ~awake].any()
    assert result.silent.all()
    if schedule == "settled":
        assert spikes == run_integer(compiled, inputs=inputs, schedule=schedule, code=code, seed=seed).counts.total("spikes")


def test_a_causal_mask_keeps_every_token_to_itself_and_those_before():
    found = 0
    for seed in range(60):
        graph = random_graph(seed)
        tokens = graph.input.shape[0]
        if tokens < 3 or "b0.mix" not in graph.layers:
            continue
        found += 1
        given = {"in": np.broadcast_to(np.arange(tokens)[:, None], graph.input.shape)}
        assert (last_needed(graph, given)["b0.mix"] == tokens - 1).all()  # without a mask every token needs all of them
        causal = last_needed(without_missing(masked(seed, causal=True)), given)
        for name, last in causal.items():
            if name not in ("pool", "scores"):
                token = np.arange(tokens).reshape(-1, 1) if last.ndim == 2 else np.arange(tokens).reshape(1, -1, 1)
                assert (last == token).all()
        assert (causal["scores"] == tokens - 1).all()
    assert found > 5

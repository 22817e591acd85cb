"""The settling property, and the counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs

import snnsim as sim
from snnsim.compiler.integer import compile_integer
from snnsim.connect import Product
from snnsim.conversion.lower import lower
from snnsim.engines.settle import CODES, SCHEDULES, run_integer
from snnsim.engines.settle_counts import fan_out
from snnsim.errors import ParameterError, SimulationError

ALL = [(code, schedule) for code in CODES for schedule in SCHEDULES]


def differences(result, reference) -> int:
    return sum(int((result.accumulators[n] != r.acc).sum() + (result.values[n] != r.s).sum()) for n, r in reference.items())


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), code=st.sampled_from(list(CODES)))
def test_random_graphs_settle_in_the_integer_program_for_random_event_orders(seed, code):
    graph = random_graph(seed)
    compiled = compile_integer(lower(graph))
    inputs = random_inputs(graph, 3, seed)
    reference = graph.evaluate(inputs)
    for order in range(2):
        result = run_integer(compiled, inputs=inputs, schedule="shuffled", code=code, seed=seed + order, threads=1)
        assert differences(result, reference) == 0


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_code_and_schedule_ends_in_the_same_state(seed):
    graph = random_graph(seed)
    compiled = compile_integer(lower(graph))
    inputs = random_inputs(graph, 2, seed)
    reference = graph.evaluate(inputs)
    for code, schedule in ALL:
        assert differences(run_integer(compiled, inputs=inputs, schedule=schedule, code=code, seed=1, threads=1), reference) == 0


def test_two_random_orders_differ_in_their_events_but_not_in_their_answer():
    graph = random_graph(5)
    compiled = compile_integer(lower(graph))
    inputs = random_inputs(graph, 4, 0)
    runs = [
        run_integer(compiled, inputs=inputs, schedule="shuffled", code="unary", seed=seed, record={"pool": ["spikes"]}) for seed in (1, 2)
    ]
    times = [run.spikes["pool"].times for run in runs]
    assert len(times[0]) != len(times[1]) or (times[0] != times[1]).any()
    assert all((runs[0].values[name] == runs[1].values[name]).all() for name in runs[0].values)


@pytest.mark.parametrize(("code", "schedule"), ALL)
def test_threads_and_recording_change_no_bit(digits, code, schedule):
    model, inputs, _, _ = digits
    inputs = inputs[:10]
    plain = model(inputs, code=code, schedule=schedule, threads=1)
    other = model(inputs, code=code, schedule=schedule, threads=2, record={"block0.scores": ["spikes"]})
    assert all((plain.values[name] == other.values[name]).all() for name in plain.values)
    assert plain.counts.to_dict() == other.counts.to_dict()
    train = other.spikes["block0.scores"]
    assert len(train) == other.counts.layers["block0.scores"]["spikes"]
    for trial in range(len(inputs)):
        mine = train.trials == trial
        total = np.bincount(train.indices[mine], weights=train.values[mine], minlength=train.n)
        assert (total == other.values["block0.scores"][trial].ravel()).all()


@pytest.mark.parametrize("code", ["unary", "signed_digit", "graded"])
@pytest.mark.parametrize("schedule", ["settled", "eager"])
def test_synops_are_spikes_times_fan_out_in_every_layer(digits, code, schedule):
    model, inputs, _, _ = digits
    counts = model(inputs[:6], code=code, schedule=schedule).counts
    seen = 0
    for key, projection in model.network.projections.items():
        spikes = counts.layers[projection.pre.name]["spikes"]
        reach = fan_out(projection)
        if reach is not None:
            assert counts.layers[key]["synops"] == spikes * reach
            seen += 1
    assert seen == len([p for p in model.network.projections.values() if not isinstance(p.connector, Product)])


def coincidences(model, result, code: str, key: str) -> int:
    """Count by brute force: in the settled schedule the earlier operand is silent when the later one speaks."""
    projection = model.network.projections[key]
    connector = projection.connector
    trial = result.values
    order = list(model.compiled.populations)
    pre, partner = projection.pre, connector.partner
    if order.index(pre.name) < order.index(partner.name):
        return 0
    sizes = connector.sizes(key, pre.shape, partner.shape, projection.post.shape)
    a = trial[pre.name].reshape(-1, *(sizes[label] for label in connector.pre_labels))
    b = trial[partner.name].reshape(-1, *(sizes[label] for label in connector.partner_labels))
    length = {"unary": np.abs(a), "graded": (a != 0).astype(int)}[code]
    return int(np.einsum(f"Z{connector.pre_labels},Z{connector.partner_labels}->", length.astype(float), (b != 0).astype(float)))


@pytest.mark.parametrize("code", ["unary", "graded"])
def test_attention_counts_coincidences(digits, code):
    model, inputs, _, _ = digits
    result = model(inputs[:5], code=code)
    products = [key for key, p in model.network.projections.items() if isinstance(p.connector, Product)]
    assert len(products) == 8
    for key in products:
        assert result.counts.layers[key].get("synops", 0) == coincidences(model, result, code, key)


def test_settled_spikes_are_the_length_of_each_value_in_its_code(digits):
    model, inputs, _, _ = digits
    for code, length in (("unary", np.abs), ("binary", lambda v: np.vectorize(lambda x: bin(abs(x)).count("1"))(v)), ("graded", np.sign)):
        result = model(inputs[:4], code=code)
        for name, value in result.values.items():
            assert result.counts.layers[name].get("spikes", 0) == int(np.abs(length(value)).sum())


def test_a_second_input_continues_from_the_state_and_costs_only_the_change(digits):
    model, inputs, _, _ = digits
    first = sim.simulate(model.network, inputs=inputs[:3], code="graded")
    moved = inputs[:3].copy()
    moved[:, 5, 2] = (moved[:, 5, 2] + 1) % 17
    for code, schedule in ALL:
        fresh = sim.simulate(model.network, inputs=moved, code=code, schedule=schedule)
        next_run = sim.simulate(model.network, inputs=moved, code=code, schedule=schedule, start=first.state)
        assert all((fresh.values[name] == next_run.values[name]).all() for name in fresh.values)
    assert next_run.values["logits"].sum() == 0


def test_simulate_takes_a_network_of_integer_units_written_by_hand():
    random = np.random.default_rng(0)
    weight = random.integers(-9, 10, size=(3, 2)).astype(np.int8)
    source = sim.Population("x", (4, 3), sim.IntegerInput(s_max=5))
    out = sim.Population("y", (4, 2), sim.Staircase(theta=7, s_min=-20, s_max=20, bias=3))
    x = random.integers(0, 6, size=(6, 4, 3))
    result = sim.simulate(sim.Network(sim.Projection(source, out, sim.Dense(weight))), inputs=x, schedule="eager", code="unary")
    acc = x @ weight + 3
    assert (result.accumulators["y"] == acc).all()
    assert (result.values["y"] == np.clip(np.floor(acc / 7 + 0.5), -20, 20)).all()
    assert result.counts.layers["x -> y"]["synops"] == 2 * x.sum()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"code": "morse"}, "simulate.code = 'morse' is not known. Valid: unary, binary, signed_digit, graded."),
        ({"schedule": "lazy"}, "Valid: settled, eager, shuffled"),
        ({"inputs": np.zeros((2, 3, 4), int)}, r"must have \(trials, 16, 4\)"),
        ({"inputs": np.zeros((0, 16, 4), int)}, "at least one trial"),
        ({"inputs": np.full((1, 16, 4), 17)}, r"holds 17 but 'pixels' takes 0 .. 16"),
        ({"inputs": np.full((1, 16, 4), 0.5)}, "takes whole numbers"),
        ({"inputs": np.full((1, 16, 4), np.nan)}, "takes whole numbers"),
        ({"inputs": [[1, 2], [3]]}, "rows differ in length"),
        ({"code": ["unary"]}, "Valid: unary"),
        ({"code": ""}, "Valid: unary"),
        ({"seed": -1}, "seed = -1 must be >= 0"),
        ({"threads": 0}, "threads = 0 must be >= 1"),
        ({"progress": "yes"}, "progress = 'yes' must be True, False or a function"),
        ({"record": 3}, "record = 3 must map population names"),
        ({"record": {"pool": None}}, "must be a list such as"),
        ({"duration": 5.0}, "simulate.duration = 5.0 does not apply to a network of integer models"),
        ({"record": {"nobody": ["spikes"]}}, "simulate.record = 'nobody' is not known"),
        ({"record": {"pool": ["v"]}}, "Valid: spikes"),
    ],
)
def test_bad_arguments_are_refused_with_the_rule(digits, change, text):
    model, inputs, _, _ = digits
    arguments = {"inputs": inputs, "code": "unary", "schedule": "settled", **change}
    with pytest.raises(ParameterError, match=text):
        sim.simulate(model.network, **arguments)


def test_the_state_of_another_network_or_number_of_trials_is_refused(digits):
    model, inputs, _, result = digits
    with pytest.raises(SimulationError, match="start holds 24 trials but there are 2 inputs"):
        sim.simulate(model.network, inputs=inputs[:2], start=result.state)

    def scaled(weight):
        x, y = sim.Population("x", 1, sim.IntegerInput(s_max=9)), sim.Population("y", 1, sim.Staircase(theta=2))
        return sim.Network(sim.Projection(x, y, sim.OneToOne(), weight=weight))

    state = sim.simulate(scaled(3), inputs=np.array([[2]])).state
    assert sim.simulate(scaled(3), inputs=np.array([[4]]), start=state).accumulators["y"] == 12
    with pytest.raises(SimulationError, match="state of another network"):
        sim.simulate(scaled(5), inputs=np.array([[4]]), start=state)


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_many_projections_between_few_units_settle(schedule):
    x, y = sim.Population("x", 1, sim.IntegerInput(s_max=3)), sim.Population("y", 1, sim.Staircase(theta=7, s_max=10_000, s_min=0))
    net = sim.Network(*(sim.Projection(x, y, sim.OneToOne(), weight=k) for k in range(1, 501)))
    result = sim.simulate(net, inputs=np.array([[3]]), schedule=schedule, code="unary")
    assert result.accumulators["y"] == 3 * 500 * 501 // 2


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_the_same_input_again_does_nothing_at_all(digits, schedule):
    model, inputs, _, _ = digits
    first = model(inputs[:3], schedule=schedule)
    again = model(inputs[:3], schedule=schedule, start=first.state)
    assert again.counts.totals() == {}


def test_idle_updates_are_the_steps_in_which_a_unit_had_nothing_to_do(digits):
    model, inputs, _, _ = digits
    result = model(inputs[:1], code="unary")
    counted = {name: kinds for name, kinds in result.counts.layers.items() if "updates_idle" in kinds}
    assert set(counted) == set(model.network.populations) - {"pixels", "logits"}
    for name, kinds in counted.items():
        assert kinds["updates_idle"] + kinds["updates_driven"] == result.duration * model.network.populations[name].size

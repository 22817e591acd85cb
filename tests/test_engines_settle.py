"""The settling property, and the counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs, random_spatial_graph

import snnsim as sim
from snnsim.compiler.integer import compile_integer
from snnsim.connect import Dense, Filters, Product, unwrap
from snnsim.conversion.lower import lower
from snnsim.engines.settle import CODES, SCHEDULES, run_integer
from snnsim.errors import ParameterError, SimulationError

ENDLESS = [name for name in SCHEDULES if name != "timed"]  # those that end in silence
ALL = [(code, schedule) for code in CODES for schedule in ENDLESS]


def differences(result, reference) -> int:
    return sum(int((result.accumulators[n] != r.acc).sum() + (result.values[n] != r.s).sum()) for n, r in reference.items())


def reach(projection) -> np.ndarray:
    """Return the synapses of every unit by brute force: taps, places out and places in a layout, one by one."""
    connector, index = unwrap(projection.connector)
    places = np.arange(projection.pre.size).reshape(projection.pre.shape) if index is None else index
    out = np.zeros(projection.pre.size, dtype=int)
    fan = np.ones(places.shape, dtype=int)
    if isinstance(connector, Dense):
        fan[:] = connector.weight.shape[1]
    if isinstance(connector, Filters):
        fan[:] = 0
        per_group, kernel = connector.weight.shape[-1] // connector.groups, connector.weight.shape[:-2]
        for target in np.ndindex(*projection.post.shape[:-1]):
            for tap in np.ndindex(*kernel):
                rows = zip(target, connector.stride, connector.padding, tap, connector.dilation, strict=True)
                at = tuple(t * s - pad[0] + k * d for t, s, pad, k, d in rows)
                if all(0 <= i < n for i, n in zip(at, places.shape[:-1], strict=True)):
                    fan[at] += per_group
    np.add.at(out, places[places >= 0], fan[places >= 0])
    return out


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


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1))
def test_convolutions_layouts_and_gates_settle_in_every_code_schedule_and_order(seed):
    graph = random_spatial_graph(seed)
    compiled = compile_integer(lower(graph))
    inputs = random_inputs(graph, 2, seed)
    reference = graph.evaluate(inputs)
    for code, schedule in ALL:
        for order in range(1 + (schedule == "shuffled")):
            result = run_integer(compiled, inputs=inputs, schedule=schedule, code=code, seed=seed + order, threads=1)
            assert differences(result, reference) == 0


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    first=st.sampled_from(ALL),
    then=st.sampled_from(ALL),
    make=st.sampled_from([random_graph, random_spatial_graph]),
)
def test_a_run_continued_from_any_state_ends_where_a_fresh_one_does(seed, first, then, make):
    graph = make(seed)
    compiled = compile_integer(lower(graph))
    before, after = random_inputs(graph, 2, seed), random_inputs(graph, 2, seed + 1)
    name = graph.input.name
    after[name] = np.where(np.random.default_rng(seed).random(after[name].shape) < 0.5, before[name], after[name])
    start = run_integer(compiled, inputs=before, code=first[0], schedule=first[1], seed=seed, threads=1)
    result = run_integer(compiled, inputs=after, code=then[0], schedule=then[1], seed=seed, threads=1, start=start.state)
    assert differences(result, graph.evaluate(after)) == 0
    again = run_integer(compiled, inputs=after, code=then[0], schedule=then[1], seed=seed, threads=1, start=result.state)
    assert again.counts.totals() == {}


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), code=st.sampled_from(list(CODES)), schedule=st.sampled_from(ENDLESS))
def test_synops_are_the_fan_out_of_every_spike_in_convolutions_and_layouts_too(seed, code, schedule):
    graph = random_spatial_graph(seed)
    compiled = compile_integer(lower(graph))
    network = compiled.network
    record = {name: ["spikes"] for name in network.populations}
    result = run_integer(compiled, inputs=random_inputs(graph, 2, seed), schedule=schedule, code=code, seed=seed, threads=1, record=record)
    checked = 0
    for key, projection in network.projections.items():
        if not isinstance(unwrap(projection.connector)[0], Product):
            spikes = result.spikes[projection.pre.name]
            fan = reach(projection)[spikes.indices]
            assert result.counts.layers[key].get("synops", 0) == fan.sum()
            big = fan[np.abs(spikes.values) > 1].sum() if code in ("binary", "signed_digit") else 0
            assert result.counts.layers[key].get("shifts", 0) == big
            checked += 1
    assert checked == 4  # a convolution, a dense map of a layout, a window and a mean


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
def test_synops_are_the_fan_out_of_every_spike_in_every_layer(digits, code, schedule):
    model, inputs, _, _ = digits
    record = {name: ["spikes"] for name in model.network.populations}
    result = model(inputs[:6], code=code, schedule=schedule, record=record)
    summed = {key: p for key, p in model.network.projections.items() if not isinstance(unwrap(p.connector)[0], Product)}
    assert len(summed) == 23
    for key, projection in summed.items():
        fan = reach(projection)[result.spikes[projection.pre.name].indices]
        assert result.counts.layers[key]["synops"] == fan.sum() > 0


def coincidences(model, result, code: str, key: str) -> int:
    """Count by brute force: in the settled schedule the earlier operand is silent when the later one speaks."""
    projection = model.network.projections[key]
    connector, index = unwrap(projection.connector)
    order = list(model.compiled.populations)
    pre, partner = projection.pre, connector.partner
    if order.index(pre.name) < order.index(partner.name):
        return 0
    own, other = pre.shape if index is None else index.shape, connector.shape or partner.shape
    sizes = connector.sizes(key, own, other, projection.post.shape)
    values = result.values[pre.name].reshape(len(result.values[pre.name]), -1)
    a = values[:, np.arange(pre.size) if index is None else index.ravel()].reshape(-1, *(sizes[label] for label in connector.pre_labels))
    b = result.values[partner.name].reshape(-1, *(sizes[label] for label in connector.partner_labels))
    length = {"unary": np.abs(a), "graded": (a != 0).astype(int)}[code]
    return int(np.einsum(f"Z{connector.pre_labels},Z{connector.partner_labels}->", length.astype(float), (b != 0).astype(float)))


@pytest.mark.parametrize("code", ["unary", "graded"])
def test_attention_counts_coincidences(digits, code):
    model, inputs, _, _ = digits
    result = model(inputs[:5], code=code)
    products = [key for key, p in model.network.projections.items() if isinstance(unwrap(p.connector)[0], Product)]
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
        ({"code": "morse"}, "simulate.code = 'morse' is not known. Valid: unary, binary, signed_digit, graded, time_to_first_spike."),
        ({"schedule": "lazy"}, "Valid: settled, eager, timed, shuffled"),
        ({"inputs": np.zeros((2, 3, 4), int)}, r"must have \(trials, 16, 4\)"),
        ({"inputs": np.zeros((0, 16, 4), int)}, "at least one trial"),
        ({"inputs": {"image": np.zeros((1, 16, 4), int)}}, "simulate.inputs = 'image' is not known. Valid: pixels"),
        ({"inputs": {}}, "simulate.inputs lacks 'pixels': give a mapping"),
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


def test_several_inputs_come_by_name_and_in_equal_numbers():
    graph = random_spatial_graph(1)
    compiled = compile_integer(lower(graph))
    inputs = random_inputs(graph, 3, 0)
    with pytest.raises(ParameterError, match="simulate.inputs lacks 'other': give a mapping with an array for each of image, other"):
        sim.simulate(compiled.network, inputs=inputs["image"])
    with pytest.raises(ParameterError, match=r"holds \[3, 2\] trials for image, other. Give as many for each"):
        sim.simulate(compiled.network, inputs={**inputs, "other": inputs["other"][:2]})
    result = sim.simulate(compiled.network, inputs=dict(reversed(inputs.items())))
    assert differences(result, graph.evaluate(inputs)) == 0


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


@pytest.mark.parametrize("schedule", ENDLESS)
def test_many_projections_between_few_units_settle(schedule):
    x, y = sim.Population("x", 1, sim.IntegerInput(s_max=3)), sim.Population("y", 1, sim.Staircase(theta=7, s_max=10_000, s_min=0))
    net = sim.Network(*(sim.Projection(x, y, sim.OneToOne(), weight=k) for k in range(1, 501)))
    result = sim.simulate(net, inputs=np.array([[3]]), schedule=schedule, code="unary")
    assert result.accumulators["y"] == 3 * 500 * 501 // 2


@pytest.mark.parametrize("schedule", ENDLESS)
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

"""What must hold for every network: checked on random ones, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import CONTINUOUS, DISCRETE, DT, random_network

import snnsim as sim
from snnsim.compiler.spiking import compile_spiking

DURATION = 20.0
SEEDS = st.integers(0, 2**31)


def everything(network):
    return {
        name: ["spikes", *population.model.states] for name, population in network.populations.items() if not population.model.is_source
    } | {name: ["spikes"] for name, population in network.populations.items() if population.model.is_source}


def run(network, duration=DURATION, **more):
    return sim.simulate(network, duration, dt=DT, **({"engine": "clock", "record": everything(network), "seed": 3} | more))


def assert_same(a, b):
    for name, train in a.spikes.items():
        np.testing.assert_array_equal(train.times, b.spikes[name].times, err_msg=name)
        np.testing.assert_array_equal(train.indices, b.spikes[name].indices, err_msg=name)
    for name, states in a.recordings.items():
        for state, recording in states.items():
            np.testing.assert_array_equal(recording.values, b.recordings[name][state].values, err_msg=f"{name}.{state}")
    assert_same_end(a, b)
    assert a.counts.to_dict() == b.counts.to_dict()


def assert_same_end(a, b):
    for name, weight in a.weights.items():
        np.testing.assert_array_equal(weight, b.weights[name], err_msg=name)
    assert a.state.arrays.keys() == b.state.arrays.keys()
    for name, array in a.state.arrays.items():
        np.testing.assert_array_equal(array, b.state.arrays[name], err_msg=name)


@settings(max_examples=25)
@given(seed=SEEDS, large=st.booleans(), threads=st.sampled_from([2, 3, 5]))
def test_no_bit_depends_on_the_number_of_threads(seed, large, threads):
    network = random_network(seed, large=large)
    assert_same(run(network), run(network, threads=threads))


@settings(max_examples=10)
@given(seed=SEEDS, large=st.booleans(), threads=st.sampled_from([2, 3]))
def test_no_bit_of_single_precision_depends_on_the_number_of_threads(seed, large, threads):
    network = random_network(seed, large=large)
    assert_same(run(network, precision="single"), run(network, precision="single", threads=threads))


@settings(max_examples=10)
@given(seed=SEEDS)
def test_neurons_of_machine_learning_keep_to_this_too(seed):
    network = random_network(seed, models=tuple(DISCRETE), plastic=False, dt=1.0)
    whole = sim.simulate(network, DURATION, dt=1.0, engine="clock", record=everything(network))
    assert_same(whole, sim.simulate(network, DURATION, dt=1.0, engine="clock", record=everything(network), threads=2))


@settings(max_examples=20)
@given(seed=SEEDS, large=st.booleans(), cut=st.integers(1, 159), threads=st.tuples(*[st.integers(1, 3)] * 2))
def test_a_run_in_two_pieces_is_the_run(tmp_path_factory, seed, large, cut, threads):
    network = random_network(seed, large=large)
    whole, first = run(network), run(network, cut * DT, threads=threads[0])
    path = tmp_path_factory.mktemp("state") / "state.npz"
    sim.save_state(first.state, path)
    second = run(network, DURATION - cut * DT, threads=threads[1], start=sim.load_state(path))
    for name, train in whole.spikes.items():
        both = np.concatenate([first.spikes[name].times, second.spikes[name].times])
        np.testing.assert_array_equal(train.times, both, err_msg=name)
    assert_same_end(whole, second)
    assert (first.counts + second.counts).to_dict() == whole.counts.to_dict()


@pytest.mark.parametrize("engine", ["clock", "event"])
@settings(max_examples=10)
@given(seed=SEEDS)
def test_looking_changes_nothing(engine, seed):
    models = (sim.LIF, sim.LIFExp, sim.IF) if engine == "event" else tuple(CONTINUOUS)
    network = random_network(seed, models=models)
    seen = []
    all_of_it = run(network, engine=engine, progress=seen.append)
    spikes = {name: ["spikes"] for name in network.populations}
    some, none = run(network, engine=engine, record=spikes), run(network, engine=engine, record={})
    for name, train in some.spikes.items():
        np.testing.assert_array_equal(train.times, all_of_it.spikes[name].times)
    assert all_of_it.counts.to_dict() == some.counts.to_dict() == none.counts.to_dict()
    assert seen[-1] == 1.0


@settings(max_examples=20)
@given(seed=SEEDS, large=st.booleans())
def test_operations_are_those_of_the_spikes_and_the_synapses(seed, large):
    network = random_network(seed, large=large)
    result = run(network)
    for part, name in zip(compile_spiking(network, seed=3, dt=DT).projections, network.projections, strict=True):
        train = result.spikes[network.projections[name].pre.population.name]
        expected = int(part.fan_out[train.indices].sum())
        assert result.counts.layers[name].get("synops", 0) == expected
    steps = round(DURATION / DT)
    for name, population in network.populations.items():
        layer = result.counts.layers[name]
        assert layer.get("spikes", 0) == len(result.spikes[name].times)
        if not population.model.is_source:
            assert layer.get("updates_driven", 0) + layer.get("updates_idle", 0) == steps * population.size


@settings(max_examples=15)
@given(seed=SEEDS, n=st.integers(2, 40))
def test_relabelled_neurons_fire_relabelled_spikes(seed, n):
    random = np.random.default_rng(seed)
    m = 4 * n
    source, target = random.integers(n, size=m), random.integers(n, size=m)
    weight = random.integers(-8, 17, m) / 4.0  # sums of quarters are exact, in any order
    times, who = random.integers(1, 160, 6 * n) * DT, random.integers(n, size=6 * n)
    new = random.permutation(n)

    def trains(label):
        noise = sim.Population("noise", n, sim.SpikeArray(times=times, indices=label[who]))
        cells = sim.Population("cells", n, sim.LIF(tau_m=10.0, t_ref=1.0))
        recurrent = sim.Projection(cells, cells, sim.FromArrays(label[source], label[target]), weight=weight, delay=0.5)
        net = sim.Network(sim.Projection(noise, cells, sim.OneToOne(), weight=16.0, delay=0.25), recurrent)
        return sim.simulate(net, DURATION, dt=DT, engine="clock", record={"cells": ["spikes"]}).spikes["cells"]

    plain, permuted = trains(np.arange(n)), trains(new)
    assert sorted(zip(plain.times, new[plain.indices], strict=True)) == sorted(zip(permuted.times, permuted.indices, strict=True))

"""Placements hold every limit and every neuron, and their counts are those of a loop over every spike and synapse."""

from __future__ import annotations

import dataclasses
import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placed_networks import PARTITIONERS, hardware, reached, recurrent, run, synapses, walk

import snnsim as sim
from snnsim.errors import ParameterError, PlacementError, UnrecordedError
from snnsim.placement.placed import LOADS

SMALL = {"neurons_per_core": 12, "synapse_bits_per_core": 6_000, "weight_bits": 9, "synapse_overhead_bits": 7, "axons_in": 100}
GRID = {**SMALL, "cores": 4, "mesh": [2, 2], "event_bits": 32}


def by_hand(placement, rows):
    """Return core -> neurons, synapses, axons in and out, from a list of all synapses."""
    found = {load.core: {"neurons": 0, "synapses": 0, "axons_in": set(), "axons_out": set()} for load in placement.cores}
    for core in placement.core.values():
        for each in core.ravel():
            if each >= 0:
                found[int(each)]["neurons"] += 1
    for pre, s, post, t in rows:
        here, there = int(placement.core[pre].ravel()[s]), int(placement.core[post].ravel()[t])
        found[there]["synapses"] += 1
        if here != there:
            found[there]["axons_in"].add((pre, s))
            if here >= 0:
                found[here]["axons_out"].add((pre, s, there))
    return {core: {k: v if isinstance(v, int) else len(v) for k, v in row.items()} for core, row in found.items()}


def placed_or_none(network, chip, **how):
    try:
        return sim.place(network, chip, **how)
    except PlacementError:
        return None


@pytest.mark.parametrize("partitioner", PARTITIONERS)
@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(5, 60), seed=st.integers(0, 99), neurons=st.integers(1, 40), bits=st.integers(1_000, 9_000),
    axons=st.integers(20, 90), out=st.integers(20, 400),
)  # fmt: skip
def test_no_limit_is_ever_exceeded_and_every_neuron_lies_once(partitioner, n, seed, neurons, bits, axons, out):
    network, limits = recurrent(n, seed), {**SMALL, "neurons_per_core": neurons, "synapse_bits_per_core": bits, "axons_in": axons}
    chip = hardware(**limits, axons_out=out)
    placement = placed_or_none(network, chip, partitioner=partitioner, seed=seed)
    if placement is None:
        assert axons < 30 or out < 100  # only a few sources, or pairs, are too few for these networks
        return
    hand = by_hand(placement, synapses(network, seed))
    for load in placement.cores:
        assert hand[load.core] == {kind: getattr(load, kind) for kind in ("neurons", "synapses", "axons_in", "axons_out")}
        for limit, column in LOADS.items():
            assert getattr(load, column) <= chip.limits.get(limit, np.inf)
    assert sum(load.neurons for load in placement.cores) == network.populations["exc"].size + network.populations["inh"].size
    assert (placement.core["noise"] == -1).all() and set(placement.outside) == {"noise"}
    assert all((placement.core[name] >= 0).all() for name in ("exc", "inh"))


@pytest.mark.parametrize("partitioner", PARTITIONERS)
def test_packets_hops_and_bits_are_those_of_a_loop_over_every_spike(partitioner):
    network = recurrent(60)
    result = run(network)
    placement = sim.place(network, hardware(**GRID), traffic=result, partitioner=partitioner)
    assert placement.chips > 1
    packets = hops = across = 0
    cores = reached(placement, synapses(network))
    for name, train in result.spikes.items():
        for unit in train.indices:
            own = int(placement.core[name].ravel()[unit])
            for core in cores.get((name, int(unit)), set()) - {own}:
                links = walk(placement.mesh, None if own < 0 else own, core)
                packets, hops, across = packets + 1, hops + links[0], across + links[1]
    counts = placement.counts(result)
    transport = {kind: counts.total(kind, "transport") for kind in ("packets", "hops", "core_bits", "chip_bits", "barriers")}
    assert packets > 500 and across > 0
    assert transport == {
        "packets": packets, "hops": hops, "core_bits": 32 * hops, "chip_bits": 32 * across, "barriers": 400 * len(placement.cores)
    }  # fmt: skip
    assert counts.placed_on == "toy" and placement.cut == packets
    assert counts.total("synops") == result.counts.total("synops") == sum(placement.synops(result).values())


def test_a_core_gets_the_synaptic_operations_of_its_synapses():
    network = recurrent(40)
    result = run(network)
    placement = sim.place(network, hardware(**SMALL), partitioner="order")
    spikes = {name: train.counts() for name, train in result.spikes.items()}
    hand = dict.fromkeys(placement.synops(result), 0)
    for pre, s, post, t in synapses(network):
        hand[int(placement.core[post].ravel()[t])] += int(spikes[pre][s])
    assert placement.synops(result) == hand
    worst = placement.worst(result)["synops"]
    assert worst.load == max(hand.values()) == hand[worst.core] and worst.share == worst.load / sum(hand.values())


def communities(random, n=10):
    """Return n neurons of which some pairs speak, and the pairs."""
    exc = sim.Population("exc", n, sim.LIF())
    pairs = [(i, j) for i, j in itertools.permutations(range(n), 2) if random.random() < (0.6 if (i < n // 2) == (j < n // 2) else 0.15)]
    order = random.permutation(n)
    pairs = [(int(order[i]), int(order[j])) for i, j in pairs]
    return sim.Network(sim.Projection(exc, exc, sim.FromArrays(*(np.array(side) for side in zip(*pairs, strict=True))))), pairs


@pytest.mark.parametrize("seed", range(6))
def test_metis_cuts_at_most_a_fifth_more_than_the_best_of_all_partitions(seed):
    pytest.importorskip("pymetis", reason="pymetis comes with the test extra")
    network, pairs = communities(np.random.default_rng(seed))
    placement = sim.place(network, hardware(neurons_per_core=5), partitioner="metis")

    def packets(side):
        return len({(i, j in side) for i, j in pairs if (i in side) != (j in side)})

    best = min(packets(set(side)) for side in itertools.combinations(range(10), 5))
    assert len(placement.cores) == 2
    assert best <= placement.cut <= 1.2 * best
    assert placement.cut <= sim.place(network, hardware(neurons_per_core=5), partitioner="order").cut


@pytest.mark.parametrize("partitioner", PARTITIONERS)
def test_the_same_seed_gives_the_same_bits(partitioner):
    network = recurrent(50)
    one, two = (sim.place(network, hardware(**GRID), partitioner=partitioner, seed=5) for _ in range(2))
    assert all(np.array_equal(one.core[name], two.core[name]) for name in network.populations)
    assert one.cores == two.cores


def test_a_chip_is_named_for_every_core():
    placement = sim.place(recurrent(60), hardware(**GRID), partitioner="order")
    assert all(load.chip == load.core // 4 for load in placement.cores)
    assert np.array_equal(placement.chip["exc"], placement.core["exc"] // 4)
    assert (placement.chip["noise"] == -1).all()
    assert placement.table()[0]["populations"] == placement.cores[0].populations


def tokens():
    """A matrix over 8 tokens, with weights of 8 bits."""
    pre = sim.Population("in", (8, 16), sim.IntegerInput(s_min=-3, s_max=3))
    post = sim.Population("out", (8, 16), sim.Staircase(theta=90, s_min=-3, s_max=3))
    weight = np.random.default_rng(0).integers(-127, 128, (16, 16)).astype(np.int8)
    return sim.Network(sim.Projection(pre, post, sim.Dense(weight)))


def test_every_token_has_synapses_of_its_own_unless_weights_are_shared():
    chip = hardware(neurons_per_core=1_000, synapses_per_core=10_000)
    assert sim.place(tokens(), chip, partitioner="order").cores[0].synapses == 8 * 16 * 16
    assert sim.place(tokens(), chip, partitioner="order", shared_weights=True).cores[0].synapses == 16 * 16


def test_shared_kernels_are_cut_by_channels_and_stored_once_on_each_core():
    chip = hardware(neurons_per_core=64, synapses_per_core=128)
    placement = sim.place(tokens(), chip, partitioner="order", shared_weights=True)
    for load in placement.cores:
        channels = {int(c) for _, c in np.argwhere(placement.core["out"] == load.core)}
        assert load.synapses == 16 * len(channels) <= 128
    assert len(placement.cores) == 2
    assert len(sim.place(tokens(), chip, partitioner="order").cores) == 16


@pytest.mark.parametrize(("weight_bits", "slices"), [(9, 1), (8, 1), (4, 2), (1, 8)])
def test_a_weight_wider_than_a_synapse_takes_several(weight_bits, slices):
    chip = hardware(neurons_per_core=1_000, synapse_bits_per_core=10**6, weight_bits=weight_bits, synapse_overhead_bits=7)
    load = sim.place(tokens(), chip, partitioner="order").cores[0]
    assert (load.synapses, load.synapse_bits) == (2048 * slices, 2048 * slices * (weight_bits + 7))


def test_rows_that_see_each_other_stay_on_one_core(digits):
    model = digits[0]
    placement = sim.place(model.network, hardware(neurons_per_core=40), partitioner="order")
    rows = placement.core["block0.scores"].reshape(-1, 16)
    assert (rows == rows[:, :1]).all()
    with pytest.raises(PlacementError, match=r"a row of 32 units has 32 neurons, 2 more than neurons_per_core = 30 of toy"):
        sim.place(model.network, hardware(neurons_per_core=30), partitioner="order")


@pytest.mark.parametrize("partitioner", PARTITIONERS)
def test_a_transformer_is_placed_and_its_events_are_counted(digits, partitioner):
    model, inputs, _, _ = digits
    result = model(inputs[:2], record={name: ["spikes"] for name in model.network.populations})
    chip = hardware(**sim.load_profile("loihi14").limits)
    placement = sim.place(model.network, chip, traffic=result, partitioner=partitioner)
    counts = placement.counts(result)
    expected = sum(
        len(train) * 0 + int((train.counts() * placement.routes.fan_out()[first : first + train.n]).sum())
        for (name, train), first in zip(result.spikes.items(), starts(model.network), strict=True)
    )
    assert counts.total("packets") == expected > 0
    assert counts.total("barriers") == len(placement.cores) * int(result.steps.sum())
    # A product counts an operation for every synapse, whatever its partner; all others are as counted by the engine.
    assert sum(placement.synops(result).values()) >= result.counts.total("synops")


def starts(network):
    return np.cumsum([0, *(population.size for population in network.populations.values())])[:-1].tolist()


def test_energy_on_loihi_is_as_by_hand():
    source = sim.Population("in", 1, sim.SpikeArray(times=[1.0, 2.0, 3.0], indices=[0, 0, 0]))
    a, b = sim.Population("a", 5, sim.LIF()), sim.Population("b", 5, sim.LIF())
    network = sim.Network(
        sim.Projection(source, a, sim.AllToAll(), weight=40.0), sim.Projection(a, b, sim.OneToOne(), weight=0.1, delay=1.0)
    )
    loihi = sim.load_profile("loihi14")
    one_each = dataclasses.replace(loihi, limits={**loihi.limits, "neurons_per_core": 1})
    result = run(network, 10.0)
    fired = len(result.spikes["a"])
    placement = sim.place(network, one_each, partitioner="order")
    cores = {name: placement.core[name] for name in "ab"}
    hops = sum(3 * sum(walk(placement.mesh, None, int(core))) for core in cores["a"])
    hops += sum(
        int(n) * sum(walk(placement.mesh, int(x), int(y))) for n, x, y in zip(result.spikes["a"].counts(), *cores.values(), strict=True)
    )
    counts = placement.counts(result)
    assert counts.total("hops") == hops > 0 and fired >= 5
    driven, idle = counts.total("updates_driven"), counts.total("updates_idle")
    pj = 23.6 * (15 + fired) + 1.7 * (3 + fired) + 81.0 * driven + 52.0 * idle + 3.5 * hops
    report = sim.estimate_energy(counts, one_each)
    assert report.total.nominal == pytest.approx(pj)
    assert dict(report.left_out["transport"]) == {"barriers": 10 * 100}


REFUSED = {
    "fan-in": (hardware(neurons_per_core=9, fan_in=2), r"'exc'\): a neuron has \d+ synapses, \d+ more than fan_in = 2 of toy"),
    "memory": (hardware(neurons_per_core=9, synapses_per_core=3), r"\d+ more than synapses_per_core = 3"),
    "axons in": (hardware(neurons_per_core=9, axons_in=4), r"a neuron listens to \d+ sources, \d+ more than axons_in = 4 of toy"),
    "axons out": (hardware(neurons_per_core=1, axons_out=2), r"\(neuron, core\) pairs, \d+ more than axons_out = 2"),
    "fan-out": (hardware(neurons_per_core=9, fan_out=1), r"reaches \d+ other cores, \d+ more than fan_out = 1 .* Copies of the neuron"),
    "cores": (hardware(neurons_per_core=9, cores=2, chips=3), r"needs 9 cores, 3 more than the 6 of toy.*'exc'\): 60 neurons take 7 cores"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_names_the_limit_the_excess_and_the_population(what):
    chip, said = REFUSED[what]
    with pytest.raises(PlacementError, match=said):
        sim.place(recurrent(60), chip, partitioner="order")


def test_narrow_synapses_say_how_many_a_weight_takes():
    with pytest.raises(PlacementError, match="An int8 weight takes 8 synapses of 1 bit"):
        sim.place(tokens(), hardware(neurons_per_core=99, fan_in=100, weight_bits=1), partitioner="order")


def test_hardware_without_limits_lists_those_with():
    with pytest.raises(ParameterError, match="'horowitz45' tells no neurons_per_core.*Choose one of brainscales2, .*loihi14"):
        sim.place(recurrent(), "horowitz45", partitioner="order")


def test_roles_that_cores_cannot_do_go_to_a_host_when_asked(digits):
    network = digits[0].network
    with pytest.raises(PlacementError, match=r"'block0.norm1'\) needs the role group: not on loihi14.*Give host=True"):
        sim.place(network, "loihi14", partitioner="order")
    placement = sim.place(network, "loihi14", partitioner="order", host=True)
    assert placement.outside["block0.norm1"] == "group: not on loihi14"
    assert placement.outside["block0.mix"] == "product: not on loihi14"
    assert "block0.q" not in placement.outside


def test_a_result_must_be_of_this_network_seed_and_record_every_sender():
    network = recurrent(20)
    placement = sim.place(network, hardware(**SMALL), partitioner="order", seed=3)
    with pytest.raises(ParameterError, match="seed = 0, which draws other synapses than seed = 3 of the placement"):
        placement.counts(run(network))
    with pytest.raises(ParameterError, match="another network"):
        placement.counts(run(recurrent(21), seed=3))
    unrecorded = sim.simulate(network, 5.0, seed=3, record={"exc": ["spikes"]})
    with pytest.raises(UnrecordedError, match=r"noise, inh are needed. Run with record=\{'noise': \['spikes'\], 'inh': \['spikes'\]\}"):
        placement.counts(unrecorded)
    assert sim.place(network, hardware(**SMALL), traffic=run(network, seed=3), partitioner="order").seed == 3


def test_traffic_by_population_moves_the_cut():
    network = recurrent(40)
    base = sim.place(network, hardware(**SMALL), partitioner="order")
    silent = sim.place(network, hardware(**SMALL), partitioner="order", traffic={"noise": 0.0, "inh": 0.0, "exc": 0.0})
    assert base.cut > 0 and silent.cut == 0
    with pytest.raises(ParameterError, match="has shape .3,. but must be one number, or one for each of 40 neurons."):
        sim.place(network, hardware(**SMALL), partitioner="order", traffic={"exc": np.ones(3)})


def test_without_pymetis_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymetis", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ParameterError, match=r"pip install 'snnsim\[placement\]'.*partitioner='order'"):
        sim.place(recurrent(20), hardware(**SMALL))


@pytest.mark.parametrize("partitioner", PARTITIONERS)
@pytest.mark.parametrize("shared", [False, True])
def test_a_transformer_keeps_every_limit_with_and_without_shared_kernels(digits, partitioner, shared):
    network = digits[0].network
    limits = {**SMALL, "neurons_per_core": 100, "synapse_bits_per_core": 60_000, "axons_in": 700, "axons_out": 900}
    placement = sim.place(network, hardware(**limits), partitioner=partitioner, shared_weights=shared)
    for limit, (mean, most) in placement.utilisation().items():
        assert 0.0 < mean <= most <= 1.0, limit
    units = sum(population.size for name, population in network.populations.items() if name != "pixels")
    assert sum(load.neurons for load in placement.cores) == units == sum((core >= 0).sum() for core in placement.core.values())


def test_an_empty_chip_is_refused():
    noise = sim.Population("noise", 5, sim.PoissonSource(rate=5.0))
    with pytest.raises(PlacementError, match=r"all populations lie outside the chip \(noise\)"):
        sim.place(sim.Network(noise), hardware(**SMALL), partitioner="order")


def test_sources_beyond_what_a_core_hears_are_named_where_they_decide():
    with pytest.raises(PlacementError, match=r"at most axons_in = 30 sources, and so takes \d\.\d neurons in the mean"):
        sim.place(recurrent(60), hardware(neurons_per_core=60, axons_in=30, chips=1, cores=4), partitioner="order")


@pytest.mark.parametrize("chip", ["spinnaker1", "tianjic28", "darwin3_22"])
def test_every_chip_with_limits_takes_a_small_network_and_prices_it(chip):
    network = recurrent(300, p=0.02)
    result = run(network, 5.0)
    placement = sim.place(network, chip, traffic=result, partitioner="order")
    counts = placement.counts(result)
    assert len(placement.cores) >= 2 or chip == "darwin3_22"
    assert (counts.total("hops") > 0) == (placement.mesh.known and len({(load.x, load.y) for load in placement.cores}) > 1)
    # An all-in figure holds the way of the events: a placement must not change it.
    assert sim.estimate_energy(counts, chip).total == sim.estimate_energy(result.counts, chip).total


def test_a_mesh_with_more_tiles_than_cores_holds_them_all():
    chip = hardware(**{**SMALL, "neurons_per_core": 20}, cores=5, mesh=[4, 4])
    placement = sim.place(recurrent(), chip, partitioner="order")
    assert 3 < len(placement.cores) < 5
    assert len({load.core for load in placement.cores}) == len(placement.cores)
    assert max(load.core for load in placement.cores) < 5


@pytest.mark.parametrize("traffic", [1e308, {"exc": 1e308}, [1.0, 2.0]])
def test_a_traffic_beyond_all_sums_is_refused(traffic):
    with pytest.raises(ParameterError, match="must be <= 1e.15|must be one number, not an array"):
        sim.place(recurrent(), hardware(**SMALL), traffic=traffic)

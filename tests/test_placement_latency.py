"""The slowest core of every step decides: by hand, and by a loop over steps, cores, spikes and synapses."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from placed_networks import hardware, reached, recurrent, run, synapses, walk

import snnsim as sim
from snnsim.errors import ParameterError

TIMES = {
    "synops": (3, 4, 5), "spikes": (7, 8, 9), "updates_driven": (10, 11, 12), "updates_idle": (1, 2, 3), "hops": (20, 30, 40),
    "barriers": (100, 200, 300),
}  # fmt: skip
GRID = {"neurons_per_core": 12, "cores": 4, "mesh": [2, 2]}


def by_hand(placement, network, result, steps, dt):
    """Return ns low, nominal and high, step by step."""
    rows = synapses(network)
    cores, fan = reached(placement, rows), {}
    for pre, s, post, t in rows:
        fan.setdefault((pre, s), []).append(int(placement.core[post].ravel()[t]))
    fired = [[] for _ in range(steps)]
    for name, train in result.spikes.items():
        for time, unit in zip(train.times, train.indices, strict=True):
            fired[min(steps, ceil(time / dt - 1e-6)) - 1].append((name, int(unit)))
    total = [0.0, 0.0, 0.0]
    for now in fired:
        synops, spikes = ({load.core: 0 for load in placement.cores} for _ in range(2))
        far = 0
        for key in now:
            own = int(placement.core[key[0]].ravel()[key[1]])
            for core in fan.get(key, []):
                synops[core] += 1
            if own >= 0:
                spikes[own] += 1
            for core in cores.get(key, set()) - {own}:
                far = max(far, sum(walk(placement.mesh, None if own < 0 else own, core)))
        for k in range(3):
            work = []
            for load in placement.cores:
                driven = min(synops[load.core], load.neurons if k else 1)
                busy = synops[load.core] * TIMES["synops"][k] + spikes[load.core] * TIMES["spikes"][k]
                work.append(busy + driven * TIMES["updates_driven"][k] + (load.neurons - driven) * TIMES["updates_idle"][k])
            total[k] += max(work) + far * TIMES["hops"][k] + TIMES["barriers"][k]
    return total


@pytest.mark.parametrize("step", [0.1, 1.0])
def test_latency_is_that_of_a_loop_over_steps_and_cores(step):
    network = recurrent(50)
    result = run(network, 20.0)
    placement = sim.place(network, hardware(TIMES, **GRID), partitioner="order")
    steps = round(20.0 / step)
    latency = placement.latency(result, step=step)
    assert latency.ms == pytest.approx([1e-6 * ns for ns in by_hand(placement, network, result, steps, step)])
    assert latency.steps == steps and latency.left_out == ()
    assert sum(latency.slowest.values()) == pytest.approx(1.0)


def test_a_silent_network_takes_its_idle_updates_and_barriers():
    quiet = sim.Population("quiet", 12, sim.LIF())
    network = sim.Network(sim.Projection(quiet, quiet, sim.FixedProbability(0.2), weight=0.1))
    placement = sim.place(network, hardware(TIMES, neurons_per_core=8), partitioner="order")
    latency = placement.latency(run(network, 2.0))
    assert latency.ms.nominal == pytest.approx(20 * (8 * 2 + 200) * 1e-6)


def test_a_trial_of_integer_units_is_an_inference(digits):
    model, inputs, _, _ = digits
    record = {name: ["spikes"] for name in model.network.populations}
    one, two, both = (model(part, record=record) for part in (inputs[:1], inputs[1:2], inputs[:2]))
    placement = sim.place(model.network, hardware(TIMES, **sim.load_profile("loihi14").limits), partitioner="order")
    apart = [placement.latency(result).ms.nominal for result in (one, two)]
    together = placement.latency(both)
    assert together.ms.nominal == pytest.approx(sum(apart) / 2)
    assert together.steps == both.steps.sum() / 2
    assert placement.latency(both, per=1).ms.nominal == pytest.approx(sum(apart))


def test_latency_does_not_depend_on_how_many_steps_are_worked_on_together(monkeypatch):
    network = recurrent(50)
    result = run(network, 20.0)
    placement = sim.place(network, hardware(TIMES, **GRID), partitioner="order")
    whole = placement.latency(result)
    monkeypatch.setattr("snnsim.placement.latency._CHUNK", 60)
    assert placement.latency(result).ms == pytest.approx(whole.ms)


def test_kinds_without_a_time_are_named():
    network = recurrent(20)
    result = run(network, 2.0)
    partly = {kind: TIMES[kind] for kind in ("synops", "updates_idle")}
    latency = sim.place(network, hardware(partly, **GRID), partitioner="order").latency(result)
    assert latency.left_out == ("spikes", "updates_driven", "hops", "barriers") and "left out: spikes" in str(latency)
    with pytest.raises(ParameterError, match="'toy' tells no time of a synaptic operation. Those that do: loihi14"):
        sim.place(network, hardware(**GRID), partitioner="order").latency(result)


def test_steps_of_the_hardware_belong_to_spiking_networks(digits):
    model, inputs, _, _ = digits
    result = model(inputs[:1], record={name: ["spikes"] for name in model.network.populations})
    placement = sim.place(model.network, hardware(TIMES, neurons_per_core=4_000), partitioner="order")
    with pytest.raises(ParameterError, match="does not apply to a network of integer units"):
        placement.latency(result, step=1.0)


def test_the_map_shows_every_core_in_use_and_what_travels():
    network = recurrent(60)
    result = run(network)
    placement = sim.place(network, hardware(**GRID, axons_in=200), partitioner="order")
    ax = sim.viz.placement_map(placement, result)
    shown = np.ma.filled(ax.images[0].get_array().astype(float), np.nan)
    tiles = {(load.x, load.y) for load in placement.cores}
    assert {(int(x), int(y)) for y, x in np.argwhere(np.isfinite(shown))} == tiles
    for load in placement.cores:
        assert shown[load.y, load.x] == pytest.approx(100 * max(load.neurons / 12, load.axons_in / 200))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("tile, along x", "tile, along y") and len(ax.lines) > 3
    with pytest.raises(ParameterError, match="must be a Placement"):
        sim.viz.placement_map(network)

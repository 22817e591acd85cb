"""Every count of a spiking network, on the clock and by events, against loops over recorded spikes and single synapses."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_networks import CONTINUOUS, DISCRETE, DT, random_network

from snnsim.compiler.spiking import compile_spiking
from snnsim.engines.spiking import run_spiking
from snnsim.models.integrate_fire import IF
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp

DURATION = 10.0
SEEDS = st.integers(0, 2**32 - 1)
#: what one synaptic operation is: a weight read, an input read, added to and written
PER_SYNOP = ("synops", "adds", "weight_fetches", "state_reads", "state_writes")


def outgoing(part):
    """Return for each source the list of (target, weight, delay in ms or steps) of its synapses."""
    found = defaultdict(list)
    for source in range(len(part.row_ptr) - 1):
        for at in range(part.row_ptr[source], part.row_ptr[source + 1]):
            weight = part.weight if np.ndim(part.weight) == 0 or np.size(part.weight) == 1 else part.weight[at]
            delay = part.delay[0] if part.which is None else part.delay[part.which[at]]
            found[source].append((int(part.target[at]), float(np.ravel(weight)[0]), float(delay)))
    return found


def run(seed, engine, models, plastic, dt):
    net = random_network(seed, models=models, plastic=plastic, duration=DURATION, dt=dt, rest=1.0 if engine == "event" else 0.0)
    record = {name: ["spikes"] for name in net.populations}
    result = run_spiking(net, duration=DURATION, engine=engine, dt=dt, seed=seed % 1000, record=record)
    return net, compile_spiking(net, seed=seed % 1000, dt=dt), result


def assert_synapses(result, part, synops):
    kinds = dict(result.counts.layers[part.name])
    kinds.pop("plasticity_updates", None)
    assert kinds == (dict.fromkeys(PER_SYNOP, synops) if synops else {}), part.name


def assert_updates(population, layer, engine, n, spikes):
    """Everything a population counts, given its updates: what its model declares for each."""
    declared = population.model.update_operations.get(engine, {})
    kinds = {kind: count for kind, count in layer.items() if kind not in ("updates_driven", "updates_idle")}
    assert kinds == {
        kind: count for kind, count in ({"spikes": spikes} | {kind: each * n for kind, each in declared.items()}).items() if count
    }


@settings(max_examples=40)
@given(seed=SEEDS, kind=st.sampled_from(["continuous", "discrete"]))
def test_a_clock_run_counts_every_spike_at_every_synapse_and_every_neuron_in_every_step(seed, kind):
    models, dt = (tuple(DISCRETE), 1.0) if kind == "discrete" else (tuple(CONTINUOUS), DT)
    net, compiled, result = run(seed, "clock", models, True, dt)
    names = list(net.populations)
    for part in compiled.projections:
        fan = {source: len(reached) for source, reached in outgoing(part).items()}
        assert_synapses(result, part, sum(fan.get(int(i), 0) for i in result.spikes[names[part.pre]].indices))
    for name, population in net.populations.items():
        n = 0 if population.model.is_source else population.size * round(DURATION / dt)
        layer = result.counts.layers[name]
        assert layer.get("updates_driven", 0) + layer.get("updates_idle", 0) == n
        assert_updates(population, layer, "clock", n, len(result.spikes[name]))


@settings(max_examples=40)
@given(seed=SEEDS)
def test_an_event_run_counts_every_arrival_and_one_update_per_neuron_and_instant(seed):
    net, compiled, result = run(seed, "event", (LIF, LIFExp, IF), False, DT)
    names = list(net.populations)
    # A source that plays a time twice makes two instants of it: a neuron may then have two updates at one time.
    trains = [list(zip(train.times, train.indices, strict=True)) for train in result.spikes.values()]
    assume(all(len(set(train)) == len(train) for train in trains))
    arrivals = {name: defaultdict(float) for name in names}  # (time, neuron) -> what comes
    for part in compiled.projections:
        train, synapses, synops = result.spikes[names[part.pre]], outgoing(part), 0
        for time, source in zip(train.times, train.indices, strict=True):
            for target, weight, delay in synapses.get(int(source), ()):
                if time + delay <= DURATION:
                    synops += 1
                    arrivals[names[part.post]][time + delay, target] += abs(weight)
        assert_synapses(result, part, synops)
    for name, population in net.populations.items():
        layer = result.counts.layers[name]
        if population.model.is_source:
            assert dict(layer) == ({"spikes": len(result.spikes[name])} if len(result.spikes[name]) else {})
            continue
        fired = set(zip(result.spikes[name].times.tolist(), result.spikes[name].indices.tolist(), strict=True))
        reached = arrivals[name]
        n = len(fired | set(reached))
        assert layer.get("updates_driven", 0) + layer.get("updates_idle", 0) == n, name
        assert layer.get("updates_driven", 0) <= sum(size > 0.0 for size in reached.values())
        assert_updates(population, layer, "event", n, len(fired))

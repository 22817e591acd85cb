"""The event engine against NEST's precise models and against the clock engine."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsim.connect import AllToAll, FromArrays, OneToOne
from snnsim.counts import OPERATIONS
from snnsim.engines.spiking import run_spiking
from snnsim.errors import CompileError, ParameterError, SimulationError
from snnsim.models.integrate_fire import IF
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp
from snnsim.models.regular import RegularSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.pair_stdp import PairSTDP

NEST = Path(__file__).parents[2] / "shared" / "refs" / "nest"


def nest(name):
    if not NEST.exists():
        pytest.skip(f"no reference traces in {NEST}")
    return np.load(NEST / f"{name}.npz"), json.loads((NEST / "refs_params.json").read_text())[name]


@pytest.mark.parametrize(("name", "model"), [("single_iaf_psc_delta_ps_offgrid", LIF), ("single_iaf_psc_exp_ps_lossless_offgrid", LIFExp)])
def test_spike_times_are_those_of_nest_off_the_grid(name, model):
    trace, reference = nest(name)
    given = reference["params"]
    names = {"tau_m": "tau_m", "v_rest": "E_L", "v_th": "V_th", "v_reset": "V_reset", "t_ref": "t_ref", "c_m": "C_m", "i_ext": "I_e"}
    if model is LIFExp:
        names |= {"tau_syn_exc": "tau_syn_ex", "tau_syn_inh": "tau_syn_in"}
    cell = Population("cell", 1, model(**{ours: given[theirs] for ours, theirs in names.items()}))
    sources = [Population(side, 1, SpikeArray(times=trace[f"{side}_in"])) for side in ("exc", "inh")]
    net = Network(*(Projection(s, cell, OneToOne(), weight=reference[f"w_{s.name}"], delay=reference["delay"]) for s in sources))
    result = run_spiking(net, duration=reference["T"], engine="event", dt=0.1, record={"cell": ["spikes", "v"]})
    np.testing.assert_allclose(result.spikes["cell"].times, trace["spikes"], atol=1e-9, rtol=0)
    np.testing.assert_allclose(result.recordings["cell"]["v"].values[: len(trace["t"]), 0], trace["V_m"], atol=1e-9, rtol=0)


def test_spike_times_under_a_constant_current_are_those_of_nest():
    trace, reference = nest("dc_iaf_psc_delta_ps_dc")
    given = reference["params_full_initial"]
    cell = LIF(
        tau_m=given["tau_m"], v_rest=given["E_L"], v_th=given["V_th"], v_reset=given["V_reset"], t_ref=given["t_ref"], c_m=given["C_m"],
        i_ext=reference["amp"],
    )  # fmt: skip
    # NEST's generator switches on at 50 ms and acts after its delay of 1 ms; the neuron rests at E_L until then.
    onset = reference["start"] + reference["gen_delay"]
    times = run_spiking(Network(Population("cell", 1, cell)), duration=400.0, engine="event").spikes["cell"].times
    np.testing.assert_allclose(times + onset, trace["spikes"], atol=1e-9, rtol=0)


@pytest.mark.parametrize(("model", "weight"), [(LIF, 1.4), (LIFExp, 60.0)])
def test_clock_spikes_approach_event_spikes_as_the_step_shrinks(model, weight):
    random = np.random.default_rng(1)
    n = 60
    source = Population("source", 20, SpikeArray(times=np.sort(random.uniform(0.5, 80.0, 2000)), indices=random.integers(20, size=2000)))
    cells = Population("cells", 20, model(i_ext=100.0))
    pairs = FromArrays(random.integers(20, size=n), random.integers(20, size=n))
    net = Network(
        Projection(source, cells, OneToOne(), weight=weight, delay=1.0),
        Projection(cells, cells, pairs, weight=0.3 * weight * random.choice([-2.0, 1.0], size=n), delay=1.5),
    )
    exact = run_spiking(net, duration=80.0, engine="event").spikes["cells"]
    errors = []
    for dt in (0.25, 0.03125, 0.00390625):
        spikes = run_spiking(net, duration=80.0, engine="clock", dt=dt).spikes["cells"]
        same = np.array_equal(spikes.counts(), exact.counts())
        errors.append(max(np.abs(spikes.of(i) - exact.of(i)).max(initial=0) for i in range(20)) if same else np.inf)
    assert len(exact) > 30
    assert errors[2] < 0.04
    assert errors[2] < errors[0]


def test_simultaneous_inputs_are_added_before_the_threshold_test():
    cell = Population("cell", 1, LIF())
    exc, inh = (Population(name, 2, SpikeArray(times=[3.0, 3.0], indices=[0, 1])) for name in ("exc", "inh"))
    both = Network(Projection(exc, cell, AllToAll(), weight=10.0), Projection(inh, cell, AllToAll(), weight=-4.0))
    assert len(run_spiking(both, duration=10.0, engine="event").spikes["cell"]) == 0
    alone = Network(Projection(exc, cell, AllToAll(), weight=10.0))
    np.testing.assert_array_equal(run_spiking(alone, duration=10.0, engine="event").spikes["cell"].times, [4.0])


def test_synops_of_an_event_run_are_its_delivered_spikes_times_their_fan_out():
    random = np.random.default_rng(2)
    times, indices = random.uniform(0.1, 20.0, 300), random.integers(10, size=300)
    source, cells = Population("source", 10, SpikeArray(times=times, indices=indices)), Population("cells", 10, LIF())
    s, t, delay = random.integers(10, size=50), random.integers(10, size=50), random.uniform(0.5, 4.0, size=50)
    net = Network(Projection(source, cells, FromArrays(s, t), weight=0.5, delay=delay))
    first = run_spiking(net, duration=15.0, engine="event")
    delivered = sum(int(np.sum(times + d <= 15.0)) for times, d in ((times[indices == s[k]], delay[k]) for k in range(50)))
    assert first.counts.total("synops") == delivered
    rest = run_spiking(net, duration=15.0, engine="event", start=first.state)
    assert first.counts.total("synops") + rest.counts.total("synops") == np.sum(np.bincount(indices)[s])


@pytest.mark.parametrize("model", [LIF, LIFExp])
def test_an_event_run_counts_one_declared_update_per_neuron_and_instant(model):
    random = np.random.default_rng(5)
    times, indices = random.integers(1, 400, 60) / 16, random.integers(4, size=60)
    source, cells = Population("source", 4, SpikeArray(times=times, indices=indices)), Population("cells", 3, model(i_ext=400.0))
    s, t, delay = random.integers(4, size=9), random.integers(3, size=9), random.integers(1, 40, size=9) / 16
    net = Network(Projection(source, cells, FromArrays(s, t), weight=0.3, delay=delay))
    result = run_spiking(net, duration=60.0, engine="event")
    arrivals = {(t[k], at + delay[k]) for k in range(9) for at in times[indices == s[k]]}
    spikes = result.spikes["cells"]
    by_itself = set(zip(spikes.indices, spikes.times, strict=True)) - arrivals
    layer = result.counts.layers["cells"]
    assert layer["updates_driven"] == len(arrivals) > 50
    assert layer["updates_idle"] == len(by_itself) > 5
    for kind, each in model.update_operations["event"].items():
        assert kind in OPERATIONS and layer[kind] == each * (len(arrivals) + len(by_itself))
    assert set(result.counts.layers["source"]) == {"spikes"}
    assert dict(result.counts.roles) == {"source": "neuron", "cells": "neuron", "source -> cells": "synaptic"}


@pytest.mark.parametrize("budget", range(1, 12))
def test_samples_of_a_run_cut_at_any_instant_are_neither_lost_nor_doubled(monkeypatch, budget):
    # A delay too short to move the time: two instants at 0.5, 1.0, ..., which are sample times, and a cut may fall between.
    source, cell = Population("source", 1, SpikeArray(times=np.arange(1, 40) / 2)), Population("cell", 1, LIF())
    net = Network(Projection(source, cell, OneToOne(), weight=1.0, delay=1e-20))
    record = {"cell": ["v"]}
    whole = run_spiking(net, duration=10.0, engine="event", dt=0.125, record=record).recordings["cell"]["v"]

    def interrupt(fraction):
        raise KeyboardInterrupt

    monkeypatch.setattr("snnsim.engines.event._BUDGET", budget)
    cut = run_spiking(net, duration=10.0, engine="event", dt=0.125, record=record, progress=interrupt)
    rest = run_spiking(net, duration=10.0 - cut.duration, engine="event", dt=0.125, record=record, start=cut.state)
    pieces = [piece.recordings["cell"]["v"] for piece in (cut, rest)]
    assert pieces[0].times.max(initial=0.0) <= cut.duration < pieces[1].times.max()
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    np.testing.assert_array_equal(np.concatenate([piece.values for piece in pieces]), whole.values)


def test_a_run_that_starts_to_record_samples_from_where_it_starts():
    net = Network(Population("cell", 1, LIF(i_ext=400.0)))
    first = run_spiking(net, duration=5.0, engine="event", dt=0.125)
    times = (
        run_spiking(net, duration=1.0, engine="event", dt=0.125, start=first.state, record={"cell": ["v"]}).recordings["cell"]["v"].times
    )
    np.testing.assert_array_equal(times, 5.0 + np.arange(1, 9) / 8)


def test_a_recording_between_two_spikes_is_the_closed_form():
    cell = Population("cell", 1, LIF(i_ext=300.0, tau_m=20.0, t_ref=2.0))
    result = run_spiking(Network(cell), duration=60.0, engine="event", dt=0.1, record={"cell": ["v", "spikes"]})
    v, times = result.recordings["cell"]["v"], result.spikes["cell"].times
    start = np.array([0.0, *(times + 2.0)])
    phase = v.times - start[np.searchsorted(times, v.times, side="right")]
    expected = -65.0 + 30.0 * -np.expm1(-np.maximum(phase, 0.0) / 20.0)
    np.testing.assert_allclose(v.values[:, 0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "rate"),
    [
        (LIF(i_ext=np.array([0.0, 1e30, 0.0]), t_ref=0.0), r"3\.3e\+29 Hz"),
        (LIF(i_ext=np.array([0.0, 1e9, 0.0]), t_ref=0.0), r"3\.3e\+08 Hz"),
        (IF(i_ext=np.array([0.0, 1e25, 0.0]), v_init=-1e25, t_ref=0.0), "an infinite rate"),
    ],
)
def test_a_storm_of_spikes_in_no_time_is_stopped(model, rate):
    with pytest.raises(SimulationError, match=f"stuck at .* ms: neuron 1 of population 'cells' fires at {rate}.* Raise t_ref"):
        run_spiking(Network(Population("cells", 3, model)), duration=1000.0, engine="event")


def test_a_source_may_be_as_fast_as_asked_for():
    source = Population("source", 1, RegularSource(rate=5e6))
    assert run_spiking(Network(source), duration=1.0, engine="event").counts.total("spikes") == pytest.approx(5000, abs=1)


def test_a_fast_neuron_is_not_a_storm():
    fast = LIF(i_ext=1e6, t_ref=2e-3)
    assert len(run_spiking(Network(Population("cell", 1, fast)), duration=10.0, engine="event").spikes["cell"]) > 1900


def test_spikes_that_chase_each_other_without_time_passing_are_stopped():
    source, cells = Population("source", 1, SpikeArray(times=[1.0])), Population("cells", 200, LIF(t_ref=0.0))
    ring = FromArrays(np.arange(200), np.roll(np.arange(200), -1))
    net = Network(Projection(source, cells, FromArrays([0], [0]), weight=20.0), Projection(cells, cells, ring, weight=20.0, delay=1e-20))
    # A neuron just reset is refractory at that very time, so the spike makes one round and ends.
    assert len(run_spiking(net, duration=5.0, engine="event").spikes["cells"]) == 200


def test_states_that_are_recorded_need_a_sample_within_the_run():
    net = Network(Population("cell", 1, LIF()))
    with pytest.raises(ParameterError, match=r"simulate.duration = 0.05 ms must reach the next sample, at 0.1 ms.* Run longer"):
        run_spiking(net, duration=0.05, engine="event", dt=0.1, record={"cell": ["v"]})
    first = run_spiking(net, duration=0.05, engine="event", dt=0.1, record={"cell": ["spikes"]})
    rest = run_spiking(net, duration=0.05, engine="event", dt=0.1, record={"cell": ["v"]}, start=first.state)
    np.testing.assert_array_equal(rest.recordings["cell"]["v"].times, [0.1])


@pytest.mark.parametrize("model", [LIF, IF, LIFExp])
@pytest.mark.parametrize("backwards", [False, True])
def test_layers_joined_without_delay_fire_at_one_time(model, backwards):
    n = 3 if model is not LIFExp else 1
    source = Population("source", 4, SpikeArray(times=[3.0, 3.0, 7.0, 9.0], indices=[0, 1, 2, 3]))
    layers = [Population(f"layer{k}", 4, model()) for k in range(n)]
    parts = [Projection(a, b, OneToOne(), weight=20.0, delay=0.0) for a, b in zip([source, *layers], layers, strict=False)]
    # The order of declaration must not matter.
    result = run_spiking(Network(*(parts[::-1] if backwards else parts)), duration=20.0, engine="event")
    for layer in layers:
        expected = [3.0, 3.0, 7.0, 9.0] if model is not LIFExp else []
        np.testing.assert_array_equal(result.spikes[layer.name].times, expected)
        assert result.counts.layers[layer.name]["updates_driven"] == 4
    assert result.counts.total("synops") == 4 * n


def test_spikes_without_delay_are_added_to_all_input_of_the_instant():
    # Both reach the last layer at 3 ms: one by a delay of 1 ms, the other through a layer in between.
    source = Population("source", 2, SpikeArray(times=[2.0, 3.0], indices=[0, 1]))
    relay, cell = Population("relay", 1, LIF()), Population("cell", 1, LIF())
    early = Projection(source, cell, FromArrays([0], [0]), weight=10.0, delay=1.0)
    through = Projection(source, relay, FromArrays([1], [0]), weight=20.0, delay=0.0)
    for weight, spikes in ((10.0, [3.0]), (-10.0, []), (4.9, [])):
        net = Network(early, through, Projection(relay, cell, OneToOne(), weight=weight, delay=0.0))
        result = run_spiking(net, duration=10.0, engine="event")
        np.testing.assert_array_equal(result.spikes["cell"].times, spikes)
        layer = result.counts.layers["cell"]
        assert (layer.get("updates_driven", 0), layer.get("updates_idle", 0)) == (int(weight != -10.0), int(weight == -10.0))


def test_a_projection_of_many_delays_may_hold_some_of_zero():
    source = Population("source", 1, SpikeArray(times=[1.0, 6.0]))
    cells = Population("cells", 3, LIF())
    net = Network(Projection(source, cells, AllToAll(), weight=20.0, delay=np.array([0.0, 2.5, 0.5])))
    result = run_spiking(net, duration=7.0, engine="event")
    np.testing.assert_array_equal(result.spikes["cells"].times, [1.0, 1.5, 3.5, 6.0, 6.5])
    np.testing.assert_array_equal(result.spikes["cells"].indices, [0, 2, 1, 0, 2])
    rest = run_spiking(net, duration=7.0, engine="event", start=result.state)
    np.testing.assert_array_equal(rest.spikes["cells"].times, [8.5])


def test_learning_without_delay_is_refused():
    source, cell = Population("source", 1, SpikeArray(times=[5.0])), Population("cell", 1, LIF())
    net = Network(Projection(source, cell, OneToOne(), weight=2.0, delay=0.0, plasticity=PairSTDP(w_max=40.0)))
    with pytest.raises(ParameterError, match=r"Projection\(source -> cell\).delay = 0 ms must be > 0 ms where it learns"):
        run_spiking(net, duration=20.0, engine="event")


def test_recurrence_without_delay_is_refused_by_name():
    a, b, c = (Population(name, 2, LIF()) for name in "abc")
    with pytest.raises(CompileError, match="delay = 0 ms along a -> a must be > 0 ms"):
        run_spiking(Network(Projection(a, a, AllToAll(), delay=0.0)), duration=1.0, engine="event")
    parts = [Projection(pre, post, AllToAll(), delay=0.0) for pre, post in ((c, a), (a, b), (b, a))]
    with pytest.raises(CompileError, match="along (a -> b -> a|b -> a -> b) must .* Give one of these projections a positive delay"):
        run_spiking(Network(*parts), duration=1.0, engine="event")


def test_two_synapses_of_one_spike_to_one_neuron_are_one_update():
    source, cell = Population("source", 1, SpikeArray(times=[1.0])), Population("cell", 2, LIF())
    pairs = FromArrays([0, 0, 0], [0, 0, 1])
    result = run_spiking(Network(Projection(source, cell, pairs, weight=np.array([20.0, -10.0, 3.0]))), duration=5.0, engine="event")
    assert len(result.spikes["cell"]) == 0
    assert result.counts.layers["cell"]["updates_driven"] == 2 and result.counts.total("synops") == 3


@pytest.mark.parametrize("delay", [1.5, "many"])
def test_a_sparse_network_counts_what_brute_force_counts(delay):
    random = np.random.default_rng(11)
    n, m = 40, 400
    times, indices = random.uniform(0.5, 150.0, 500), random.integers(n, size=500)
    s, t, weight = random.integers(n, size=m), random.integers(n, size=m), random.choice([-1.0, 0.0, 2.0], size=m)
    delays = np.full(m, 1.5) if delay == 1.5 else random.uniform(0.5, 4.0, m)
    source, cells = Population("source", n, SpikeArray(times=times, indices=indices)), Population("cells", n, LIF(t_ref=1.0))
    net = Network(
        Projection(source, cells, OneToOne(), weight=11.0, delay=1.0),
        Projection(cells, cells, FromArrays(s, t), weight=weight, delay=delays),
    )
    result = run_spiking(net, duration=200.0, engine="event")
    # Every arrival, grouped by (time, neuron); a plain loop over them in order of time.
    v, last, ready, spikes, driven, idle, synops = np.full(n, -65.0), np.zeros(n), np.full(n, -np.inf), [], 0, 0, 0
    arrivals = {}
    for at, i in zip(times, indices, strict=True):
        arrivals.setdefault(at + 1.0, []).append((i, 11.0))
        synops += 1
    while arrivals:
        now = min(arrivals)
        jumps = {}
        for i, w in arrivals.pop(now):
            jumps[i] = jumps.get(i, 0.0) + w
        for i, jump in jumps.items():
            driven, idle = driven + (jump != 0.0), idle + (jump == 0.0)
            if now <= ready[i]:
                continue
            v[i] = -65.0 + (v[i] + 65.0) * np.exp(-(now - max(last[i], ready[i])) / 20.0) + jump
            last[i] = now
            if v[i] >= -50.0:
                v[i], ready[i] = -65.0, now + 1.0
                spikes.append((now, i))
                for k in np.flatnonzero(s == i):
                    arrivals.setdefault(now + delays[k], []).append((t[k], weight[k]))
                    synops += 1
    layer = result.counts.layers["cells"]
    assert len(spikes) > 100
    np.testing.assert_array_equal(result.spikes["cells"].times, [at for at, _ in sorted(spikes)])
    assert (layer["updates_driven"], layer["updates_idle"], layer["spikes"]) == (driven, idle, len(spikes))
    assert result.counts.total("synops") == synops


def test_no_spike_is_lost_when_the_lines_and_the_window_of_due_times_must_grow():
    n = 3000
    source = Population("source", n, RegularSource(rate=np.linspace(400.0, 900.0, n)))
    cells = Population("cells", n, LIF(t_ref=0.0))
    net = Network(Projection(source, cells, OneToOne(), weight=20.0, delay=15.0))
    result = run_spiking(net, duration=40.0, engine="event", record={"source": ["spikes"], "cells": ["spikes"]})
    made = result.spikes["source"]
    arrived = made.times + 15.0 <= 40.0
    assert result.spikes["cells"].times.size == np.sum(arrived) > 30_000
    np.testing.assert_array_equal(np.sort(result.spikes["cells"].times), np.sort(made.times[arrived] + 15.0))

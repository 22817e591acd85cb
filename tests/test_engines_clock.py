"""The clock engine against NEST's grid models and snnTorch, and its bookkeeping."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsim.connect import FixedProbability, FromArrays, OneToOne
from snnsim.counts import OPERATIONS
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError, SimulationError
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp
from snnsim.models.poisson import PoissonSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.pair_stdp import PairSTDP

NEST = Path(__file__).parents[2] / "shared" / "refs" / "nest"


def random_network(model=LIF, weight=1.2, rate=900.0):
    """40 neurons, excitation and inhibition with random delays, plastic recurrence, Poisson drive."""
    noise, cells = Population("noise", 40, PoissonSource(rate=rate)), Population("cells", 40, model())
    n = 200
    random = np.random.default_rng(3)
    lists = FromArrays(random.integers(40, size=n), random.integers(40, size=n))
    return Network(
        Projection(noise, cells, OneToOne(), weight=weight, delay=0.5),
        Projection(cells, cells, FixedProbability(0.2), weight=0.3 * weight, delay=1.5, plasticity=PairSTDP(w_max=weight)),
        Projection(cells, cells, lists, weight=weight * random.normal(size=n), delay=random.integers(1, 30, size=n) / 10),
    )


def nest(name):
    if not NEST.exists():
        pytest.skip(f"no reference traces in {NEST}")
    return np.load(NEST / f"{name}.npz"), json.loads((NEST / "refs_params.json").read_text())[name]


@pytest.mark.parametrize(("name", "model"), [("single_iaf_psc_delta_grid", LIF), ("single_iaf_psc_exp_grid", LIFExp)])
def test_voltage_and_spikes_are_those_of_nest_on_the_grid(name, model):
    trace, reference = nest(name)
    given = reference["params"]
    names = {"tau_m": "tau_m", "v_rest": "E_L", "v_th": "V_th", "v_reset": "V_reset", "t_ref": "t_ref", "c_m": "C_m", "i_ext": "I_e"}
    if model is LIFExp:
        names |= {"tau_syn_exc": "tau_syn_ex", "tau_syn_inh": "tau_syn_in"}
    cell = Population("cell", 1, model(**{ours: given[theirs] for ours, theirs in names.items()}))
    sources = [Population(side, 1, SpikeArray(times=trace[f"{side}_in"])) for side in ("exc", "inh")]
    net = Network(*(Projection(s, cell, OneToOne(), weight=reference[f"w_{s.name}"], delay=reference["delay"]) for s in sources))
    result = run_spiking(net, duration=reference["T"], engine="clock", dt=0.1, record={"cell": ["spikes", *model.states]})
    np.testing.assert_array_equal(np.rint(result.spikes["cell"].times / 0.1), np.rint(trace["spikes"] / 0.1))
    n = len(trace["t"])
    for ours, theirs in (("v", "V_m"), ("i_syn_exc", "I_syn_ex"), ("i_syn_inh", "I_syn_in")):
        if ours in model.states:
            recording = result.recordings["cell"][ours]
            np.testing.assert_allclose(recording.times[:n], trace["t"], rtol=1e-12)
            np.testing.assert_allclose(recording.values[:n, 0], trace[theirs], atol=1e-9, rtol=0)


def test_spikes_fall_in_the_same_steps_as_those_of_a_snntorch_leaky():
    torch = pytest.importorskip("torch")
    snntorch = pytest.importorskip("snntorch")
    steps, n, beta = 200, 30, 0.9
    drive = (np.random.default_rng(0).random((steps, n)) < 0.3) * 0.37
    leaky = snntorch.Leaky(beta=torch.tensor(beta, dtype=torch.float64), threshold=1.0, reset_mechanism="zero", reset_delay=False)
    mem, expected = torch.zeros(n, dtype=torch.float64), []
    for row in torch.tensor(drive):
        spikes, mem = leaky(row, mem)
        expected.append(spikes.numpy())
    at, index = np.nonzero(drive)
    source = Population("source", n, SpikeArray(times=at + 1.0, indices=index))
    cells = Population("cells", n, LIF(tau_m=-1.0 / np.log(beta), v_rest=0.0, v_reset=0.0, v_th=1.0, t_ref=0.0))
    net = Network(Projection(source, cells, OneToOne(), weight=0.37, delay=1.0))
    ours = run_spiking(net, duration=steps + 1.0, engine="clock", dt=1.0).spikes["cells"]
    step, neuron = np.nonzero(np.array(expected))
    np.testing.assert_array_equal(ours.times, step + 2.0)
    np.testing.assert_array_equal(ours.indices, neuron)
    assert len(ours) > 100


@pytest.mark.parametrize("engine", ["clock", "event"])
@pytest.mark.parametrize(("model", "weight", "rate"), [(LIF, 1.2, 900.0), (LIFExp, 40.0, 900.0)])
def test_a_run_in_pieces_has_the_bits_of_the_whole_run(engine, model, weight, rate):
    net = random_network(model, weight, rate)
    record = {"cells": ["spikes", *model.states], "noise": ["spikes"]}
    whole = run_spiking(net, duration=90.0, engine=engine, seed=4, record=record)
    pieces, state = [], None
    for duration in (20.0, 30.1, 39.9):
        pieces.append(run_spiking(net, duration=duration, engine=engine, seed=4, record=record, start=state))
        state = pieces[-1].state
    assert len(whole.spikes["cells"]) > 50
    for name in ("cells", "noise"):
        for field in ("times", "indices"):
            joined = np.concatenate([getattr(piece.spikes[name], field) for piece in pieces])
            np.testing.assert_array_equal(joined, getattr(whole.spikes[name], field))
    for name in model.states:
        for field in ("times", "values"):
            joined = np.concatenate([getattr(piece.recordings["cells"][name], field) for piece in pieces])
            np.testing.assert_array_equal(joined, getattr(whole.recordings["cells"][name], field))
    np.testing.assert_array_equal(pieces[-1].weights["cells -> cells"], whole.weights["cells -> cells"])
    assert (pieces[0].counts + pieces[1].counts + pieces[2].counts).to_dict() == whole.counts.to_dict()


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_the_same_seed_gives_the_same_bits_and_recording_changes_none(engine):
    first = run_spiking(random_network(), duration=60.0, engine=engine, seed=9)
    again = run_spiking(random_network(), duration=60.0, engine=engine, seed=9, record={"cells": ["v", "spikes"]})
    other = run_spiking(random_network(), duration=60.0, engine=engine, seed=10)
    np.testing.assert_array_equal(first.spikes["cells"].times, again.spikes["cells"].times)
    np.testing.assert_array_equal(first.weights["cells -> cells"], again.weights["cells -> cells"])
    assert not np.array_equal(first.spikes["cells"].times, other.spikes["cells"].times)


def test_synops_of_a_clock_run_are_its_spikes_times_their_fan_out():
    from snnsim.compiler.spiking import compile_spiking

    net = random_network()
    result = run_spiking(net, duration=80.0, engine="clock", seed=2, record={"noise": ["spikes"], "cells": ["spikes"]})
    for part in compile_spiking(net, seed=2, dt=0.1).projections:
        spikes = result.spikes[list(net.populations)[part.pre]]
        assert result.counts.layers[part.name]["synops"] == np.sum(part.fan_out * spikes.counts()) > 0
    cells = result.counts.layers["cells"]
    assert cells["updates_driven"] + cells["updates_idle"] == 40 * 800
    assert cells["spikes"] == len(result.spikes["cells"])


@pytest.mark.parametrize(("model", "weight"), [(LIF, 1.2), (LIFExp, 40.0)])
def test_a_clock_run_counts_one_declared_update_of_every_neuron_in_every_step(model, weight):
    result = run_spiking(random_network(model, weight), duration=20.0, engine="clock", record={"cells": ["spikes", "v"]})
    layer = dict(result.counts.layers["cells"])
    each = {kind: layer[kind] / (40 * 200) for kind in model.update_operations["clock"]}
    assert each == model.update_operations["clock"] and set(each) <= set(OPERATIONS)
    assert set(layer) - {"spikes"} == {"updates_driven", "updates_idle", *each}
    assert set(result.counts.layers["noise"]) == {"spikes"}


def test_layers_say_who_does_their_work_even_when_nothing_happened():
    silent = Network(Projection(Population("a", 1, LIF()), Population("b", 1, LIF()), OneToOne()))
    counts = run_spiking(silent, duration=1.0, engine="clock").counts
    assert dict(counts.roles) == {"a": "neuron", "b": "neuron", "a -> b": "synaptic"}
    assert counts.role("a -> b") == "synaptic"


def test_a_delay_off_the_grid_is_refused_with_its_value_and_a_remedy():
    a, b = Population("a", 1, PoissonSource(rate=1.0)), Population("b", 1, LIF())
    for delay in (0.15, 0.05):
        with pytest.raises(ParameterError, match=rf'delay = {delay} ms must be a multiple >= 1 of dt = 0.1 ms .* engine="event"'):
            run_spiking(Network(Projection(a, b, OneToOne(), delay=delay)), duration=1.0, engine="clock", dt=0.1)
    assert run_spiking(Network(Projection(a, b, OneToOne(), delay=0.3)), duration=1.0, engine="clock", dt=0.1).engine == "clock"


def test_a_state_of_another_run_is_refused():
    net = random_network()
    state = run_spiking(net, duration=1.0, engine="clock", seed=1).state
    for other, word in (({"seed": 2}, "seed"), ({"dt": 0.05}, "dt"), ({"engine": "event"}, "engine")):
        with pytest.raises(SimulationError, match=f"another {word}"):
            run_spiking(net, **({"duration": 1.0, "engine": "clock", "seed": 1} | other), start=state)
    with pytest.raises(SimulationError, match="another network"):
        run_spiking(Network(Population("a", 1, LIF())), duration=1.0, engine="clock", seed=1, start=state)
    with pytest.raises(SimulationError, match=r"must be the Result\.state"):
        run_spiking(net, duration=1.0, engine="clock", start=3)
    with pytest.raises(SimulationError, match=r"must be the Result\.state"):
        run_spiking(net, duration=1.0, engine="event", start=3)


@pytest.mark.parametrize("engine", ["clock", "event"])
@pytest.mark.parametrize("change", [{"weight": 1.3}, {"rate": 901.0}])
def test_a_state_of_a_network_with_other_values_is_refused_and_told_what_to_do(engine, change):
    state = run_spiking(random_network(), duration=1.0, engine=engine).state
    with pytest.raises(SimulationError, match="another network .* Continue with a network of the same description, or leave start out"):
        run_spiking(random_network(**change), duration=1.0, engine=engine, start=state)
    assert run_spiking(random_network(), duration=1.0, engine=engine, start=state).duration == 1.0


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_an_interrupted_run_returns_what_it_did_and_can_be_continued(engine):
    net, calls, record = random_network(), [], {"cells": ["spikes", "v"]}

    def interrupt(fraction):
        calls.append(fraction)
        if len(calls) == 2:
            raise KeyboardInterrupt

    cut = run_spiking(net, duration=10_000.0, engine=engine, seed=4, record=record, progress=interrupt)
    assert cut.cut and 0.0 < cut.duration < 10_000.0
    rest = run_spiking(net, duration=5.0, engine=engine, seed=4, record=record, start=cut.state)
    whole = run_spiking(net, duration=cut.duration + 5.0, engine=engine, seed=4, record=record)
    joined = np.concatenate([cut.spikes["cells"].times, rest.spikes["cells"].times])
    np.testing.assert_array_equal(joined, whole.spikes["cells"].times)
    for field in ("times", "values"):
        joined = np.concatenate([getattr(piece.recordings["cells"]["v"], field) for piece in (cut, rest)])
        np.testing.assert_array_equal(joined, getattr(whole.recordings["cells"]["v"], field))


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_progress_rises_to_one(engine):
    seen = []
    run_spiking(random_network(), duration=50.0, engine=engine, progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0


def test_a_plastic_projection_that_drew_no_synapse_runs():
    cells = Population("cells", 7, LIF())
    nothing = Projection(cells, cells, FixedProbability(0.0), weight=0.5, plasticity=PairSTDP())
    result = run_spiking(Network(nothing), duration=5.0, engine="clock")
    assert not result.state.arrays["mail.each"].any() and len(result.weights["cells -> cells"]) == 0

from __future__ import annotations

import numpy as np
import pytest
from small_networks import noisy

import snnsim as sim
from snnsim.compiler.spiking import compile_spiking
from snnsim.connect import same_neurons, wire
from snnsim.engines import available, clock, event_machine, footprint, memory
from snnsim.errors import ParameterError, SimulationError
from snnsim.kernels.mail import BLOCK

A, B = sim.Population("a", 60, sim.LIF()), sim.Population("b", 45, sim.LIF())
LAYER, NEXT = sim.Population("layer", (2, 9, 8), sim.LIF()), sim.Population("next", (3, 4, 4), sim.LIF())
PAIRS = np.random.default_rng(0).integers(45, size=(2, 77))


@pytest.mark.parametrize(
    ("pre", "post", "connector"),
    [
        (A, B, sim.FixedProbability(0.3)),
        (A, A, sim.FixedProbability(0.3)),
        (A, A, sim.FixedProbability(0.3, autapses=True)),
        (A[:30], A[20:50], sim.FixedProbability(0.3)),
        (A, A, sim.AllToAll()),
        (A[:30], A[20:50], sim.AllToAll()),
        (A, A, sim.OneToOne()),
        (A, B, sim.FixedInDegree(7)),
        (A, B, sim.FixedOutDegree(7)),
        (A, B, sim.FixedTotalNumber(70)),
        (A, B, sim.FromArrays(*PAIRS)),
        (LAYER, NEXT, sim.Convolution(np.ones((3, 2, 3, 3)), stride=2, padding=1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_connector_expects_the_synapses_it_makes(pre, post, connector):
    if isinstance(connector, sim.Convolution):
        post = sim.Population("post", connector.post_shape(pre.shape), sim.LIF())
    expected = connector.expected(pre.shape, post.shape, same=same_neurons(pre, post))
    projection = sim.Projection(pre, post, connector)
    made = np.mean([len(wire(projection, np.random.default_rng(seed)).target) for seed in range(40)])
    spread = 4.0 * np.sqrt(expected * (1.0 - connector.p) / 40) if isinstance(connector, sim.FixedProbability) else 0.0
    assert abs(made - expected) <= spread


def nbytes(*things):
    """Return the bytes of all distinct arrays."""
    arrays = {}

    def walk(thing):
        if isinstance(thing, np.ndarray):
            arrays[thing.ctypes.data] = max(arrays.get(thing.ctypes.data, 0), thing.nbytes)
        elif isinstance(thing, (tuple, list)):
            for part in thing:
                walk(part)
        elif hasattr(thing, "__dataclass_fields__"):
            walk([getattr(thing, name) for name in thing.__dataclass_fields__])

    walk(things)
    return sum(arrays.values())


def network(kind):
    n = 3_000
    cells = sim.Population("cells", n, sim.LIF())
    arguments = {
        "one weight": {},
        "dense": {},
        "drawn weights": {"weight": sim.Normal(mean=1.0, std=0.1)},
        "delays": {"delay": sim.Uniform(low=0.5, high=3.0, step=0.1)},
        "both": {"weight": sim.Normal(mean=1.0, std=0.1), "delay": sim.Uniform(low=0.5, high=1.5, step=0.1)},
        "learning": {"weight": 0.5, "plasticity": sim.PairSTDP(a_plus=0.01, a_minus=0.01)},
        "own variable": {"weight": 0.5, "plasticity": sim.PairSTDP(pairing="nearest_pre_centred")},
    }[kind]
    p = 0.2 if kind == "dense" else 0.05
    return sim.Network(sim.Projection(cells, cells, sim.FixedProbability(p), **arguments))


@pytest.mark.parametrize("kind", ["one weight", "dense", "drawn weights", "delays", "both", "learning", "own variable"])
@pytest.mark.parametrize("engine", ["clock", "event"])
def test_the_forecast_is_what_the_engine_takes(engine, kind):
    net = network(kind)
    compiled = compile_spiking(net, seed=1, dt=0.1)
    learns = frozenset([0] if compiled.projections[0].plasticity else [])
    if engine == "clock":
        machine = clock._build(compiled, None, learns=learns, spare=True)
    synapses = [(part.row_ptr, part.target, part.weight, part.which) for part in compiled.projections]
    if engine == "clock":
        lessons = [list(course.lessons.values()) for course in machine.courses]
        held = nbytes(synapses, [part[3:] for part in machine.parts], machine.runs, lessons, machine.plan.bits)
    else:
        machine, desk = event_machine.build(compiled, None, learns)
        held = nbytes(synapses, list(machine[2:]), desk.runs, list(desk.course.lessons.values()))
    told = sim.forecast(net, 1.0, record={}, engine=engine)
    assert told.total == pytest.approx(held, rel=0.1)


@pytest.mark.parametrize("kind", ["delays"])
def test_lists_of_later_input_are_as_long_as_was_told(kind, monkeypatch):
    monkeypatch.setattr(footprint, "MOST_LISTED", 8 * BLOCK)
    net = network(kind)
    machine = clock._build(compile_spiking(net, seed=1, dt=0.1), None)
    assert len(machine.parts[0].mail.column) == 8 * BLOCK + 2 * len(machine.parts[0].mail.ring) * BLOCK
    few, _ = footprint.synapse_bytes(net, "clock", 0.1)
    monkeypatch.setattr(footprint, "MOST_LISTED", 16 * BLOCK)
    many, _ = footprint.synapse_bytes(net, "clock", 0.1)
    assert many["cells -> cells"] - few["cells -> cells"] == 8 * BLOCK * 12


def test_single_precision_is_told_of_the_clock_which_alone_has_it():
    net = network("one weight")
    assert sim.forecast(net, 1.0).engine == "event"
    assert sim.forecast(net, 1.0, precision="single").engine == "clock"


def test_samples_are_told_exactly():
    record = {"cells": [sim.Record("v", neurons=[3, 1], every=0.7, start=5.0, stop=80.0), "spikes"], "noise": ["spikes"]}
    told = sim.forecast(noisy(), 100.0, record=record, engine="clock")
    run = sim.simulate(noisy(), 100.0, engine="clock", record=record)
    assert told.samples == {"cells.v": run.recordings["cells"]["v"].values.nbytes}
    # 40 neurons at 900 Hz for 0.1 s, and at 10 Hz: the spikes themselves are 44 bytes each.
    assert told.spikes == pytest.approx({"noise": 44 * 40 * 90.0, "cells": 44 * 40 * 1.0})
    text = str(told)
    assert "clock engine: " in text and "cells.v" in text and " free" in text
    assert text.count("\n") == 4 + 2 + 2 + 1 + 2


def plastic(**given):
    cells = sim.Population("cells", 40, sim.LIF())
    return sim.Network(sim.Projection(cells, cells, sim.FixedInDegree(10), weight=0.5, plasticity=sim.PairSTDP(), **given))


@pytest.mark.parametrize("chosen", [None, [3, 17, 5]])
def test_recorded_weights_are_told_exactly(chosen, tmp_path):
    record = {"cells -> cells": sim.Record("weight", every=0.7, neurons=chosen, start=5.0, stop=80.0)}
    told = sim.forecast(plastic(), 100.0, record=record, engine="clock")
    run = sim.simulate(plastic(), 100.0, engine="clock", record=record)
    assert told.samples == {"cells -> cells.weight": run.recordings["cells -> cells"]["weight"].values.nbytes}
    assert not sim.forecast(plastic(), 100.0, record=record, stream=tmp_path / "run.h5").samples
    with pytest.raises(ParameterError, match="must be one Record"):
        sim.forecast(plastic(), 100.0, record={"cells -> cells": "weight"})


def test_what_goes_to_a_file_takes_no_memory(tmp_path):
    record = {"cells": ["spikes", "v"]}
    kept, streamed = (sim.forecast(noisy(), 1e6, record=record, stream=stream) for stream in (None, tmp_path / "run.h5"))
    assert streamed.samples == streamed.spikes == {} and not list(tmp_path.iterdir())
    assert kept.total > 3e9 and streamed.total == kept.total - kept.samples["cells.v"] - kept.spikes["cells"]
    with pytest.raises(ParameterError, match="'w' is not known"):
        sim.forecast(noisy(), 10.0, record={"cells": ["w"]}, stream="run.h5")


def test_a_connector_that_cannot_tell_is_named():
    random = np.random.default_rng(0)
    near = sim.DistanceDependent(sim.GaussianProfile(sigma=0.1), random.random((60, 2)))
    told = sim.forecast(sim.Network(sim.Projection(A, A, near)), 10.0)
    assert told.unknown == ("a -> a",) and "not counted: synapses of a -> a" in str(told) and told.total > 0


def test_samples_that_would_not_fit_are_refused_with_numbers_and_a_remedy(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 300_000.0)
    monkeypatch.setattr("snnsim.engines.spiking.compile_spiking", lambda *a, **k: pytest.fail("work was done"))
    with pytest.raises(SimulationError, match=r"asks for 320 kB of samples, .* the 300 kB .*; cells.v alone takes 320 kB.*every=.*stream="):
        sim.simulate(noisy(), 100.0, record={"cells": ["v"]})


def test_recorded_weights_that_would_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 300_000.0)
    monkeypatch.setattr("snnsim.engines.spiking.compile_spiking", lambda *a, **k: pytest.fail("work was done"))
    with pytest.raises(
        SimulationError, match=r"asks for 320 kB of samples, .*; cells -> cells.weight alone takes 320 kB.*Record\('weight'"
    ):
        sim.simulate(plastic(), 1_000.0, record={"cells -> cells": sim.Record("weight", every=10.0)})


@pytest.mark.parametrize("more", [{"stream": True}, {"record": {"cells": [sim.Record("v", every=1.0)]}}])
def test_the_remedies_help(monkeypatch, tmp_path, more):
    monkeypatch.setattr(memory, "available_bytes", lambda: 300_000.0)
    if "stream" in more:
        pytest.importorskip("h5py")
        more = {"stream": tmp_path / "run.h5"}
    run = sim.simulate(noisy(), 100.0, **{"record": {"cells": ["v"]}} | more)
    assert len(run.recordings["cells"]["v"].times) in (100, 1000)


def test_synapses_that_cannot_fit_are_refused_before_they_are_drawn():
    cells = sim.Population("cells", 10_000_000, sim.LIF())
    net = sim.Network(sim.Projection(cells, cells, sim.FixedProbability(0.5)))
    with pytest.raises(SimulationError, match=r"Network needs 2\d\d TB for its synapses .*Projection\(cells -> cells\) alone takes"):
        sim.simulate(net, 10.0)


def test_the_forecast_takes_no_memory_itself():
    cells = sim.Population("cells", 10**9, sim.LIF(tau_m=sim.Uniform(low=10.0, high=20.0)))
    told = sim.forecast(sim.Network(sim.Projection(cells, cells, sim.FixedOutDegree(1000))), 1_000.0)
    assert told.total > 4e12 and "TB" in str(told)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"network": 3}, "forecast.network = 3 must be a Network"),
        ({"duration": 0.0}, "forecast.duration = 0 ms must be > 0 ms"),
        ({"engine": "fast"}, "forecast.engine = 'fast' is not known"),
        ({"precision": "half"}, "forecast.precision = 'half' is not known"),
        ({"engine": "event", "precision": "single"}, 'forecast.precision = "single" must be "double" for the event engine'),
        ({"engine": "event", "threads": 2}, "forecast.threads = 2 must be 1 for the event engine"),
        ({"threads": 0}, "forecast.threads = 0 must be >= 1"),
        ({"record": {"x": ["v"]}}, "population = 'x' is not known"),
    ],
)
def test_a_forecast_of_no_run_is_refused(arguments, text):
    with pytest.raises(ParameterError, match=text):
        sim.forecast(**{"network": noisy(), "duration": 10.0} | arguments)


@pytest.mark.parametrize(
    ("limit", "used", "stat", "files"),
    [
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ],
    ids=["version 2", "version 1"],
)
def test_what_is_free_is_the_least_of_machine_and_container(tmp_path, monkeypatch, limit, used, stat, files):
    free = available.available_bytes()
    assert free is None or 1e6 < free < 1e14
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   2000 kB\n")
    monkeypatch.setattr(available, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(available, "_GROUP", tmp_path)
    assert available.available_bytes() == 2_048_000.0
    (tmp_path / "memory").mkdir()
    (tmp_path / limit).write_text("1000000\n")
    assert available.total_bytes() == 1_000_000.0
    (tmp_path / used).write_text("700000\n")
    (tmp_path / stat).write_text(f"anon 3\n{files} 200000\n")
    assert available.available_bytes() == 500_000.0
    (tmp_path / limit).write_text("max\n")
    assert available.available_bytes() == 2_048_000.0
    assert available.total_bytes() > 1e8

from __future__ import annotations

import pickle

import numpy as np
import pytest
from small_networks import noisy

import snnsim as sim
from snnsim import viz
from snnsim.errors import ParameterError

RUNS = pytest.mark.parametrize(("engine", "threads"), [("clock", 1), ("clock", 2), ("event", 1)])
WHOLE = {"cells": ["spikes", "v"], "noise": ["spikes"]}
NEURONS = [37, 3, 20, 19, 0]


def run(engine, threads, record, duration=100.0, **more):
    return sim.simulate(noisy(), duration, engine=engine, threads=threads, seed=3, record=record, **more)


@RUNS
def test_chosen_neurons_and_times_are_cut_out_of_the_whole_recording(engine, threads):
    whole = run(engine, threads, WHOLE)
    record = {
        "cells": [sim.Record("v", neurons=NEURONS, every=0.5, start=10.0, stop=60.3), sim.Record("spikes", start=20.0, stop=70.0)],
        "noise": sim.Record("spikes", neurons=NEURONS),
    }
    part = run(engine, threads, record)
    all_v, v = whole.recordings["cells"]["v"], part.recordings["cells"]["v"]
    steps = np.rint(all_v.times / 0.1).astype(int)
    mine = (steps % 5 == 0) & (steps > 100) & (steps <= 603)
    assert mine.sum() == 100
    np.testing.assert_array_equal(v.times, all_v.times[mine])
    np.testing.assert_array_equal(v.values, all_v.values[mine][:, NEURONS])
    np.testing.assert_array_equal(v.neurons, NEURONS)
    trains, every = part.spikes["cells"], whole.spikes["cells"]
    inside = (every.times > 20.0 + 1e-9) & (every.times < 70.0 + 1e-9)
    np.testing.assert_array_equal(trains.times, every.times[inside])
    assert trains.neurons is None and trains.n == 40 and trains.duration == pytest.approx(50.0)
    trains, every = part.spikes["noise"], whole.spikes["noise"]
    for column, neuron in enumerate(NEURONS):
        np.testing.assert_array_equal(trains.of(column), every.of(neuron))
    assert (np.diff(trains.times) >= 0.0).all() and trains.n == 5
    assert trains.mean_rate() == pytest.approx(np.isin(every.indices, NEURONS).sum() / 5 / 0.1)


@RUNS
def test_a_window_holds_its_end_and_not_its_start(engine, threads):
    source = sim.Population("source", 2, sim.SpikeArray(times=[0.1, 0.3, 0.7, 0.7], indices=[0, 1, 0, 1]))
    record = {"source": [sim.Record("spikes", start=0.1, stop=0.7)]}
    trains = sim.simulate(sim.Network(source), 1.0, engine=engine, threads=threads, record=record).spikes["source"]
    np.testing.assert_allclose(trains.times, [0.3, 0.7, 0.7], rtol=1e-12)
    cell = sim.Population("cell", 1, sim.LIF())
    record = {"cell": [sim.Record("v", start=0.1, stop=0.7)]}
    times = sim.simulate(sim.Network(cell), 1.0, engine=engine, threads=threads, record=record).recordings["cell"]["v"].times
    np.testing.assert_allclose(times, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7], rtol=1e-12)


@RUNS
def test_a_run_in_pieces_takes_the_samples_of_the_whole_run(engine, threads):
    record = {"cells": [sim.Record("v", neurons=slice(30, 4, -7), every=0.7, start=5.0, stop=41.0), "spikes"]}
    whole, pieces, state = run(engine, threads, record, 50.0), [], None
    for duration in (3.0, 10.1, 20.0, 16.9):
        if state is None:  # the first piece ends before the recording begins, and would be refused as a run of its own
            state = run(engine, threads, {"cells": ["spikes"]}, duration).state
            continue
        pieces.append(run(engine, threads, record, duration, start=state))
        state = pieces[-1].state
    for field in ("times", "values"):
        joined = np.concatenate([getattr(piece.recordings["cells"]["v"], field) for piece in pieces])
        np.testing.assert_array_equal(joined, getattr(whole.recordings["cells"]["v"], field))


def test_states_of_two_intervals_do_not_mix():
    cells = sim.Population("cells", 30, sim.LIFExp(i_ext=300.0))
    record = {"cells": ["v", sim.Record("i_syn_exc", neurons=[4, 2], every=1.0)]}
    result = sim.simulate(sim.Network(cells), 20.0, engine="clock", threads=2, record=record)
    assert result.recordings["cells"]["v"].values.shape == (200, 30)
    assert result.recordings["cells"]["i_syn_exc"].values.shape == (20, 2)


@pytest.mark.parametrize(
    ("neurons", "places"),
    [
        (slice(2, None, 10), [2, 12, 22, 32]),
        (np.array([5, 1], dtype=np.uint8), [5, 1]),
        (7, [7]),
        (range(3), [0, 1, 2]),
        (np.arange(40) > 37, [38, 39]),
    ],
)
def test_neurons_are_chosen_as_in_an_array(neurons, places):
    np.testing.assert_array_equal(sim.Record("v", neurons=neurons).places(sim.Population("cells", 40, sim.LIF())), places)


def test_a_view_chooses_neurons_of_a_shaped_population():
    layer = sim.Population("layer", (3, 4), sim.LIF(i_ext=400.0))
    record = {"layer": [sim.Record("v", neurons=layer[1, 2:])]}
    recording = sim.simulate(sim.Network(layer), 5.0, record=record).recordings["layer"]["v"]
    np.testing.assert_array_equal(recording.neurons, [6, 7])
    assert recording.values.shape == (50, 2)


def test_a_figure_names_the_neurons_that_were_chosen():
    recording = run("clock", 1, {"cells": [sim.Record("v", neurons=[12, 30])]}, 5.0).recordings["cells"]["v"]
    ax = viz.traces(recording, neurons=[0, 1])
    assert [line.get_label() for line in ax.lines[:2]] == ["neuron 12", "neuron 30"]


CELLS = sim.Population("cells", 40, sim.LIF())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: sim.Record(""), "Record.what = '' must be 'spikes' or"),
        (lambda: sim.Record("v", every=0.0), "Record.every = 0 ms must be > 0 ms"),
        (lambda: sim.Record("v", every=[1.0, 2.0]), "must be one number in ms"),
        (lambda: sim.Record("spikes", every=1.0), "Record.every = 1.0 does not apply to spikes"),
        (lambda: sim.Record("v", start=-1.0), "Record.start = -1 ms must be >= 0 ms"),
        (lambda: sim.Record("v", start=5.0, stop=5.0), "Record.stop = 5 ms must be > start = 5 ms"),
        (lambda: sim.Record("v", neurons=[40]).places(CELLS), "neurons = 40 must be <= 39"),
        (lambda: sim.Record("v", neurons=[1, 2, 1]).places(CELLS), "holds 1 twice"),
        (lambda: sim.Record("v", neurons=slice(50, 60)).places(CELLS), "must pick a neuron"),
        (lambda: sim.Record("v", neurons=[True, False]).places(CELLS), "is a mask of 2 but must hold one truth value per neuron, 40"),
        (lambda: sim.Record("v", neurons=CELLS[:3]).places(sim.Population("other", 40, sim.LIF())), "must be a view of 'other'"),
        (lambda: run("clock", 1, {"cells": [sim.Record("v", every=0.25)]}), "every = 0.25 ms must be a multiple >= 1 of dt = 0.1 ms"),
        (lambda: run("clock", 1, {"cells": ["v", sim.Record("v", every=1.0)]}), "asks for 'v' in two ways"),
        (lambda: run("clock", 1, {"cells": [sim.Record("w")]}), "'w' is not known. Valid: spikes, v"),
        (lambda: run("clock", 1, {"cells": [3]}), "= 3 is not known"),
        (lambda: run("clock", 1, {"cells": [["v"]]}), r"= \['v'\] is not known"),
        (lambda: run("clock", 1, {"cells": [sim.Record("v", start=200.0)]}), "100 ms must reach the next sample, at 200.1 ms"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_any_work(make, text):
    with pytest.raises(ParameterError, match=text):
        make()


@pytest.mark.parametrize("stream", [False, True])
def test_a_look_at_what_was_not_recorded_says_what_was(stream, tmp_path):
    if stream:
        pytest.importorskip("h5py")
    result = run("clock", 1, {"cells": ["v"]}, 5.0, **({"stream": tmp_path / "run.h5"} if stream else {}))
    looks = {
        r"spikes\['cells'\] was not recorded: there is nothing\. Name it .* record=": lambda: result.spikes["cells"],
        r"recordings\['noise'\] was not recorded: there is cells": lambda: result.recordings["noise"],
        r"recordings\['cells'\]\['w'\] was not recorded: there is v\.": lambda: result.recordings["cells"]["w"],
    }
    for words, look in looks.items():
        with pytest.raises(sim.UnrecordedError, match=rf"^{words}") as caught:
            look()
        assert isinstance(caught.value, KeyError) and isinstance(caught.value, sim.SnnsimError)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert result.spikes.get("cells") is None and "noise" not in result.recordings
    if not stream:
        with pytest.raises(sim.UnrecordedError, match="there is v"):
            pickle.loads(pickle.dumps(result)).recordings["cells"]["w"]

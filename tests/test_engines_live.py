from __future__ import annotations

import numpy as np
import pytest
from small_networks import noisy

import snnsim as sim
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError, SimulationError

RUNS = pytest.mark.parametrize(("engine", "threads"), [("clock", 1), ("clock", 2), ("event", 1)])
EVERYTHING = {"live": ["spikes"], "cells": ["spikes", "v"]}


def listed(seed=5, n=40, spikes=600, duration=100.0):
    """Return times on the grid of the clock and neurons, in no order, some twice."""
    random = np.random.default_rng(seed)
    times, indices = random.integers(1, round(duration / 0.1) + 1, spikes) * 0.1, random.integers(n, size=spikes)
    return np.append(times, times[:9]), np.append(indices, indices[:9])


def player(times, indices, windows=None):
    def read(begin, end):
        if windows is not None:
            windows.append((begin, end))
        mine = (times > begin * (1 + 1e-12)) & (times <= end * (1 + 1e-12))
        return np.maximum(times[mine], np.nextafter(begin, np.inf)), indices[mine]

    return read


@RUNS
@pytest.mark.parametrize("interval", [0.1, 7.3, 10.0, 1_000.0])
def test_spikes_fed_while_running_act_as_those_listed_before(engine, threads, interval):
    times, indices = listed()
    order = np.lexsort((indices, times))
    keep = np.append(True, np.diff(times[order]) + np.diff(indices[order]) != 0) if engine == "event" else np.ones(len(times), bool)
    times, indices = times[order][keep][::-1], indices[order][keep][::-1]
    # A multiple of the interval and one of dt may be a bit apart where they should be one time.
    apart = np.abs(times - np.rint(times / interval) * interval) > 1e-9 if interval == 7.3 else np.ones(len(times), bool)
    times, indices, windows = times[apart], indices[apart], []
    arguments = {"engine": engine, "threads": threads, "seed": 2, "record": EVERYTHING}
    fed = sim.simulate(noisy(sim.LiveSource(read=player(times, indices, windows), interval=interval)), 100.0, **arguments)
    told = sim.simulate(noisy(sim.SpikeArray(times=times, indices=indices)), 100.0, **arguments)
    for name in ("live", "cells"):
        np.testing.assert_array_equal(fed.spikes[name].times, told.spikes[name].times)
        np.testing.assert_array_equal(fed.spikes[name].indices, told.spikes[name].indices)
    np.testing.assert_array_equal(fed.recordings["cells"]["v"].values, told.recordings["cells"]["v"].values)
    assert len(fed.spikes["live"]) == len(times) and len(fed.spikes["cells"]) > 400
    # The windows follow each other, end at the multiples of the interval, and at the end of the run.
    assert windows[0][0] == 0.0 and windows[-1][1] == 100.0
    assert [end for _, end in windows[:-1]] == [begin for begin, _ in windows[1:]]
    np.testing.assert_allclose([end for _, end in windows[:-1]], np.arange(1, len(windows)) * interval, rtol=1e-12)


@RUNS
def test_a_run_in_pieces_asks_for_the_parts_of_an_interval_and_has_the_same_bits(engine, threads):
    times, indices = listed(spikes=300)
    windows = []
    net = noisy(sim.LiveSource(read=player(times, indices, windows), interval=10.0))
    arguments = {"engine": engine, "threads": threads, "seed": 2, "record": EVERYTHING}
    whole = sim.simulate(net, 100.0, **arguments)
    windows.clear()
    pieces, state = [], None
    for duration in (23.4, 6.6, 70.0):
        pieces.append(sim.simulate(net, duration, **arguments, start=state))
        state = pieces[-1].state
    np.testing.assert_allclose(windows[:6], [(0, 10), (10, 20), (20, 23.4), (23.4, 30), (30, 40), (40, 50)])
    for name in ("live", "cells"):
        joined = np.concatenate([piece.spikes[name].times for piece in pieces])
        np.testing.assert_array_equal(joined, whole.spikes[name].times)
    joined = np.concatenate([piece.recordings["cells"]["v"].values for piece in pieces])
    np.testing.assert_array_equal(joined, whole.recordings["cells"]["v"].values)


@RUNS
def test_a_source_hears_every_spike_once_at_the_end_of_its_interval(engine, threads):
    heard = []

    def read(begin, end, spikes):
        heard.append((begin, *spikes["cells"], *spikes["noise"]))
        return [end] * len(np.unique(spikes["cells"][1])), np.unique(spikes["cells"][1])

    def once(begin, end, spikes):
        others.append(len(spikes["cells"][0]))

    others: list[int] = []
    other = sim.Population("other", 1, sim.LiveSource(read=once, interval=33.0, hears=("cells",)))
    net = noisy(sim.LiveSource(read=read, interval=5.0, hears=("cells", "noise")))
    net = sim.Network(*net.projections.values(), other)
    result = sim.simulate(net, 100.0, engine=engine, threads=threads, seed=2, record=EVERYTHING)
    spikes = result.spikes["cells"]
    for begin, times, neurons, noise_times, _ in heard:
        mine = (spikes.times > begin - 5.0 + 1e-9) & (spikes.times < begin + 1e-9)
        np.testing.assert_array_equal(times, spikes.times[mine])
        np.testing.assert_array_equal(neurons, spikes.indices[mine])
        assert (begin == 0.0) == (len(noise_times) == 0)
    assert len(heard) == 20 and sum(len(times) for _, times, *_ in heard) > 200
    # Spikes that came back at once: 20 calls, each echoing those who fired.
    assert len(result.spikes["live"]) == sum(len(np.unique(neurons)) for _, _, neurons, *_ in heard)
    assert sum(others) == int((spikes.times < 99.0 + 1e-9).sum())


def test_a_closed_loop_has_the_same_bits_at_any_number_of_threads_and_in_any_chunks(monkeypatch):
    def read(begin, end, spikes):
        times, neurons = spikes["cells"]
        return begin + 0.1 + times % (end - begin - 0.1), (neurons * 7 + 1) % 40

    def result(threads):
        net = noisy(sim.LiveSource(read=read, interval=4.0, hears=("cells",)))
        run = sim.simulate(net, 60.0, engine="clock", threads=threads, seed=2, record=EVERYTHING)
        return [run.spikes["cells"].times, run.spikes["cells"].indices, run.recordings["cells"]["v"].values]

    one = result(1)
    monkeypatch.setattr("snnsim.engines.tables._CHUNK_SECONDS", 0.0)  # a chunk is then a step or two
    for other in (result(2), result(3)):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@RUNS
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda begin, end: 3, r"returned 3 but must return \(times, indices\), or None"),
        (lambda begin, end: (["x"], [0]), "must return times in ms and neurons"),
        (lambda begin, end: ([begin + 1.0, begin + 2.0], [0]), r"returned \(2,\) times and \(1,\) indices"),
        (lambda begin, end: ([begin + 1.0], [0.5]), "returned the index .*0.5.* but must return whole numbers"),
        (lambda begin, end: ([begin], [0]), r"a spike at 0 ms, which must lie in \(0, 10\] ms"),
        (lambda begin, end: ([end + 0.1], [0]), r"a spike at 10.1 ms, which must lie in \(0, 10\] ms"),
        (lambda begin, end: ([np.nan], [0]), "a spike at nan ms"),
        (lambda begin, end: ([begin + 1.0], [40]), "the index 40, which must lie in 0 .. 39"),
        (lambda begin, end: ([begin + 1.0], [-1]), "the index -1, which must lie in 0 .. 39"),
    ],
)
def test_answers_that_are_no_spikes_of_the_window_are_refused(engine, threads, answer, text):
    with pytest.raises(SimulationError, match=f"LiveSource.read of 'live' .*{text}" if not text.startswith("returned") else text):
        sim.simulate(noisy(sim.LiveSource(read=answer)), 30.0, engine=engine, threads=threads)


@RUNS
def test_an_error_of_the_reader_says_when_it_came(engine, threads):
    def read(begin, end):
        if begin > 15.0:
            raise OSError("the robot is gone")

    with pytest.raises(OSError, match="the robot is gone") as caught:
        sim.simulate(noisy(sim.LiveSource(read=read)), 100.0, engine=engine, threads=threads)
    assert caught.value.__notes__ == ["in LiveSource.read of population 'live', asked for the spikes in (20, 30] ms"]


@RUNS
def test_ctrl_c_in_the_reader_cuts_the_run_where_it_was_and_it_can_go_on(engine, threads):
    times, indices = listed(spikes=300)
    play, presses = player(times, indices), [True]

    def read(begin, end):
        if begin > 45.0 and presses:
            presses.clear()
            raise KeyboardInterrupt
        return play(begin, end)

    net = noisy(sim.LiveSource(read=read))
    arguments = {"engine": engine, "threads": threads, "seed": 2, "record": EVERYTHING}
    cut = sim.simulate(net, 100.0, **arguments)
    assert cut.cut and cut.duration == pytest.approx(50.0)
    rest = sim.simulate(net, 50.0, **arguments, start=cut.state)
    whole = sim.simulate(net, 100.0, **arguments)
    joined = np.concatenate([piece.spikes["cells"].times for piece in (cut, rest)])
    np.testing.assert_array_equal(joined, whole.spikes["cells"].times)


def test_what_a_live_source_cannot_be_is_refused():
    for arguments, text in [
        ({"read": 3}, "LiveSource.read = 3 must be a function"),
        ({"read": print, "interval": 0.0}, "LiveSource.interval = 0 ms must be > 0 ms"),
        ({"read": print, "interval": [1.0, 2.0]}, "must be one number in ms"),
        ({"read": print, "hears": "cells"}, "LiveSource.hears = 'cells' must be names"),
    ]:
        with pytest.raises(ParameterError, match=text):
            sim.LiveSource(**arguments)
    with pytest.raises(ParameterError, match="LiveSource.interval = 0.25 ms must be a multiple >= 1 of dt = 0.1 ms"):
        run_spiking(noisy(sim.LiveSource(read=print, interval=0.25)), duration=1.0, engine="clock")
    with pytest.raises(ParameterError, match="'live'.*hears: population = 'cell' is not known. Valid: noise, cells, live"):
        run_spiking(noisy(sim.LiveSource(read=print, hears=("cell",))), duration=1.0)

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from small_networks import noisy

import snnsim as sim
from snnsim.errors import FormatError, ParameterError

h5py = pytest.importorskip("h5py", reason="h5py comes with the hdf5 extra")

RUNS = pytest.mark.parametrize(("engine", "threads"), [("clock", 1), ("clock", 2), ("event", 1)])
RECORD = {"cells": ["spikes", "v"], "noise": [sim.Record("spikes", neurons=[5, 2, 30], start=15.0, stop=80.0)]}
CHOSEN = {"cells": [sim.Record("v", neurons=[9, 1], every=0.3, start=11.0, stop=77.0)]}


def same(one, other):
    """Assert that two runs hold the same bits."""
    assert list(one.spikes) == list(other.spikes) and list(one.recordings) == list(other.recordings)
    for name in one.spikes:
        a, b = one.spikes[name], other.spikes[name]
        for field in ("times", "indices", "values", "trials", "neurons"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))
            assert getattr(a, field) is None or getattr(a, field).dtype == getattr(b, field).dtype
        assert (a.n, a.duration) == (b.n, pytest.approx(b.duration, rel=1e-12))
    for name, states in one.recordings.items():
        assert list(states) == list(other.recordings[name])
        for state, a in states.items():
            for field in ("times", "values", "neurons"):
                np.testing.assert_array_equal(getattr(a, field), getattr(other.recordings[name][state], field))


@RUNS
@pytest.mark.parametrize("record", [RECORD, CHOSEN], ids=["all", "chosen"])
@pytest.mark.parametrize("buffer", [1 << 24, 40 * 8 * 7])
def test_what_is_streamed_is_what_memory_would_hold(tmp_path, monkeypatch, engine, threads, record, buffer):
    # A small buffer: the run is drained every few steps, in the middle of all intervals.
    monkeypatch.setattr("snnsim.engines.recording._BUFFER", buffer)
    monkeypatch.setattr("snnsim.stream.writer._WAITING", 10_000)
    path = tmp_path / "run.h5"
    kept = sim.simulate(noisy(), 100.0, engine=engine, threads=threads, seed=3, record=record)
    streamed = sim.simulate(noisy(), 100.0, engine=engine, threads=threads, seed=3, record=record, stream=path)
    assert streamed.stream == str(path) and kept.stream is None
    same(kept, streamed)
    read = sim.load_recordings(path)
    same(kept, read)
    assert (read.duration, read.cut) == (100.0, False)
    assert {read.about[name] for name in ("engine", "seed", "dt", "begin")} == {engine, 3, 0.1, 0.0}
    assert kept.counts.to_dict() == streamed.counts.to_dict()


def test_spikes_of_one_time_in_two_chunks_keep_the_order_of_their_neurons(tmp_path, monkeypatch):
    # A delay too short to move the time makes several instants at 1, 2, ... ms; neuron 1 fires before neuron 0.
    source = sim.Population("source", 1, sim.SpikeArray(times=np.arange(1.0, 20.0)))
    cells = sim.Population("cells", 3, sim.LIF())
    chain = sim.FromArrays([2, 1], [1, 0])
    kick = sim.Projection(source, cells, sim.FromArrays([0], [2]), weight=30.0, delay=1e-20)
    net = sim.Network(kick, sim.Projection(cells, cells, chain, weight=30.0, delay=1e-20))
    monkeypatch.setattr("snnsim.engines.event._BUDGET", 1)
    monkeypatch.setattr("snnsim.engines.tables._CHUNK_SECONDS", 0.0)  # chunks stay at one instant
    kept = sim.simulate(net, 20.0, engine="event")
    assert len(kept.spikes["cells"]) > 20
    same(kept, sim.simulate(net, 20.0, engine="event", stream=tmp_path / "run.h5"))
    np.testing.assert_array_equal(
        np.lexsort((kept.spikes["cells"].indices, kept.spikes["cells"].times)), np.arange(len(kept.spikes["cells"]))
    )


@RUNS
def test_a_continued_run_streams_into_a_file_of_its_own(tmp_path, engine, threads):
    arguments = {"engine": engine, "threads": threads, "seed": 3, "record": RECORD}
    first = sim.simulate(noisy(), 40.0, **arguments, stream=tmp_path / "first.h5")
    rest = sim.simulate(noisy(), 60.0, **arguments, start=first.state, stream=tmp_path / "rest.h5")
    whole = sim.simulate(noisy(), 100.0, **arguments)
    for name in whole.spikes:
        joined = np.concatenate([piece.spikes[name].times for piece in (first, rest)])
        np.testing.assert_array_equal(joined, whole.spikes[name].times)
        assert first.spikes[name].duration + rest.spikes[name].duration == pytest.approx(whole.spikes[name].duration)
    joined = np.concatenate([piece.recordings["cells"]["v"].values for piece in (first, rest)])
    np.testing.assert_array_equal(joined, whole.recordings["cells"]["v"].values)
    with pytest.raises(ParameterError, match=r"first.h5' exists, and a run overwrites nothing. Remove the file or choose"):
        sim.simulate(noisy(), 60.0, **arguments, start=first.state, stream=tmp_path / "first.h5")
    assert len(sim.load_recordings(tmp_path / "first.h5").spikes["cells"]) == len(first.spikes["cells"])


def test_a_window_of_a_file_is_that_part_of_it(tmp_path):
    path = tmp_path / "run.h5"
    whole = sim.simulate(noisy(), 100.0, engine="clock", seed=3, record=RECORD, stream=path)
    part = sim.load_recordings(path, window=(30.0, 50.0))
    trains, every = part.spikes["cells"], whole.spikes["cells"]
    inside = (every.times > 30.0 + 1e-9) & (every.times < 50.0 + 1e-9)
    np.testing.assert_array_equal(trains.times, every.times[inside])
    np.testing.assert_array_equal(trains.indices, every.indices[inside])
    assert trains.duration == 20.0 and part.spikes["noise"].duration == 20.0
    np.testing.assert_allclose(part.recordings["cells"]["v"].times, np.arange(301, 501) * 0.1, rtol=1e-12)


def test_a_file_says_what_it_holds(tmp_path):
    cells = sim.Population("a/b. (c)", 4, sim.LIFExp(i_ext=400.0))
    record = {"a/b. (c)": ["spikes", sim.Record("i_syn_exc", neurons=[2, 1], every=0.5)]}
    result = sim.simulate(sim.Network(cells), 30.0, engine="clock", record=record, stream=tmp_path / "run.h5")
    assert list(result.spikes) == ["a/b. (c)"] and len(result.spikes["a/b. (c)"])
    with h5py.File(tmp_path / "run.h5") as file:
        group = file["samples/a%2Fb%2E (c)/i_syn_exc"]
        assert (group.attrs["name"], group.attrs["every"]) == ("i_syn_exc", 0.5)
        values = group["values"]
        assert (values.attrs["unit"], values.compression, values.shape) == ("pA", "gzip", (60, 2)) and values.chunks
        assert group["times"].attrs["unit"] == "ms"
        np.testing.assert_array_equal(group["neurons"], [2, 1])
        assert file.attrs["network"] == result.state.digest
    with pytest.raises(KeyError):
        result.spikes["cells"]
    assert repr(result.spikes) == "OnDisk('a/b. (c)')"


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda folder: folder / "none.h5", FormatError, "does not exist. Check the path"),
        (lambda folder: (folder / "text.h5").write_text("no") and folder / "text.h5", FormatError, "is damaged or is no snnsim recording"),
        (lambda folder: foreign(folder / "a.h5", format="other"), FormatError, "holds no snnsim recordings: its format is 'other'"),
        (lambda folder: foreign(folder / "b.h5", format="snnsim-recordings", version=9), FormatError, "version 9; .* Upgrade snnsim"),
    ],
)
def test_files_that_are_no_recordings_are_refused(tmp_path, make, error, text):
    with pytest.raises(error, match=text):
        sim.load_recordings(make(tmp_path))


def foreign(path, **attributes):
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs.update(attributes)
    return path


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (3, "simulate.stream = 3 must be the path of a file"),
        ("no_folder/run.h5", "'no_folder' is none. Create it first"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_work(stream, text):
    with pytest.raises(ParameterError, match=text):
        sim.simulate(noisy(), 10.0, stream=stream)


def test_windows_that_are_none_are_refused(tmp_path):
    sim.simulate(noisy(), 1.0, stream=tmp_path / "run.h5")
    for window in ((5.0, 5.0), 3, (-1.0, 2.0)):
        with pytest.raises(ParameterError, match=r"load_recordings.window"):
            sim.load_recordings(tmp_path / "run.h5", window=window)


def test_without_h5py_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ParameterError, match=r"needs the package h5py.* pip install 'snnsim\[hdf5\]'"):
        sim.simulate(noisy(), 1.0, stream=tmp_path / "run.h5")


def test_an_error_in_a_run_leaves_a_file_of_what_was_done(tmp_path):
    def fail(fraction):
        if fraction > 0.5:
            raise RuntimeError("told so")

    whole = sim.simulate(noisy(), 2_000.0, engine="clock", seed=3, record=RECORD)
    with pytest.raises(RuntimeError, match="told so"):
        sim.simulate(noisy(), 2_000.0, engine="clock", seed=3, record=RECORD, stream=tmp_path / "run.h5", progress=fail)
    read = sim.load_recordings(tmp_path / "run.h5")
    assert read.cut and 1_000.0 < read.duration <= 2_000.0
    n = int((whole.spikes["cells"].times <= read.duration + 1e-9).sum())
    np.testing.assert_array_equal(read.spikes["cells"].times, whole.spikes["cells"].times[:n])


CHILD = """
import resource, sys
import snnsim as sim
from small_networks import noisy
def tell(fraction):
    print("at", fraction, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
record = {"cells": ["spikes", "v"], "noise": ["spikes"]}
run = sim.simulate(noisy(n=%d), %s, engine=%r, threads=%d, seed=3, record=record, stream=%r, progress=tell)
print("end", run.cut, run.duration, flush=True)
"""


def child(*arguments):
    folder = os.path.dirname(__file__)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(folder), folder])}
    code = textwrap.dedent(CHILD) % arguments
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@RUNS
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_run_that_is_ended_leaves_a_file_of_what_was_written(tmp_path, engine, threads, how):
    path = tmp_path / "run.h5"
    with child(
        40,
        "1e8",
        engine,
        threads,
        str(path),
    ) as process:
        assert process.stdout.readline().startswith("at")
        time.sleep(2.5)
        # Another program may look at a file that grows.
        growing = sim.load_recordings(path)
        assert growing.duration > 0.0 and not growing.cut
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
    read = sim.load_recordings(path)
    if how == signal.SIGINT:
        assert re.search(r"end True (\S+)", out), err
        assert read.cut and read.duration == pytest.approx(float(re.search(r"end True (\S+)", out)[1]), rel=1e-12)
    else:
        assert not read.cut and read.duration >= growing.duration
    whole = sim.simulate(noisy(), 200.0, engine=engine, seed=3, record={"cells": ["spikes", "v"], "noise": ["spikes"]})
    early = sim.load_recordings(path, window=(0.0, 200.0))
    assert read.duration > 200.0
    same(whole, early)
    v = sim.load_recordings(path, window=(read.duration - 100.0, read.duration)).recordings["cells"]["v"]
    assert len(v.times) in (999, 1000, 1001) and np.isfinite(v.values).all()


def test_memory_is_bounded_however_long_a_run(tmp_path):
    # 100 neurons for 30 s: 240 MB of samples, of which 170 MB after the first third.
    with child(100, "30_000.0", "clock", 1, str(tmp_path / "run.h5")) as process:
        lines = [line.split() for line in process.stdout if line.startswith("at")]
    peak = {float(fraction): int(kilobytes) for _, fraction, kilobytes in lines}
    early = max(kilobytes for fraction, kilobytes in peak.items() if fraction < 0.3)
    assert max(peak) == 1.0 and peak[1.0] - early < 60_000

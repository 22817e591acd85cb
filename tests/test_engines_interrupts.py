from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from small_networks import noisy

import snnsim as sim
from snnsim.engines.interrupts import Interrupts

RUNS = pytest.mark.parametrize(("engine", "threads"), [("clock", 1), ("clock", 2), ("event", 1)])
RECORD = {"cells": ["spikes", sim.Record("v", neurons=[3, 39], every=0.5)]}

CHILD = """
import sys
import numpy as np
import snnsim as sim
from small_networks import noisy
engine, threads, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
record = {"cells": ["spikes", sim.Record("v", neurons=[3, 39], every=0.5)]}
print("ready", flush=True)
run = sim.simulate(noisy(), 1e8, engine=engine, threads=threads, seed=3, record=record, progress=lambda f: print("on", flush=True))
spikes, v = run.spikes["cells"], run.recordings["cells"]["v"]
assert run.cut and np.isfinite(v.values).all() and len(v.times) == int(run.duration / 0.5 + 1e-6), (len(v.times), run.duration)
sim.save_state(run.state, path + ".npz")
np.savez(path, times=spikes.times, indices=spikes.indices, duration=run.duration)
print("cut", flush=True)
"""


@RUNS
def test_ctrl_c_cuts_a_run_that_can_then_go_on(engine, threads, tmp_path):
    folder = Path(__file__).parent
    path = str(tmp_path / "cut.npz")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder.parent), str(folder)])}
    command = [sys.executable, "-c", CHILD, engine, str(threads), path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        for _ in range(4):
            child.stdout.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and out.endswith("cut\n"), err
    cut = np.load(path)
    duration = float(cut["duration"])
    rest = sim.simulate(noisy(), 20.0, engine=engine, threads=threads, seed=3, record=RECORD, start=sim.load_state(path + ".npz"))
    # What was simulated is what a run of that length would give.
    check = min(duration, 3_000.0)
    whole = sim.simulate(noisy(), check, engine=engine, seed=3, record=RECORD)
    early = cut["times"] <= check * (1 + 1e-12)
    np.testing.assert_array_equal(cut["times"][early], whole.spikes["cells"].times)
    np.testing.assert_array_equal(cut["indices"][early], whole.spikes["cells"].indices)
    assert rest.state.time == pytest.approx(duration + 20.0)


@RUNS
@pytest.mark.parametrize("calls", [1, 3])
def test_a_progress_function_that_interrupts_leaves_everything_in_place(engine, threads, calls):
    seen = []

    def interrupt(fraction):
        seen.append(fraction)
        if len(seen) == calls:
            raise KeyboardInterrupt

    arguments = {"engine": engine, "threads": threads, "seed": 3, "record": RECORD}
    cut = sim.simulate(noisy(), 20_000.0, **arguments, progress=interrupt)
    assert cut.cut and 0.0 < cut.duration < 20_000.0 and "cut" in repr(cut)
    rest = sim.simulate(noisy(), 7.0, **arguments, start=cut.state)
    whole = sim.simulate(noisy(), cut.duration + 7.0, **arguments)
    for field in ("times", "indices"):
        joined = np.concatenate([getattr(piece.spikes["cells"], field) for piece in (cut, rest)])
        np.testing.assert_array_equal(joined, getattr(whole.spikes["cells"], field))
    for field in ("times", "values"):
        joined = np.concatenate([getattr(piece.recordings["cells"]["v"], field) for piece in (cut, rest)])
        np.testing.assert_array_equal(joined, getattr(whole.recordings["cells"]["v"], field))


def test_ctrl_c_is_held_back_once_and_heard_in_code_of_the_user():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.heard():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # held back
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interrupts.heard():
            pytest.fail("what was held back is heard first")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_handlers_and_other_threads_are_left_alone():
    calls = []
    before = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        with Interrupts():
            signal.raise_signal(signal.SIGINT)
        assert calls == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
    results = []
    thread = threading.Thread(target=lambda: results.append(sim.simulate(noisy(), 5.0, engine="clock", threads=2)))
    thread.start()
    thread.join()
    assert not results[0].cut

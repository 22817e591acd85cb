"""Time to first spike: the time of the only event carries the value, and waiting is priced."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs

import snnsim as sim
from snnsim.compiler.integer import compile_integer
from snnsim.conversion.lower import lower
from snnsim.engines.settle import run_integer

CODE = "time_to_first_spike"


def chain():
    """Two layers of units by hand: windows of 9 and of 40 steps."""
    x, y = sim.Population("x", (2, 3), sim.IntegerInput(s_max=9)), sim.Population("y", (2, 4), sim.Staircase(theta=3, s_min=-20, s_max=20))
    z = sim.Population("z", (2, 2), sim.Readout())
    random = np.random.default_rng(2)
    one, two = random.integers(-5, 6, size=(3, 4)).astype(np.int8), random.integers(-5, 6, size=(4, 2)).astype(np.int8)
    return sim.Network(sim.Projection(x, y, sim.Dense(one)), sim.Projection(y, z, sim.Dense(two)))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), schedule=st.sampled_from(["settled", "eager"]))
def test_the_time_of_an_event_in_its_window_tells_its_size(seed, schedule):
    graph = random_graph(seed)
    compiled = compile_integer(lower(graph))
    names = list(compiled.populations)
    inputs = random_inputs(graph, 2, seed)
    result = run_integer(
        compiled, inputs=inputs, schedule=schedule, code=CODE, seed=0, threads=1, record={name: ["spikes"] for name in names}
    )
    for place, name in enumerate(names):
        window = int(compiled.net.window[place]) if schedule == "settled" else int(compiled.net.window.max())
        train = result.spikes[name]
        if len(train) == 0:
            continue
        if schedule == "eager":
            assert (train.times % window == (window - np.abs(train.values)) % window).all()
            continue
        for trial in range(2):
            mine = train.trials == trial
            assert len(np.unique(train.indices[mine])) == mine.sum()  # one event per unit
            begin = train.times[mine] - window + np.abs(train.values[mine])
            assert len(np.unique(begin)) <= 1  # all units of a population share their window
            assert (train.times[mine] < begin + window).all()


def test_windows_follow_one_another_and_every_step_of_them_is_an_update():
    x = np.random.default_rng(4).integers(1, 10, size=(3, 2, 3))
    network = chain()
    result, graded = (sim.simulate(network, inputs=x, code=code) for code in (CODE, "graded"))
    assert (result.steps == 9 + 40).all()
    assert result.counts.total("spikes") == graded.counts.total("spikes")
    assert result.counts.total("synops") == graded.counts.total("synops")
    y = result.counts.layers["y"]
    # Each of the 3 * 8 units of y adds up for the 9 steps of the window of x, and evaluates once.
    assert y["updates_driven"] == 24 * 9 + 24
    assert y["updates_driven"] + y["updates_idle"] == 24 * (9 + 40)
    assert result.counts.layers["z"]["adds"] == 3 * 4 * 40
    assert result.counts.total("multiplies") == 0
    assert result.counts.layers["x -> y"].get("shifts", 0) == 0


def test_eager_rounds_take_the_longest_window():
    x = np.random.default_rng(4).integers(1, 10, size=(3, 2, 3))
    network = chain()
    rounds, graded = (sim.simulate(network, inputs=x, code=code, schedule="eager") for code in (CODE, "graded"))
    assert (rounds.steps == 40 * graded.steps).all()
    cut = sim.simulate(network, inputs=x, code=CODE, schedule="timed", steps=79)
    assert (cut.steps == 40).all()
    assert not cut.silent.any()


def test_a_unit_that_does_not_change_takes_no_window():
    network = chain()
    zero = np.zeros((1, 2, 3), int)
    result = sim.simulate(network, inputs=zero, code=CODE)
    assert result.steps[0] == 0
    assert result.counts.total("spikes") == 0

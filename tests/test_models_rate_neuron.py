"""The neuron of rate-coded conversions, against its closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snnsim as sim
from snnsim.errors import ParameterError
from snnsim.kernels.rate import step_rate


def fired(beta=1.0, v_th=1.0, v_init=0.0, reset="subtract", x=(), steps=1):
    """Return spikes bool[steps, n] and potentials float64[steps, n] of neurons under constant inputs, by the kernel as Python."""
    form = sim.RateNeuron(beta=beta, v_th=v_th, v_init=v_init, reset=reset).clock_form(len(x), 1.0)
    events, tally = np.zeros((2, len(x)), dtype=np.int32), np.zeros(3, dtype=np.int64)
    spikes, v = np.zeros((steps, len(x)), dtype=bool), np.zeros((steps, len(x)))
    for step in range(steps):
        n = step_rate.py_func(step, form.state, form.coef, np.array([x], dtype=float), 0, events, tally)
        spikes[step, events[0, :n]] = True
        v[step] = form.state[0]
    return spikes, v


@given(
    x=st.integers(0, 64), v_th=st.integers(1, 64), v_init=st.integers(-64, 63), steps=st.integers(1, 90)
)  # sixteenths, so that sums are exact
def test_it_fires_as_often_as_its_input_holds_thresholds(x, v_th, v_init, steps):
    x, v_init = min(x, v_th) / 16, min(v_init, v_th - 1) / 16
    spikes, v = fired(v_th=v_th / 16, v_init=v_init, x=[x], steps=steps)
    done = np.arange(1, steps + 1)
    expected = np.maximum(np.floor((done * x + v_init) / (v_th / 16)), 0)
    np.testing.assert_array_equal(np.cumsum(spikes[:, 0]), expected)
    np.testing.assert_array_equal(v[:, 0], v_init + done * x - expected * v_th / 16)


def test_an_input_above_threshold_saturates_it():
    assert fired(x=[1.0, 3.5], steps=20)[0].all()


@pytest.mark.parametrize(("x", "period"), [(0.25, 4), (0.375, 3), (0.75, 2), (1.0, 1), (7.0, 1)])
def test_a_reset_to_zero_fires_at_a_whole_period_alone(x, period):
    spikes, v = fired(reset="zero", x=[x], steps=24)
    np.testing.assert_array_equal(np.flatnonzero(spikes[:, 0]) + 1, np.arange(period, 25, period))
    assert (v[spikes] == 0.0).all()


def test_a_leak_silences_inputs_that_it_outweighs():
    beta = 0.875
    spikes, v = fired(beta=beta, x=[0.124, 0.126], steps=200)  # they rise to x / (1 - beta)
    assert not spikes[:, 0].any() and spikes[:, 1].any()
    np.testing.assert_allclose(v[:, 0], 0.124 * (1.0 - beta ** np.arange(1, 201)) / (1.0 - beta), rtol=1e-12)


def test_without_reset_it_adds_up_and_never_fires():
    spikes, v = fired(reset="none", x=[3.0], steps=5)
    assert not spikes.any() and v[:, 0].tolist() == [3.0, 6.0, 9.0, 12.0, 15.0]


def test_the_compiled_neuron_does_what_the_kernel_says_trial_after_trial():
    x = np.array([0.3, -0.2, 0.77, 1.4])
    model = sim.RateNeuron(v_init=0.5, beta=0.9, i_ext=x)
    cells = sim.Population("cells", 4, model)
    result = sim.simulate(sim.Network(cells), 60.0, dt=1.0, engine="clock", trials=20.0, record={"cells": ["spikes", "v"]})
    spikes, v = fired(v_init=0.5, beta=0.9, x=x, steps=20)
    np.testing.assert_array_equal(result.recordings["cells"]["v"].values, np.tile(v, (3, 1)))
    times = np.rint(result.spikes["cells"].times).astype(int) - 1
    np.testing.assert_array_equal(np.transpose([times, result.spikes["cells"].indices]), np.argwhere(np.tile(spikes, (3, 1))))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sim.RateNeuron(reset="half"), r"RateNeuron\.reset.*subtract, zero, none"),
        (lambda: sim.RateNeuron(v_th=0.0), r"RateNeuron\.v_th = 0 must be > 0"),
        (lambda: sim.RateNeuron(beta=1.5), r"RateNeuron\.beta = 1\.5 must be <= 1"),
        (lambda: sim.simulate(sim.Network(sim.Population("c", 1, sim.RateNeuron())), 5.0), r"simulate\.dt = 0\.1 ms must be 1 ms for Rate"),
    ],
)
def test_a_wrong_parameter_is_refused_with_name_value_and_rule(make, words):
    with pytest.raises(ParameterError, match=words):
        make()

"""ALIF against the closed form of periodic firing, and against LIF when nothing adapts."""

import numpy as np
import pytest
from nest_traces import run_steps

from snnsim.connect import OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.models.alif import ALIF
from snnsim.models.lif import LIF
from snnsim.models.poisson import PoissonSource
from snnsim.network import Network, Population, Projection


def test_without_adaptation_it_is_lif_to_the_bit():
    def spikes(cell):
        noise, cells = Population("noise", 20, PoissonSource(rate=900.0)), Population("cells", 20, cell)
        net = Network(Projection(noise, cells, OneToOne(), weight=1.5, delay=0.5))
        return run_spiking(net, duration=200.0, engine="clock", seed=3, record={"cells": ["spikes", "v"]})

    plain, adaptive = spikes(LIF(t_ref=1.0)), spikes(ALIF(t_ref=1.0, b=0.0, q=0.0))
    assert len(plain.spikes["cells"]) > 50
    np.testing.assert_array_equal(plain.spikes["cells"].times, adaptive.spikes["cells"].times)
    np.testing.assert_array_equal(plain.recordings["cells"]["v"].values, adaptive.recordings["cells"]["v"].values)


def overshoot(period, cell):
    """Distance of v from threshold one `period` after a spike, when all states repeat with that period."""
    w = cell.b / -np.expm1(-period / cell.tau_w)  # just after a spike
    theta = cell.q / -np.expm1(-period / cell.tau_theta)
    rise = period - cell.t_ref
    w *= np.exp(-cell.t_ref / cell.tau_w)
    pull = w / cell.c_m / (1.0 / cell.tau_w - 1.0 / cell.tau_m) * (np.exp(-rise / cell.tau_m) - np.exp(-rise / cell.tau_w))
    v = cell.v_inf + (cell.v_reset - cell.v_inf) * np.exp(-rise / cell.tau_m) - pull
    return v - cell.v_th - theta * np.exp(-period / cell.tau_theta)


@pytest.mark.parametrize(("b", "q"), [(20.0, 2.0), (40.0, 0.0), (0.0, 5.0)])
def test_it_settles_into_the_period_its_closed_form_asks_for(b, q):
    cell = ALIF(b=b, q=q, i_ext=400.0, tau_w=80.0, tau_theta=50.0)
    low, high = cell.t_ref + 1e-6, 500.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if overshoot(middle, cell) > 0.0 else (middle, high)
    dt = 0.01
    _, fired = run_steps(cell, 150_000, dt=dt)
    gaps = np.diff(fired) * dt
    assert gaps[0] < gaps[-1]
    # A spike waits for the end of its step, so a period is up to dt too long.
    assert low - 0.2 * dt <= gaps[-20:].mean() <= low + 1.2 * dt


@pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])
def test_adaptation_jumps_at_a_spike_and_decays_while_v_is_held(python):
    inputs = np.zeros((40, 1))
    inputs[0] = 30.0
    values, fired = run_steps(ALIF(b=30.0, q=4.0, tau_w=20.0, tau_theta=10.0), 40, inputs=inputs, python=python)
    t = np.arange(40) * 0.1
    assert fired.tolist() == [1]
    np.testing.assert_allclose(values[:, 1], 30.0 * np.exp(-t / 20.0), rtol=1e-13)
    np.testing.assert_allclose(values[:, 2], 4.0 * np.exp(-t / 10.0), rtol=1e-13)
    np.testing.assert_array_equal(values[:21, 0], -65.0)
    assert values[21, 0] < -65.0


@pytest.mark.parametrize("tau_w", [20.0, 20.0 + 1e-9])
def test_the_current_acts_exactly_where_its_decay_is_that_of_the_membrane(tau_w):
    inputs = np.zeros((400, 1))
    inputs[0] = 30.0
    values, _ = run_steps(ALIF(b=50.0, tau_m=20.0, tau_w=tau_w, t_ref=0.0), 400, inputs=inputs)
    t = np.arange(400) * 0.1
    np.testing.assert_allclose(values[:, 0], -65.0 - 50.0 / 200.0 * t * np.exp(-t / 20.0), rtol=1e-10)


def test_a_raised_threshold_must_be_reached_and_one_value_per_neuron_equals_single_neurons():
    q = np.array([0.0, 3.0, 9.0])
    together = run_spiking(Network(Population("c", 3, ALIF(q=q, i_ext=500.0))), duration=300.0).spikes["c"]
    alone = [run_spiking(Network(Population("c", 1, ALIF(q=x, i_ext=500.0))), duration=300.0).spikes["c"].times for x in q]
    for i in range(3):
        np.testing.assert_array_equal(together.of(i), alone[i])
    assert len(alone[0]) > len(alone[1]) > len(alone[2]) > 2


def test_many_neurons_step_as_each_would_alone():
    # More than two blocks of the kernel, the last one short; every neuron has its own input.
    n, steps, dt = 600, 250, 0.5
    random = np.random.default_rng(1)
    inputs = random.uniform(-1.0, 3.0, (steps, n)) * (random.random((steps, n)) < 0.3)
    shared, own = ALIF(b=30.0, q=3.0, t_ref=2.0), ALIF(b=np.full(n, 30.0), q=3.0, t_ref=2.0)
    found = [stepped(cell, inputs, dt) for cell in (shared, own)]
    v, w, theta, left, fired = np.full(n, -65.0), np.zeros(n), np.zeros(n), np.zeros(n), []
    coef = shared.clock_form(n, dt).coef[:, 0]
    for step in range(steps):
        for i in range(n):
            free = left[i] <= 0.0
            if free:
                v[i] = coef[0] + (v[i] - coef[0]) * coef[1] - w[i] * coef[5] + inputs[step, i]
            else:
                left[i] -= 1.0
            w[i] *= coef[6]
            theta[i] *= coef[8]
            if free and v[i] >= coef[2] + theta[i]:
                v[i], left[i], w[i], theta[i] = coef[3], coef[4], w[i] + coef[7], theta[i] + coef[9]
                fired.append((step, i))
    assert len({i // 256 for _, i in fired}) == 3 and len(fired) > n
    for state, spikes, driven in found:
        assert np.array_equal(state, [v, w, theta, left]) and spikes == fired
        assert driven.tolist() == [np.count_nonzero(inputs), inputs.size - np.count_nonzero(inputs)]


def stepped(cell, inputs, dt):
    """Return the state after all steps, the spikes as (step, neuron), and the updates with and without input."""
    form = cell.clock_form(inputs.shape[1], dt)
    state, events, tally, fired = form.state.copy(), np.zeros((2, inputs.shape[1]), np.int32), np.zeros(2, np.int64), []
    for step, row in enumerate(inputs):
        n = form.step(step, state, form.coef, np.ascontiguousarray(row[None]), np.uint64(0), events, tally)
        assert np.all(events[1, :n] == 1)
        fired += [(step, int(i)) for i in events[0, :n]]
    return state, fired, tally

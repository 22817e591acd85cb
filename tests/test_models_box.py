"""The neurons of NIR against closed forms, matrix exponentials, Euler steps, each other, and the trace of NIR's authors."""

import math
from dataclasses import replace

import numpy as np
import pytest
from nest_traces import run_steps
from scipy import linalg

import snnsim as sim
from snnsim.errors import ParameterError
from snnsim.models.cuba_li import CubaLI
from snnsim.models.cuba_lif import CubaLIF
from snnsim.models.if_box import IFBox
from snnsim.models.integrator import Integrator
from snnsim.models.li import LI
from snnsim.models.lif_box import LIFBox
from snnsim.models.threshold import InputSum, Threshold

PYTHON = pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])


def drive(n_steps, seed, high=2.0):
    """Return a random input per step, float64[n_steps, 1]."""
    return np.random.default_rng(seed).uniform(-0.3 * high, high, (n_steps, 1))


def walk(model, inputs, dt):
    """Return the potential after every step, and the spikes in it, by going from crossing to crossing in closed form."""
    v, values, counts = getattr(model, "v_rest", 0.0), [], []
    for (x,) in inputs:
        left, count = dt, 0
        slope = model.r * (x + model.i_ext) * 1e-3
        while left > 0.0:
            if isinstance(model, IFBox):
                crossing = (model.v_th - v) / slope if slope > 0.0 else math.inf
            else:
                e = model.v_rest + model.r * (x + model.i_ext)
                crossing = model.tau_m * math.log((e - v) / (e - model.v_th)) if e > model.v_th else math.inf
            time = min(crossing, left)
            v = v + slope * time if isinstance(model, IFBox) else e + (v - e) * math.exp(-time / model.tau_m)
            left -= time
            if crossing <= time:
                v, count = model.v_reset, count + 1
        values.append(v)
        counts.append(count)
    return np.array(values), np.array(counts)


def exponential(model, inputs, dt):
    """Return the potential of a current-based neuron after every step, by the exponential of the matrix of its equations."""
    state, values = np.array([model.v_rest, 0.0, 1.0]), []
    for (x,) in inputs:
        current = [0.0, -1.0 / model.tau_syn, model.w_in * (x + model.i_ext) / model.tau_syn]
        slope = np.array([[-1.0, model.r, model.v_rest], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]) / model.tau_m
        slope[1] = current
        state = linalg.expm(slope * dt) @ state
        values.append(state[0])
    return np.array(values)


@PYTHON
@pytest.mark.parametrize(
    "model",
    [
        LIFBox(tau_m=2.0, r=1.5, v_rest=0.1, v_th=0.6, v_reset=-0.2, i_ext=0.2),
        LIFBox(tau_m=0.7, r=6.0, v_th=0.5),  # several spikes in a step
        IFBox(r=900.0, v_th=0.5, v_reset=0.0, i_ext=0.1),
        IFBox(r=5000.0, v_th=0.5, v_reset=0.0),
    ],
    ids=["LIF", "fast LIF", "IF", "fast IF"],
)
def test_the_exact_scheme_solves_the_equation_and_resets_at_the_crossing(model, python):
    inputs, dt = drive(30, 3), 0.5
    expected, counts = walk(model, inputs, dt)
    values, fired = run_steps(model, 30, dt=dt, inputs=inputs, python=python)
    assert counts.sum() > 3
    np.testing.assert_array_equal(np.bincount(fired, minlength=31)[1:], counts)
    np.testing.assert_allclose(values[:, 0], expected, rtol=0.0, atol=1e-10)


@PYTHON
def test_a_neuron_at_rest_above_threshold_fires_from_the_first_step_on(python):
    model = LIFBox(tau_m=2.0, v_rest=1.5, v_th=1.0, v_reset=0.0)
    period = 2.0 * math.log(1.5 / 0.5)
    _, fired = run_steps(model, 100, dt=0.5, python=python)
    # At time 0, then at every period.
    np.testing.assert_array_equal(fired, np.maximum(1, np.ceil(np.arange(len(fired)) * period / 0.5)))
    assert len(fired) == int(50.0 / period) + 1
    _, fired = run_steps(IFBox(r=1000.0, v_th=1.0, i_ext=0.41), 100, dt=0.5, python=python)
    np.testing.assert_array_equal(fired, np.ceil(np.arange(1, len(fired) + 1) / 0.41 / 0.5))


@PYTHON
def test_a_current_based_neuron_solves_its_two_equations(python):
    inputs, dt = drive(40, 4, high=6.0), 0.5
    for tau_syn in (1.0, 3.0, 3.0 + 1e-9):  # the last two: (nearly) the time constant of the membrane
        model = CubaLIF(tau_syn=tau_syn, tau_m=3.0, r=1.3, w_in=0.8, v_rest=0.2, v_th=1e6, i_ext=0.1)
        expected = exponential(model, inputs, dt)
        values, _ = run_steps(model, 40, dt=dt, inputs=inputs, python=python)
        np.testing.assert_allclose(values[:, 0], expected, rtol=0.0, atol=1e-12)
        silent = CubaLI(tau_syn=tau_syn, tau_m=3.0, r=1.3, w_in=0.8, v_rest=0.2, i_ext=0.1)
        np.testing.assert_array_equal(run_steps(silent, 40, dt=dt, inputs=inputs, python=python)[0], values)
    fired = run_steps(CubaLIF(tau_syn=1.0, tau_m=3.0, r=1.3, v_th=0.5), 40, dt=dt, inputs=inputs, python=python)[1]
    assert len(fired) > 3


RESETS = {"value": lambda v, m: m.v_reset, "subtract": lambda v, m: v - m.v_th, "none": lambda v, m: v}


@PYTHON
@pytest.mark.parametrize("reset", RESETS)
def test_the_euler_scheme_takes_one_step_and_resets_at_its_end(reset, python):
    inputs, dt = drive(60, 5) - 0.6, 0.5
    for model in (
        LIFBox(tau_m=2.0, r=1.5, v_rest=0.1, v_th=0.6, v_reset=-0.2, i_ext=0.2, scheme="euler", reset=reset),
        CubaLIF(tau_m=2.0, tau_syn=1.5, w_in=0.8, r=1.5, v_rest=0.1, v_th=0.4, v_reset=-0.2, i_ext=0.2, scheme="euler", reset=reset),
    ):
        v, i, expected, spikes = model.v_rest, 0.0, [], []
        for k, (x,) in enumerate(inputs):
            pull = x + model.i_ext
            if isinstance(model, CubaLIF):
                i += dt / model.tau_syn * (model.w_in * pull - i)
                pull = i
            v += dt / model.tau_m * (model.v_rest - v + model.r * pull)
            if v > model.v_th:
                v = RESETS[reset](v, model)
                spikes.append(k + 1)
            expected.append(v)
        values, fired = run_steps(model, 60, dt=dt, inputs=inputs, python=python)
        assert 5 < len(spikes) < 55
        np.testing.assert_array_equal(fired, spikes)
        np.testing.assert_allclose(values[:, 0], expected, rtol=0.0, atol=1e-13)


@PYTHON
def test_what_never_fires_has_the_potential_of_what_fires_far_below_threshold(python):
    inputs = drive(30, 6)
    leaky = {"tau_m": 3.0, "r": 2.0, "v_rest": 0.3}
    for silent, fires in ((LI(**leaky), LIFBox(**leaky, v_th=1e9)), (Integrator(r=40.0), IFBox(r=40.0, v_th=1e9))):
        for scheme in ("exact", "euler"):
            pair = [run_steps(replace(model, scheme=scheme), 30, dt=0.5, inputs=inputs, python=python) for model in (silent, fires)]
            np.testing.assert_array_equal(pair[0][0], pair[1][0])
            assert not pair[0][1].size and np.ptp(pair[0][0]) > 0.1


@PYTHON
def test_units_without_memory_see_the_input_of_the_step_alone(python):
    inputs = np.array([[0.5], [1.0], [1.0 + 2.0**-40], [0.0], [3.0]])
    values, fired = run_steps(Threshold(v_th=1.0), 5, inputs=inputs, python=python)
    np.testing.assert_array_equal(fired, [3, 5])
    np.testing.assert_array_equal(values, inputs)
    values, fired = run_steps(InputSum(i_ext=0.25), 5, inputs=inputs, python=python)
    np.testing.assert_array_equal(values, inputs + 0.25)
    assert not fired.size


def test_a_current_is_what_a_projection_that_fires_in_every_step_is():
    source = sim.Population("source", 3, sim.SpikeArray(times=np.tile(np.arange(1, 101) * 0.5, 3), indices=np.repeat(np.arange(3), 100)))
    for model in (LIFBox(v_th=0.5), CubaLIF(v_th=0.5), IFBox(r=200.0), LI(), CubaLI(), Integrator(), InputSum(), Threshold(v_th=5.0)):
        fed, driven = (sim.Population("cells", 3, model) for _ in range(2))
        runs = [
            sim.simulate(net, 50.0, dt=0.5, engine="clock", record={"cells": [*model.states]})
            for net in (
                sim.Network(sim.Projection(source, fed, sim.OneToOne(), weight=1.7, delay=0.0)),
                sim.Network(sim.Current(driven, sim.StepCurrent(times=[0.0], values=[1.7]))),
            )
        ]
        for state in model.states:
            np.testing.assert_allclose(*(run.recordings["cells"][state].values for run in runs), rtol=0.0, atol=1e-13)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: LIFBox(v_reset=1.0), r"LIFBox\.v_reset = 1 must be < v_th = 1: a neuron reset above"),
        (lambda: CubaLIF(tau_syn=0.0), r"CubaLIF\.tau_syn = 0 ms must be > 0 ms"),
        (lambda: LI(scheme="rk4"), r"LI\.scheme = 'rk4' is not known\. Valid: exact, euler\."),
        (lambda: IFBox(reset="zero"), r"IFBox\.reset = 'zero' is not known\. Valid: value, subtract, none\."),
        (lambda: IFBox(reset="subtract", v_th=0.0), r"IFBox\.v_th = 0 must be > 0: reset='subtract' lowers v by it"),
    ],
)
def test_parameters_out_of_their_domain_are_refused_by_name(make, text):
    with pytest.raises(ParameterError, match=text):
        make()


@pytest.mark.parametrize("model", [LIFBox(tau_m=0.4, scheme="euler"), CubaLI(tau_m=9.0, tau_syn=0.4, scheme="euler")])
def test_a_forward_euler_step_longer_than_a_time_constant_is_refused(model):
    with pytest.raises(ParameterError, match=rf"simulate\.dt = 0\.5 ms must be <= {type(model).__name__}\.tau_\w+ = 0\.4 ms"):
        sim.simulate(sim.Network(sim.Population("cells", 1, model)), 5.0, dt=0.5)
    sim.simulate(sim.Network(sim.Population("cells", 1, model)), 4.0, dt=0.4)  # a whole time constant is the longest


def test_the_trace_of_the_authors_of_nir_is_met_in_every_step(refs):
    path = refs / "nir" / "lif_exact.csv"
    if not path.is_file():
        pytest.skip(f"no reference trace {path}")
    inputs, v, fired = np.loadtxt(path, delimiter=",").T
    values, steps = run_steps(LIFBox(tau_m=2.5, v_th=0.1), len(v), dt=0.1, inputs=inputs[:, None])
    np.testing.assert_array_equal(steps - 1, np.flatnonzero(fired))
    np.testing.assert_array_equal(steps - 1, [460, 510, 710, 760])
    np.testing.assert_allclose(values[:, 0], v, rtol=0.0, atol=1e-8)

"""Currents as part of a description: what they accept, what they refuse, and what they mean on a grid."""

import dataclasses

import numpy as np
import pytest

import snnsim as sim
from snnsim.currents import Signal
from snnsim.currents.base import NEVER, pieces
from snnsim.currents.current import TAKERS
from snnsim.errors import ParameterError, WiringError
from snnsim.models.spiking import NeuronModel
from snnsim.network import description_digest

CELLS = sim.Population("cells", 4, sim.LIF())
STEP = sim.StepCurrent(times=[0.0, 100.0], values=[0.0, 150.0])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: sim.StepCurrent(times=[0.0, 5.0, 5.0], values=[1.0, 2.0, 3.0]), "rise strictly"),
        (lambda: sim.StepCurrent(times=[5.0, 1.0], values=[1.0, 2.0]), "rise strictly"),
        (lambda: sim.StepCurrent(times=[-1.0, 1.0], values=[1.0, 2.0]), "times = -1 ms must be >= 0"),
        (lambda: sim.StepCurrent(times=[0.0, 1.0], values=[1.0]), "values has shape"),
        (lambda: sim.StepCurrent(times=[], values=[]), "at least one"),
        (lambda: sim.StepCurrent(times=[0.0], values=[np.nan]), "finite"),
        (lambda: sim.SampledCurrent(values=[], interval=1.0), "at least one sample"),
        (lambda: sim.SampledCurrent(values=[1.0], interval=0.0), "interval = 0 ms must be > 0"),
        (lambda: sim.SampledCurrent(values=[1.0], interval=np.array([1.0, 2.0])), "must be one number"),
        (lambda: sim.SampledCurrent(values=[1.0, np.inf], interval=1.0), "finite"),
        (lambda: sim.SineCurrent(amplitude=1.0, frequency=0.0), "frequency = 0 Hz must be > 0"),
        (lambda: sim.SineCurrent(amplitude=1.0, frequency=-5.0), "frequency = -5 Hz must be > 0"),
        (
            lambda: sim.SineCurrent(amplitude=1.0, frequncy=5.0),
            r"SineCurrent: parameter = 'frequncy' is not known.* Did you mean 'frequency'",
        ),
        (lambda: sim.SineCurrent(amplitude=np.nan, frequency=5.0), "finite"),
        (lambda: sim.SineCurrent(amplitude=1.0, frequency=5.0, start=10.0, stop=10.0), "stop = 10 ms must be > start"),
        (lambda: sim.SineCurrent(amplitude=1.0, frequency=5.0, stop=np.nan), "finite"),
        (lambda: sim.SineCurrent(amplitude=1.0, frequency=5.0, start=[0.0, 1.0]), "must be one number"),
        (lambda: sim.NoiseCurrent(std=-1.0), "std = -1 pA must be >= 0"),
        (lambda: sim.NoiseCurrent(std=1.0, tau=0.0), "tau = 0 ms must be > 0"),
        (lambda: sim.NoiseCurrent(std=1.0, interval=[1.0, 2.0]), "must be one number"),
        (lambda: sim.NoiseCurrent(std=1.0, shared="yes"), "True or False"),
    ],
)
def test_a_signal_out_of_its_domain_is_refused(make, text):
    with pytest.raises(ParameterError, match=text):
        make()


@pytest.mark.parametrize(
    ("target", "signal", "text"),
    [
        ("cells", STEP, "must be a Population, or a View"),
        (sim.LIF(), STEP, "must be a Population, or a View"),
        (CELLS, sim.StepCurrent, "must be a signal"),
        (CELLS, 150.0, "must be a signal"),
        (CELLS, sim.StepCurrent(times=[0.0], values=[[1.0, 2.0, 3.0]]), r"shape \(1, 3\) but must be \(1,\), or \(1, 4\)"),
        (CELLS[:3], sim.SampledCurrent(values=np.ones((2, 4)), interval=1.0), r"\(2, 3\) with one value per neuron"),
        (CELLS, sim.SineCurrent(amplitude=[1.0, 2.0], frequency=5.0), "SineCurrent.amplitude has shape"),
        (CELLS, sim.NoiseCurrent(std=[1.0, 2.0]), "NoiseCurrent.std has shape"),
        (sim.Population("source", 4, sim.PoissonSource(rate=5.0)), STEP, "PoissonSource takes no current.*LIF"),
        (sim.Population("listed", 4, sim.SpikeArray(times=[1.0])), STEP, "SpikeArray takes no current.*Leaky"),
    ],
)
def test_a_current_needs_neurons_that_take_it_and_values_of_their_shape(target, signal, text):
    with pytest.raises(WiringError, match=text):
        sim.Current(target, signal)


def test_an_interval_off_the_grid_of_the_clock_is_refused():
    for signal in (sim.NoiseCurrent(std=1.0, interval=0.25), sim.NoiseCurrent(std=1.0, start=0.05)):
        with pytest.raises(ParameterError, match="multiple"):
            sim.simulate(sim.Network(sim.Current(CELLS, signal)), 10.0)


def test_the_error_text_names_every_model_that_takes_a_current():
    public = [getattr(sim, name) for name in sim.__all__]
    models = [thing for thing in public if isinstance(thing, type) and issubclass(thing, NeuronModel)]
    assert sorted(model.__name__ for model in models if "i_ext" in {field.name for field in dataclasses.fields(model)}) == list(TAKERS)


def test_a_current_brings_its_population_and_cannot_be_changed():
    current = sim.Current(CELLS[1:3], STEP)
    net = sim.Network(current)
    assert net.populations == {"cells": CELLS} and net.currents == (current,) and "1 currents" in repr(net)
    assert repr(current) == "Current('cells[1:3]', StepCurrent)"
    with pytest.raises(AttributeError, match="immutable"):
        current.signal = STEP
    with pytest.raises(WiringError, match="two populations named"):
        sim.Network(current, sim.Population("cells", 4, sim.LIF()))
    with pytest.raises(ValueError, match="read-only"):
        STEP.values[0] = 1.0


def test_the_digest_covers_currents():
    nets = [
        sim.Network(CELLS),
        sim.Network(sim.Current(CELLS, STEP)),
        sim.Network(sim.Current(CELLS[:2], STEP)),
        sim.Network(sim.Current(CELLS, STEP), sim.Current(CELLS, STEP)),
        sim.Network(sim.Current(CELLS, sim.StepCurrent(times=[0.0, 100.0], values=[0.0, 151.0]))),
        sim.Network(sim.Current(CELLS, sim.NoiseCurrent(std=1.0))),
        sim.Network(sim.Current(CELLS, sim.NoiseCurrent(std=1.0, tau=5.0))),
    ]
    assert len({description_digest(net) for net in nets}) == len(nets)
    again = sim.Network(sim.Current(CELLS, sim.StepCurrent(times=[0.0, 100.0], values=[0.0, 150.0])))
    assert description_digest(again) == description_digest(nets[1])


def test_pieces_on_a_grid_have_the_mean_of_every_step():
    random = np.random.default_rng(5)
    for dt in (0.1, 1.0, 2.5):
        # Times on the grid, off it, and several within one step.
        times = np.unique(np.concatenate([random.uniform(0, 20, 12), dt * random.integers(0, 8, 4), 3.0 + 0.01 * np.arange(3)]))
        values = random.normal(size=(len(times), 2))
        steps, means = pieces(times, values, dt)
        assert steps.dtype == np.int64 and np.all(np.diff(steps) > 0) and steps[-1] < NEVER
        edges = np.arange(int(25 / dt) + 1) * dt
        ends = np.append(times[1:], np.inf)
        overlap = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], times)
        expected = np.maximum(overlap, 0.0) @ values / dt
        at = np.searchsorted(steps, np.arange(len(edges) - 1), side="right")
        got = np.concatenate([np.zeros((1, 2)), means])[at]
        np.testing.assert_allclose(got, expected, atol=1e-9)


def test_a_signal_says_whether_all_neurons_get_the_same():
    assert STEP.alike and sim.SineCurrent(amplitude=1.0, frequency=5.0).alike and sim.NoiseCurrent(std=1.0, shared=True).alike
    assert not sim.NoiseCurrent(std=1.0).alike and not sim.SineCurrent(amplitude=1.0, frequency=5.0, phase=[0.0, 1.0]).alike
    assert not sim.StepCurrent(times=[0.0], values=[[1.0, 2.0]]).alike and issubclass(sim.StepCurrent, Signal)

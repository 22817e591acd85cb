"""What holds for every spiking model: pieces of a run, one value per neuron, and the operations it declares."""

from collections import Counter
from importlib import import_module
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from snnsim.connect import FixedProbability, OneToOne
from snnsim.counts import OPERATIONS
from snnsim.engines.spiking import run_spiking
from snnsim.kernels import magnus, rkf45
from snnsim.models.adex import AdEx
from snnsim.models.alif import ALIF
from snnsim.models.cuba_lif import CubaLIF
from snnsim.models.hodgkin_huxley import HodgkinHuxley
from snnsim.models.homeostatic_lif import HomeostaticLIF
from snnsim.models.if_box import IFBox
from snnsim.models.integrate_fire import IF
from snnsim.models.izhikevich import Izhikevich
from snnsim.models.lif_alpha import LIFAlpha
from snnsim.models.lif_box import LIFBox
from snnsim.models.lif_cond_alpha import LIFCondAlpha
from snnsim.models.lif_cond_exp import LIFCondExp
from snnsim.models.norse_lif import NorseLIF
from snnsim.models.norse_lif_box import NorseLIFBox
from snnsim.models.poisson import PoissonSource
from snnsim.models.rate_neuron import RateNeuron
from snnsim.models.snntorch_leaky import Leaky
from snnsim.models.snntorch_synaptic import Synaptic
from snnsim.network import Network, Population, Projection

#: model -> a parameter to vary, two values, and a weight that makes it fire under 900 Hz
MODELS = {
    IF: ("v_th", -50.0, -52.0, 1.5),
    LIFAlpha: ("tau_syn_exc", 2.0, 20.0, 200.0),
    LIFCondExp: ("tau_syn_exc", 5.0, 0.3, 2.5),
    LIFCondAlpha: ("tau_syn_inh", 10.0, 0.3, 1.0),
    Izhikevich: ("d", 8.0, 2.0, 3.0),
    AdEx: ("t_ref", 0.0, 2.0, 6.0),
    HodgkinHuxley: ("tau_syn_exc", 0.2, 1.0, 1500.0),
    ALIF: ("q", 2.0, 0.0, 1.5),
    HomeostaticLIF: ("eta", 0.05, 2.0, 1.5),
    Leaky: ("beta", 0.9, 0.5, 0.7),
    Synaptic: ("alpha", 0.8, 0.2, 0.3),
    NorseLIF: ("tau_m", 10.0, 5.0, 1.0),
    NorseLIFBox: ("tau_m", 10.0, 5.0, 6.0),
    LIFBox: ("tau_m", 10.0, 2.0, 40.0),
    IFBox: ("r", 1.0, 2.0, 4000.0),
    CubaLIF: ("tau_syn", 5.0, 2.0, 200.0),
    RateNeuron: ("beta", 1.0, 0.5, 0.7),
}
#: Those that take steps of 1 ms alone, or are as well tested with them.
BY_STEP = (Leaky, Synaptic, NorseLIF, NorseLIFBox, RateNeuron)
EACH = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def network(model, parameters, n=6):
    noise, cells = Population("noise", n, PoissonSource(rate=900.0)), Population("cells", n, model(**parameters))
    weight = MODELS[model][3]
    return Network(
        Projection(noise, cells, OneToOne(), weight=weight, delay=1.0),
        Projection(cells, cells, FixedProbability(0.4), weight=-0.4 * weight, delay=2.0),
    )


def run(net, duration, **more):
    dt = 1.0 if isinstance(net.populations["cells"].model, BY_STEP) else 0.1
    states = net.populations["cells"].model.states
    return run_spiking(net, duration=duration, engine="clock", dt=dt, seed=4, record={"cells": ["spikes", *states]}, **more)


@EACH
def test_a_run_in_pieces_has_the_bits_of_the_whole_run(model):
    net = network(model, {})
    whole, first = run(net, 150.0), run(net, 61.0)
    second = run(net, 89.0, start=first.state)
    assert len(whole.spikes["cells"]) > 5
    for name in model.states:
        joined = np.concatenate([part.recordings["cells"][name].values for part in (first, second)])
        np.testing.assert_array_equal(joined, whole.recordings["cells"][name].values)
        assert np.all(np.isfinite(joined)) and np.ptp(joined) > 0.0
    joined = np.concatenate([part.spikes["cells"].times for part in (first, second)])
    np.testing.assert_array_equal(joined, whole.spikes["cells"].times)


@EACH
def test_one_value_per_neuron_gives_the_bits_of_single_values(model):
    name, here, there, _ = MODELS[model]
    for value in (here, there):
        alone = run(network(model, {name: value}), 60.0)
        together = run(network(model, {name: np.full(6, value)}), 60.0)
        np.testing.assert_array_equal(alone.spikes["cells"].times, together.spikes["cells"].times)
        for state in model.states:
            np.testing.assert_array_equal(*(part.recordings["cells"][state].values for part in (alone, together)))
    mixed = run_mixed(model, name, np.array([here, there, here, there, here, there]))
    np.testing.assert_array_equal(mixed[0], mixed[1])


def run_mixed(model, name, values):
    """Return all states of unconnected neurons with `values`, together and one by one."""
    together = run_alone(model, {name: values}, 6)
    singles = [run_alone(model, {name: float(value)}, 6)[:, :, i] for i, value in enumerate(values)]
    return together, np.stack(singles, axis=2)


def run_alone(model, parameters, n):
    noise, cells = Population("noise", n, PoissonSource(rate=900.0)), Population("cells", n, model(**parameters))
    result = run(Network(Projection(noise, cells, OneToOne(), weight=MODELS[model][3], delay=1.0)), 60.0)
    return np.stack([result.recordings["cells"][state].values for state in model.states])


def test_eight_models_run_in_one_network():
    noise = Population("noise", 6, PoissonSource(rate=900.0))
    chosen = [model for model in MODELS if model not in (*BY_STEP, Izhikevich, HomeostaticLIF)]
    cells = [Population(model.__name__, 6, model()) for model in chosen]
    net = Network(*(Projection(noise, p, OneToOne(), weight=MODELS[type(p.model)][3]) for p in cells))
    result = run_spiking(net, duration=60.0)
    assert result.engine == "clock"
    assert result.why.endswith("has no closed form between events")
    assert all(len(result.spikes[model.__name__]) > 0 for model in chosen)


class Counted(float):
    """A number that counts the arithmetic done with it; signs and comparisons are free."""

    done: ClassVar[Counter] = Counter()

    def __neg__(self):
        return Counted(-float(self))

    def __abs__(self):
        return Counted(abs(float(self)))


def _counting(kind, function):
    def counted(*numbers):
        Counted.done[kind] += 1
        return Counted(function(*(float(x) for x in numbers)))

    return counted


for _name, _kind in (("add", "adds"), ("sub", "adds"), ("mul", "multiplies"), ("truediv", "divides"), ("pow", "tables")):
    for _side in ("", "r"):
        setattr(Counted, f"__{_side}{_name}__", _counting(_kind, getattr(float, f"__{_side}{_name}__")))


def counted_step(monkeypatch, model, change):
    """Return the operations of one clock step of one neuron, run as Python on numbers that count. change : to the state, by row"""
    form = model.clock_form(1, 1.0 if isinstance(model, BY_STEP) else 0.1)
    home = import_module(form.step.py_func.__module__)
    tables = {name: _counting("tables", getattr(np, name)) for name in ("exp", "expm1")}
    looked_up = SimpleNamespace(e=Counted(np.e), inf=np.inf, float64=lambda number: number, **tables)
    for module in (home, rkf45, magnus):
        for name, value in list(vars(module).items()):
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)
    for module in (home, rkf45):
        if hasattr(module, "np"):
            monkeypatch.setattr(module, "np", looked_up)
    if hasattr(home, "_take_step"):
        monkeypatch.setattr(rkf45, "leaf", lambda function: function)
        slope = next(value for name, value in vars(home).items() if name.startswith("slope_"))
        monkeypatch.setattr(home, "_take_step", rkf45.scheme(slope))
    state = form.state.copy()
    for row, value in change.items():
        state[row] = value
    state, coef, inputs = (np.vectorize(Counted, otypes=[object])(x) for x in (state, form.coef, np.full((model.channels, 1), 1e-3)))
    Counted.done.clear()
    form.step.py_func(0, state, coef, inputs, 0, np.zeros((2, 1), dtype=np.int32), np.zeros(3, dtype=np.int64))
    return Counter(Counted.done)


#: model -> row of the updates still refractory, if it is a step of its own without integration; threshold tests
COUNTED = {
    IF: (1, 1), LIFAlpha: (5, 1), LIFCondExp: (3, 1), LIFCondAlpha: (5, 1), Izhikevich: (None, 1), ALIF: (3, 1), HomeostaticLIF: (2, 2),
    NorseLIF: (None, 1), NorseLIFBox: (None, 1), Leaky: (None, 2), Synaptic: (None, 2), LIFBox: (None, 1), IFBox: (None, 1),
    CubaLIF: (None, 1), RateNeuron: (None, 1),
}  # fmt: skip


@pytest.mark.parametrize("model", COUNTED, ids=lambda model: model.__name__)
def test_an_update_does_the_arithmetic_it_declares(monkeypatch, model):
    row, tests = COUNTED[model]
    # A free update, or one just after a spike where that is longer; one more addition counts down a refractory neuron.
    after_spike = {0: 1.1} if model in (Leaky, Synaptic) else {}
    done = counted_step(monkeypatch, model(), after_spike) + Counter(adds=tests + (row is not None))
    assert done == {kind: n for kind, n in model.update_operations["clock"].items() if not kind.startswith("state_")}


# AdEx tests for its peak; HodgkinHuxley for a peak and its height, and counts down its deaf steps on another path.
@pytest.mark.parametrize(("model", "more"), [(AdEx, 1), (HodgkinHuxley, 3)])
def test_an_update_by_one_step_of_the_scheme_does_the_arithmetic_it_declares(monkeypatch, model, more):
    done = counted_step(monkeypatch, model(), {}) + Counter(adds=more)
    assert done == {kind: n for kind, n in model.update_operations["clock"].items() if not kind.startswith("state_")}


@EACH
def test_declared_operations_are_of_known_kinds_and_reads_match_the_state(model):
    for declared in model.update_operations.values():
        assert set(declared) <= set(OPERATIONS) and all(n > 0 for n in declared.values())
    clock = model.update_operations["clock"]
    assert clock["state_reads"] == clock["state_writes"] == len(model().clock_form(1, 1.0).state) + model.channels

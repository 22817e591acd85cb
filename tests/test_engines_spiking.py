"""Validation of a run and the choice of engine."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import pytest

from snnsim.compiler.spiking import compile_spiking
from snnsim.connect import AllToAll, FixedProbability, OneToOne
from snnsim.distributions import Uniform
from snnsim.engines.spiking import expected_rates, run_spiking
from snnsim.errors import CompileError, ParameterError, SimulationError
from snnsim.models.lif import LIF
from snnsim.models.lif_alpha import LIFAlpha
from snnsim.models.poisson import PoissonSource
from snnsim.models.spike_array import SpikeArray
from snnsim.models.spiking import ClockForm, NeuronModel
from snnsim.network import Network, Population, Projection
from snnsim.simulation import simulate
from snnsim.units import param

NOISE, CELLS = Population("noise", 10, PoissonSource(rate=5.0)), Population("cells", 10, LIF())
NET = Network(Projection(NOISE, CELLS, OneToOne(), weight=16.0))


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class OnlyClock(NeuronModel):
    """A model of a later issue: no closed form between events."""

    states: ClassVar[tuple[str, ...]] = ("v",)
    tau_m: float = param(20.0, unit="ms", gt=0.0)

    def clock_form(self, n: int, dt: float) -> ClockForm:
        return LIF(tau_m=self.tau_m, i_ext=500.0).clock_form(n, dt)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"duration": 0.0}, r"simulate\.duration = 0 ms must be > 0 ms"),
        ({"duration": float("inf")}, r"simulate\.duration = inf ms must be finite"),
        ({"duration": np.ones(2)}, "must be one number in ms"),
        ({"dt": -0.1}, r"simulate\.dt = -0\.1 ms must be > 0 ms"),
        ({"engine": "clok"}, r"simulate\.engine = 'clok' is not known\. Valid: auto, event, clock\. Did you mean 'clock'"),
        ({"record": {"cell": ["v"]}}, r"population = 'cell' is not known\. Valid: noise, cells"),
        ({"record": {"cells": ["w"]}}, r"record\['cells'\] = 'w' is not known\. Valid: spikes, v"),
        ({"record": ["cells"]}, "must map population names to lists"),
        ({"precision": ""}, r"simulate\.precision = '' is not known\. Valid: double, single"),
        ({"precision": "half"}, r"simulate\.precision = 'half' is not known\. Valid: double, single"),
        ({"duration": 1.05, "engine": "clock"}, r"simulate\.duration = 1\.05 ms must be a multiple"),
    ],
)
def test_a_wrong_argument_is_refused_with_value_rule_and_remedy(wrong, words):
    with pytest.raises(ParameterError, match=words):
        run_spiking(NET, **({"duration": 1.0} | wrong))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"engine": "event", "threads": 2},
            r"simulate\.threads = 2 must be 1 for the event engine: .* Leave it out, or use engine=\"clock\"",
        ),
        (
            {"engine": "event", "precision": "single"},
            r'simulate\.precision = "single" must be "double" for the event engine.* Leave it out',
        ),
        ({"engine": "auto", "precision": "single", "start": "event"}, r'simulate\.precision = "single" must be "double" for the event'),
    ],
)
def test_what_the_event_engine_lacks_is_refused_before_anything_is_drawn(wrong, words, monkeypatch):
    if "start" in wrong:
        wrong = wrong | {"start": run_spiking(NET, duration=1.0, engine=wrong["start"]).state}
    monkeypatch.setattr("snnsim.engines.spiking.compile_spiking", lambda *a, **k: pytest.fail("work was done"))
    with pytest.raises(ParameterError, match=words):
        run_spiking(NET, duration=1.0, **wrong)


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_a_continued_run_keeps_its_step(engine):
    state = simulate(NET, 8.0, engine=engine, dt=0.5).state
    whole = simulate(NET, 12.0, engine=engine, dt=0.5, record={"cells": ["v"]})
    rest = simulate(NET, 4.0, start=state, record={"cells": ["v"]})
    np.testing.assert_array_equal(rest.recordings["cells"]["v"].times, whole.recordings["cells"]["v"].times[16:])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"start": "state.npz"}, r"simulate\.start = str must be the Result\.state of .* Give result\.state, or load_state\(path\)"),
        ({"dt": 0.5}, r"another dt \(0\.1, now 0\.5\)"),
        ({"seed": 3}, r"another seed \(0, now 3\)"),
        ({"engine": "event"}, r"another engine \(clock, now event\)"),
        ({"precision": "single"}, r"another precision \(double, now single\)"),
        ({"network": Network(CELLS)}, r"another network"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_before_anything_is_drawn(wrong, words, monkeypatch):
    state = run_spiking(NET, duration=1.0, engine="clock").state
    monkeypatch.setattr("snnsim.engines.spiking.compile_spiking", lambda *a, **k: pytest.fail("work was done"))
    with pytest.raises(SimulationError, match=words):
        run_spiking(**({"network": NET, "duration": 1.0, "start": state} | wrong))


@pytest.mark.parametrize("engine", ["clock", "auto"])
@pytest.mark.parametrize("t_ref", [2.05, Uniform(low=1.0, high=3.0)])
def test_a_refractory_period_off_the_grid_is_refused_with_its_population(engine, t_ref):
    net = Network(Population("fine", 3, LIF()), Population("odd", 3, LIFAlpha(t_ref=t_ref)))
    remedy = r"Round it," if t_ref == 2.05 else r"Round it \(of a Distribution: step=0\.1\),"
    words = r"^Population\('odd'\)\.model: LIFAlpha\.t_ref = \d\.\d+ ms must be 0 or a multiple .* " + remedy
    with pytest.raises(ParameterError, match=words):
        run_spiking(net, duration=1.0, engine=engine)


def test_a_step_that_a_model_cannot_take_is_refused_before_anything_is_drawn(monkeypatch):
    monkeypatch.setattr("snnsim.engines.spiking.compile_spiking", lambda *a, **k: pytest.fail("work was done"))
    with pytest.raises(ParameterError, match=r"Population\('odd'\)\.model: LIF\.t_ref = 2\.05 ms"):
        run_spiking(Network(Population("odd", 3, LIF(t_ref=2.05))), duration=1.0, engine="clock")


def test_auto_says_that_the_event_engine_leaves_threads_unused():
    two = run_spiking(NET, duration=10.0, threads=2)
    assert two.engine == "event" and two.why.endswith("; it runs on one thread, not on the 2 that were asked for")
    assert "thread" not in run_spiking(NET, duration=10.0).why
    assert "; it runs on one thread" in run_spiking(NET, duration=10.0, threads=2, start=two.state).why


def test_without_record_the_spikes_of_all_but_sources_are_returned():
    assert list(run_spiking(NET, duration=10.0).spikes) == ["cells"]


def test_auto_takes_the_event_engine_for_sparse_activity_and_the_clock_for_dense():
    sparse = run_spiking(NET, duration=10.0)
    assert sparse.engine == "event" and "neuron steps" in sparse.why
    busy = Network(Projection(Population("noise", 50, PoissonSource(rate=1000.0)), Population("cells", 50, LIF()), AllToAll(), weight=0.01))
    assert run_spiking(busy, duration=10.0).engine == "clock"


def test_auto_takes_the_event_engine_for_what_does_not_fit_the_grid_and_says_so():
    odd = Network(Projection(NOISE, CELLS, OneToOne(), weight=16.0, delay=0.123))
    result = run_spiking(odd, duration=10.0)
    assert result.engine == "event" and "delay = 0.123 ms must be a multiple" in result.why


def test_a_continued_run_keeps_its_engine():
    state = run_spiking(NET, duration=10.0, engine="clock").state
    assert run_spiking(NET, duration=10.0, start=state).engine == "clock"


def test_a_model_without_closed_form_runs_on_the_clock_only():
    net = Network(Population("cells", 3, OnlyClock()))
    result = run_spiking(net, duration=100.0)
    assert result.engine == "clock" and "OnlyClock has no closed form" in result.why
    assert len(result.spikes["cells"]) > 0
    with pytest.raises(CompileError, match="OnlyClock has no closed form"):
        run_spiking(net, duration=1.0, engine="event")


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_times_of_a_continued_run_go_on_and_rates_count_the_piece(engine):
    cell = Network(Population("cells", 1, LIF(i_ext=400.0)))
    first = run_spiking(cell, duration=100.0, engine=engine)
    second = run_spiking(cell, duration=50.0, engine=engine, start=first.state)
    assert second.spikes["cells"].times.min() > 100.0
    assert second.spikes["cells"].mean_rate() == len(second.spikes["cells"]) / 0.05


def test_a_population_that_sources_seldom_reach_is_expected_to_be_as_quiet_as_they_are():
    kick = Population("kick", 400, PoissonSource(rate=0.5))
    quiet, driven = Population("quiet", 400, LIF()), Population("driven", 400, LIF(i_ext=400.0))

    def network(post):
        return Network(Projection(kick, post, OneToOne(), weight=20.0), Projection(post, post, FixedProbability(0.25), weight=0.1))

    assert expected_rates(compile_spiking(network(quiet), seed=0, dt=0.1), 1000.0) == [0.5, 0.5]
    assert expected_rates(compile_spiking(network(driven), seed=0, dt=0.1), 1000.0) == [0.5, 10.0]
    assert run_spiking(network(quiet), duration=20.0).engine == "event"
    assert run_spiking(network(driven), duration=20.0).engine == "clock"


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (lambda: PoissonSource(rate=1e30), "PoissonSource.rate = 1e.30 Hz must be <= 1e.09 Hz"),
        (lambda: SpikeArray(times="abc"), "SpikeArray.times = 'abc' must be a number"),
        (lambda: SpikeArray(times=[1.0], indices=[2**63]), "SpikeArray.indices = 9223372036854775808 must be <= 2147483647"),
        (lambda: run_spiking(NET, duration=1.0, record={"cells": 3}), r"record\['cells'\] = 3 must be a list such as"),
        (lambda: LIF(i_ext=1e308, tau_m=1e300), "i_ext . tau_m / c_m must be finite"),
        (lambda: run_spiking(NET, duration=1e20, engine="clock"), "simulate.duration = 1e.20 ms must be at most 9.0072e.15 steps"),
    ],
)
def test_numbers_no_run_could_survive_are_refused(run, text):
    with pytest.raises(ParameterError, match=text):
        run()

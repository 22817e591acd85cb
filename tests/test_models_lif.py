"""LIF and LIFExp against their closed forms, and their parameters."""

import numpy as np
import pytest

from snnsim.connect import OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError, WiringError
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp
from snnsim.models.poisson import PoissonSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection

ENGINES = ("clock", "event")


def one_input(model, engine, weight):
    """One spike at 1 ms with delay 1 ms; returns sample times since its arrival, and v."""
    cell, source = Population("cell", 1, model), Population("source", 1, SpikeArray(times=[1.0]))
    net = Network(Projection(source, cell, OneToOne(), weight=weight, delay=1.0))
    v = run_spiking(net, duration=40.0, engine=engine, record={"cell": ["v"]}).recordings["cell"]["v"]
    return v.times - 2.0, v.values[:, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_delta_psp_is_an_exponential_from_its_arrival(engine):
    t, v = one_input(LIF(v_rest=0.0, v_reset=0.0, v_th=10.0, tau_m=12.0), engine, 3.0)
    expected = np.where(t > -1e-9, 3.0 * np.exp(-np.maximum(t, 0.0) / 12.0), 0.0)
    np.testing.assert_allclose(v, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("tau_exc", "tau_inh", "weight"), [(3.0, 7.0, 50.0), (3.0, 7.0, -50.0), (12.0, 7.0, 50.0), (3.0, 12.0 + 1e-9, -50.0)]
)
def test_a_current_psp_is_a_difference_of_exponentials_also_where_they_meet(engine, tau_exc, tau_inh, weight):
    model = LIFExp(v_rest=0.0, v_reset=0.0, v_th=30.0, tau_m=12.0, tau_syn_exc=tau_exc, tau_syn_inh=tau_inh, c_m=100.0)
    t, v = one_input(model, engine, weight)
    t, tau = np.maximum(t, 0.0), tau_exc if weight > 0 else tau_inh
    if abs(tau - 12.0) < 1e-6:
        expected = weight / 100.0 * t * np.exp(-t / 12.0)
    else:
        expected = weight / 100.0 / (1 / 12.0 - 1 / tau) * (np.exp(-t / tau) - np.exp(-t / 12.0))
    np.testing.assert_allclose(v, expected, rtol=1e-9 if abs(tau - 12.0) < 1e-6 else 1e-12, atol=1e-12)


@pytest.mark.parametrize("model", [LIF, LIFExp])
@pytest.mark.parametrize("i_ext", [160.0, 250.0, 800.0])
def test_the_f_i_curve_of_the_event_engine_is_the_textbook_one(model, i_ext):
    cell = Population("cell", 1, model(i_ext=i_ext, tau_m=20.0, c_m=200.0, t_ref=2.0))
    times = run_spiking(Network(cell), duration=500.0, engine="event").spikes["cell"].times
    period = 2.0 + 20.0 * np.log((i_ext * 0.1) / (i_ext * 0.1 - 15.0))
    np.testing.assert_allclose(np.diff(times), period, rtol=1e-12)
    assert times[0] == pytest.approx(period - 2.0, rel=1e-12)


@pytest.mark.parametrize("model", [LIF, LIFExp])
def test_the_f_i_curve_of_the_clock_engine_is_the_textbook_one_rounded_up_to_steps(model):
    drive = np.linspace(155.0, 900.0, 20)
    cells = Population("cells", 20, model(i_ext=drive, t_ref=2.0))
    spikes = run_spiking(Network(cells), duration=1000.0, engine="clock").spikes["cells"]
    for i, current in enumerate(drive):
        rise = np.ceil(20.0 * np.log(current / (current - 150.0)) / 0.1) * 0.1
        np.testing.assert_allclose(np.diff(spikes.of(i)), rise + 2.0, atol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_delta_input_during_refractoriness_is_lost(engine):
    cell = Population("cell", 1, LIF(t_ref=2.0))
    source = Population("source", 1, SpikeArray(times=[1.0, 2.5, 5.0]))
    net = Network(Projection(source, cell, OneToOne(), weight=16.0))
    times = run_spiking(net, duration=20.0, engine=engine).spikes["cell"].times
    np.testing.assert_allclose(times, [2.0, 6.0])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("second", "expected"), [(3.0, [2.0]), (3.125, [2.0, 4.125])])
def test_delta_input_at_exactly_the_end_of_refractoriness_is_lost_and_any_later_is_not(engine, second, expected):
    cell, source = Population("cell", 1, LIF(t_ref=2.0)), Population("source", 1, SpikeArray(times=[1.0, second]))
    net = Network(Projection(source, cell, OneToOne(), weight=20.0, delay=1.0))
    np.testing.assert_array_equal(run_spiking(net, duration=10.0, engine=engine, dt=0.125).spikes["cell"].times, expected)


def test_a_neuron_due_at_exactly_the_end_of_refractoriness_fires_whatever_arrives_then():
    cell, source = Population("cell", 1, LIF(i_ext=1e30, t_ref=2.0)), Population("source", 1, SpikeArray(times=[1.0, 3.0]))
    net = Network(Projection(source, cell, OneToOne(), weight=-20.0, delay=1.0))
    times = run_spiking(net, duration=7.0, engine="event").spikes["cell"].times
    np.testing.assert_allclose(times, [0.0, 2.0, 4.0, 6.0], atol=1e-20)


@pytest.mark.parametrize("model", [LIF, LIFExp])
@pytest.mark.parametrize("t_ref", [0.04, 0.25, np.array([0.0, 2.0, 0.04])])
def test_a_refractory_period_off_the_grid_is_refused_by_the_clock_and_taken_by_the_event_engine(model, t_ref):
    net = Network(Population("cells", 3, model(t_ref=t_ref, i_ext=600.0)))
    value = np.max(t_ref) if np.ndim(t_ref) == 0 else 0.04
    words = rf"{model.__name__}\.t_ref = {value:g} ms must be 0 or a multiple of dt = 0\.1 ms for the clock engine.* engine=\"event\""
    with pytest.raises(ParameterError, match=words):
        run_spiking(net, duration=1.0, engine="clock", dt=0.1)
    result = run_spiking(net, duration=1.0, dt=0.1)
    assert result.engine == "event"
    assert result.why == f"Population('cells').model: {model.__name__}.t_ref = {value:g} ms must be 0 or a multiple of dt = 0.1 ms"
    fits = Network(Population("cells", 3, model(t_ref=np.array([0.0, 0.1, 2.0]))))
    assert run_spiking(fits, duration=1.0, engine="clock", dt=0.1).engine == "clock"


@pytest.mark.parametrize("engine", ENGINES)
def test_one_value_per_neuron_equals_single_neurons(engine):
    taus = np.array([8.0, 15.0, 30.0])
    together = run_spiking(Network(Population("c", 3, LIF(tau_m=taus, i_ext=500.0))), duration=200.0, engine=engine).spikes["c"]
    for i, tau in enumerate(taus):
        alone = run_spiking(Network(Population("c", 1, LIF(tau_m=tau, i_ext=500.0))), duration=200.0, engine=engine).spikes["c"]
        np.testing.assert_array_equal(together.of(i), alone.times)


@pytest.mark.parametrize("model", [LIF, LIFExp])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tau_m": 0.0}, "tau_m = 0 ms must be > 0 ms"),
        ({"tau_m": float("nan")}, "tau_m = nan ms must be finite"),
        ({"t_ref": -1.0}, "t_ref = -1 ms must be >= 0"),
        ({"c_m": -200.0}, "c_m = -200 pF"),
        ({"v_reset": -50.0}, "v_reset = -50 mV must be < v_th = -50 mV"),
        ({"v_init": -40.0}, "v_init = -40 mV must be < v_th"),
        ({"v_th": "high"}, "v_th = 'high' must be a number"),
    ],
)
def test_a_wrong_parameter_is_refused_with_name_value_and_rule(model, wrong, words):
    with pytest.raises(ParameterError, match=words.replace("(", r"\(")):
        model(**wrong)


def test_an_array_of_another_size_than_the_population_is_refused():
    with pytest.raises(WiringError, match="tau_m has shape"):
        Population("c", 4, LIF(tau_m=np.array([1.0, 2.0])))
    with pytest.raises(WiringError, match=r"holds 3 but must lie in 0 \.\. 2"):
        Population("s", 3, SpikeArray(times=[1.0], indices=[3]))


def test_a_spike_array_refuses_times_that_are_not_positive_and_odd_indices():
    with pytest.raises(ParameterError, match="must be > 0 ms"):
        SpikeArray(times=[0.0, 1.0])
    with pytest.raises(ParameterError, match="one neuron per spike"):
        SpikeArray(times=[1.0, 2.0], indices=[0])
    with pytest.raises(ParameterError, match="whole numbers"):
        SpikeArray(times=[1.0], indices=[0.5])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_spike_array_replays_its_spikes_with_repeats(engine):
    times, indices = np.array([3.0, 1.0, 3.0, 3.0]), np.array([1, 0, 1, 0])
    source = Population("s", 2, SpikeArray(times=times, indices=indices))
    out = run_spiking(Network(source), duration=5.0, engine=engine, record={"s": "spikes"}).spikes["s"]
    np.testing.assert_allclose(out.times, [1.0, 3.0, 3.0, 3.0], rtol=1e-12)
    np.testing.assert_array_equal(out.indices, [0, 0, 1, 1])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rate", [0.0, 8.0, 30_000.0])
def test_a_poisson_source_fires_at_its_rate(engine, rate):
    source = Population("s", 50, PoissonSource(rate=rate))
    n = len(run_spiking(Network(source), duration=200.0, engine=engine, record={"s": ["spikes"]}, seed=5).spikes["s"])
    expected = rate * 0.2 * 50
    assert abs(n - expected) <= 4.0 * np.sqrt(expected)

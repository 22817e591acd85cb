"""IF against its closed form on both engines."""

import numpy as np
import pytest

from snnsim.connect import FromArrays, OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError
from snnsim.kernels.integrate_fire import crossing_line, step_line
from snnsim.models.integrate_fire import IF
from snnsim.models.poisson import PoissonSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection

ENGINES = ("clock", "event")


@pytest.mark.parametrize("i_ext", [20.0, 150.0, 900.0])
def test_the_f_i_curve_is_a_straight_line_in_the_period(i_ext):
    cell = Population("cell", 1, IF(i_ext=i_ext))
    event = run_spiking(Network(cell), duration=1000.0, engine="event").spikes["cell"].times
    rise = 15.0 * 200.0 / i_ext
    np.testing.assert_allclose(np.diff(event), rise + 2.0, rtol=1e-12)
    assert event[0] == pytest.approx(rise, rel=1e-12)
    clock = run_spiking(Network(cell), duration=1000.0, engine="clock", dt=0.125).spikes["cell"].times
    np.testing.assert_array_equal(np.diff(clock), np.ceil(np.round(rise / 0.125, 9)) * 0.125 + 2.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_input_stays_for_good(engine):
    cell, source = Population("cell", 1, IF(v_init=-60.0)), Population("source", 1, SpikeArray(times=[1.0, 5.0]))
    net = Network(Projection(source, cell, OneToOne(), weight=3.0, delay=1.0))
    v = run_spiking(net, duration=9.0, engine=engine, dt=0.5, record={"cell": ["v"]}).recordings["cell"]["v"]
    np.testing.assert_allclose(v.values[:, 0], -60.0 + 3.0 * (v.times >= 2.0) + 3.0 * (v.times >= 6.0), rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_input_during_refractoriness_is_lost(engine):
    cell, source = Population("cell", 1, IF()), Population("source", 1, SpikeArray(times=[1.0, 2.0, 3.0, 3.125]))
    net = Network(Projection(source, cell, OneToOne(), weight=16.0, delay=1.0))
    np.testing.assert_array_equal(run_spiking(net, duration=9.0, engine=engine, dt=0.125).spikes["cell"].times, [2.0, 4.125])


def test_both_engines_agree_on_a_network_whose_input_lies_on_the_grid():
    random = np.random.default_rng(5)
    times = np.sort(random.integers(1, 1600, size=3000)) * 0.125
    source = Population("source", 30, SpikeArray(times=times, indices=random.integers(30, size=3000)))
    cells = Population("cells", 30, IF(v_th=-50.0, v_reset=-58.0, t_ref=0.5))
    wires = FromArrays(random.integers(30, size=200), random.integers(30, size=200))
    # Weights and potentials are multiples of 1/8: no rounding, so the engines must agree bit for bit.
    net = Network(
        Projection(source, cells, OneToOne(), weight=1.125, delay=0.5),
        Projection(cells, cells, wires, weight=random.integers(-8, 12, size=200) / 8, delay=random.integers(1, 9, size=200) / 8),
    )
    clock, event = (run_spiking(net, duration=200.0, engine=engine, dt=0.125).spikes["cells"] for engine in ENGINES)
    assert len(clock) > 200
    np.testing.assert_array_equal(clock.times, event.times)
    np.testing.assert_array_equal(clock.indices, event.indices)


def test_auto_runs_a_large_quiet_population_on_the_event_engine():
    noise = Population("noise", 500, PoissonSource(rate=1.0))
    assert run_spiking(Network(Projection(noise, Population("c", 500, IF()), OneToOne())), duration=20.0).engine == "event"


@pytest.mark.parametrize("crossing", [crossing_line, crossing_line.py_func], ids=["compiled", "python"])
def test_a_line_crosses_where_it_must(crossing):
    assert crossing(-60.0, 2.0, -50.0) == 5.0
    assert crossing(-60.0, 0.0, -50.0) == crossing(-60.0, -1.0, -50.0) == np.inf
    assert crossing(-50.0, -1.0, -50.0) == 0.0


@pytest.mark.parametrize("kernel", [step_line, step_line.py_func], ids=["compiled", "python"])
def test_a_step_counts_the_neurons_that_had_input_and_lists_those_that_fire(kernel):
    form = IF(i_ext=np.array([0.0, 0.0, 2000.0])).clock_form(3, 0.1)
    events, tally = np.zeros((2, 3), dtype=np.int32), np.zeros(3, dtype=np.int64)
    state = form.state.copy()
    assert kernel(0, state, form.coef, np.array([[0.0, 20.0, -1.0]]), np.uint64(0), events, tally) == 1
    assert events[:, 0].tolist() == [1, 1] and tally.tolist() == [2, 1, 0]
    np.testing.assert_array_equal(state, [[-65.0, -65.0, -65.0], [0.0, 20.0, 0.0]])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"v_reset": -50.0}, r"IF\.v_reset = -50 mV must be < v_th = -50 mV: a neuron reset .* Lower v_reset or raise v_th"),
        ({"v_init": -40.0}, r"IF\.v_init = -40 mV must be < v_th"),
        ({"c_m": 0.0}, r"IF\.c_m = 0 pF must be > 0 pF"),
        ({"t_ref": -1.0}, r"IF\.t_ref = -1 ms must be >= 0"),
    ],
)
def test_a_wrong_parameter_is_refused_with_name_value_and_rule(wrong, words):
    with pytest.raises(ParameterError, match=words):
        IF(**wrong)


def test_a_refractory_period_off_the_grid_is_left_to_the_event_engine():
    net = Network(Population("c", 1, IF(t_ref=0.25, i_ext=900.0)))
    with pytest.raises(ParameterError, match=r"IF\.t_ref = 0\.25 ms must be 0 or a multiple of dt = 0\.1 ms"):
        run_spiking(net, duration=1.0, engine="clock")
    assert run_spiking(net, duration=1.0).engine == "event"

"""A source that fires at equal intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError, WiringError
from snnsim.models.regular import RegularSource
from snnsim.network import Network, Population


def run(n, duration, engine, dt=0.1, start=None, **parameters):
    net = Network(Population("source", n, RegularSource(**parameters)))
    return run_spiking(net, duration=duration, engine=engine, dt=dt, record={"source": ["spikes"]}, start=start)


@given(rate=st.floats(0.1, 3000.0), phase=st.floats(1e-6, 1.0))
def test_spikes_fall_on_their_formula(rate, phase):
    times = run(1, 100.0, "event", rate=rate, phase=phase).spikes["source"].times
    wanted = (np.arange(len(times) + 1) + phase) * (1e3 / rate)
    np.testing.assert_array_equal(times, wanted[:-1])
    assert wanted[-1] > 100.0


@given(rate=st.floats(0.1, 30_000.0), phase=st.floats(1e-6, 1.0), dt=st.sampled_from([0.1, 0.25, 1.0]))
def test_a_clock_spike_belongs_to_the_step_that_holds_its_time(rate, phase, dt):
    exact, steps = (run(1, 50.0, engine, dt, rate=rate, phase=phase).spikes["source"].times for engine in ("event", "clock"))
    assert len(steps) == len(exact)
    assert np.all(steps >= exact - 1e-6) and np.all(steps - dt < exact + 1e-6)


@pytest.mark.parametrize("engine", ["event", "clock"])
def test_each_neuron_has_its_own_rate_and_phase(engine):
    result = run(4, 1000.0, engine, rate=np.array([0.0, 10.0, 10.0, 40.0]), phase=np.array([1.0, 1.0, 0.25, 0.5])).spikes["source"]
    assert [int(np.sum(result.indices == i)) for i in range(4)] == [0, 10, 10, 40]
    np.testing.assert_allclose(result.times[result.indices == 2], 25.0 + 100.0 * np.arange(10))
    np.testing.assert_allclose(result.times[result.indices == 3], 12.5 + 25.0 * np.arange(40))


@pytest.mark.parametrize("engine", ["event", "clock"])
def test_a_continued_run_gives_the_same_bits_and_drifts_nowhere(engine):
    given = {"rate": np.array([70.0, 333.0]), "phase": 0.7}
    whole = run(2, 10_000.0, engine, **given).spikes["source"]
    first = run(2, 3700.0, engine, **given)
    second = run(2, 6300.0, engine, start=first.state, **given)
    joined = np.concatenate([first.spikes["source"].times, second.spikes["source"].times])
    np.testing.assert_array_equal(joined, whole.times)
    assert len(whole.times) == 700 + 3330


def test_wrong_values_are_refused():
    for phase in (0.0, 1.5):
        with pytest.raises(ParameterError, match=r"RegularSource\.phase"):
            RegularSource(rate=1.0, phase=phase)
    with pytest.raises(ParameterError, match=r"RegularSource\.rate = -1 Hz must be >= 0"):
        RegularSource(rate=-1.0)
    with pytest.raises(WiringError, match=r"model\.rate has shape \(2,\)"):
        Population("source", 3, RegularSource(rate=[1.0, 2.0]))

"""Izhikevich against NEST, and its fixed points."""

import numpy as np
import pytest
from nest_traces import dc, load, run_steps, steps_of

from snnsim.errors import ParameterError
from snnsim.models.izhikevich import Izhikevich


@pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])
def test_voltage_recovery_and_spikes_are_those_of_nest_to_the_bit(refs, python):
    trace, reference = load(refs, "dc_izhikevich_consistent")
    n = len(trace["t"])
    values, fired = run_steps(Izhikevich(), n, current=dc(reference, n), python=python)
    np.testing.assert_array_equal(fired, steps_of(trace["spikes"]))
    np.testing.assert_array_equal(values, np.stack([trace["V_m"], trace["U_m"]], axis=1))


@pytest.mark.parametrize("i_ext", [0.0, 1.0, 3.0])
def test_it_rests_at_its_fixed_point(i_ext):
    # u = b v there, so 0.04 v^2 + (5 - b) v + 140 + I = 0; the lower root is the stable one.
    v = (-(5.0 - 0.2) - np.sqrt((5.0 - 0.2) ** 2 - 0.16 * (140.0 + i_ext))) / 0.08
    stays, fired = run_steps(Izhikevich(i_ext=i_ext, v_init=v), 1000)
    np.testing.assert_allclose(stays[:, 0], v, rtol=1e-9)
    comes, _ = run_steps(Izhikevich(i_ext=i_ext, v_init=v - 3.0), 20_000)
    np.testing.assert_allclose(comes[-1], [v, 0.2 * v], rtol=1e-6)
    assert fired.size == 0


def test_it_fires_beyond_the_saddle_node_and_not_below():
    # With b = 0 the fixed points meet where 25 = 0.16 (140 + I), and a slow u starts at 0.
    at = 25.0 / 0.16 - 140.0
    cell = {"a": 1e-12, "b": 0.0, "d": 0.0, "v_init": -70.0}
    assert run_steps(Izhikevich(i_ext=at - 0.05, **cell), 20_000)[1].size == 0
    assert run_steps(Izhikevich(i_ext=at + 0.05, **cell), 20_000)[1].size > 0


def test_a_spike_resets_v_to_c_and_lifts_u_by_d():
    inputs = np.zeros((3, 1))
    inputs[1] = 100.0
    values, fired = run_steps(Izhikevich(v_init=-70.0, c=-50.0, d=2.5), 3, inputs=inputs)
    assert fired.tolist() == [2]
    assert values[1, 0] == -50.0
    assert values[1, 1] == pytest.approx(values[0, 1] + 0.1 * 0.02 * (0.2 * values[0, 0] - values[0, 1]) + 2.5, rel=1e-14)


def test_a_reset_above_the_peak_is_refused():
    with pytest.raises(ParameterError, match=r"Izhikevich\.c = 40 mV must be < v_peak = 30 mV"):
        Izhikevich(c=40.0)
    with pytest.raises(ParameterError, match=r"Izhikevich\.a = 0 1/ms must be > 0"):
        Izhikevich(a=0.0)

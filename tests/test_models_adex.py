"""AdEx against NEST's aeif_cond_exp, its rheobase and its linear response."""

import numpy as np
import pytest
from nest_traces import dc, load, run_steps, steps_of

from snnsim.errors import ParameterError
from snnsim.models.adex import AdEx


@pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])
def test_voltage_adaptation_and_spikes_are_those_of_nest(refs, python):
    trace, reference = load(refs, "dc_aeif_cond_exp")
    n = len(trace["t"])
    values, fired = run_steps(AdEx(), n, current=dc(reference, n), python=python)
    np.testing.assert_array_equal(fired, steps_of(trace["spikes"]))
    before = fired[0] - 1
    v, w = np.abs(values[:, 0] - trace["V_m"]), np.abs(values[:, 1] - trace["w"])
    # Measured: 5.5e-5 mV and 7.1e-8 pA up to the first spike, 3.0e-4 mV and 1.5e-6 pA over all five. Against Runge-Kutta in
    # steps of 2.5 us, up to the first spike: 5.2e-5 mV here, 1.1e-4 mV in NEST.
    assert v[:before].max() < 1e-4 and w[:before].max() < 1e-6
    assert v.max() < 1e-3 and w.max() < 1e-5


def test_without_adaptation_it_fires_above_the_rheobase_and_not_below():
    # v' = 0 and dv'/dv = 0 at v = v_th: I = g_leak (v_th - v_rest - delta_t).
    rheobase = 30.0 * (-50.4 + 70.6 - 2.0)
    assert run_steps(AdEx(a=0.0, b=0.0, i_ext=rheobase - 1.0), 20_000)[1].size == 0
    assert run_steps(AdEx(a=0.0, b=0.0, i_ext=rheobase + 1.0), 20_000)[1].size > 0


def test_far_below_threshold_it_rests_where_leak_and_adaptation_balance():
    values, _ = run_steps(AdEx(i_ext=-200.0), 20_000)
    v = -70.6 - 200.0 / (30.0 + 4.0)
    np.testing.assert_allclose(values[-1, :2], [v, 4.0 * (v + 70.6)], rtol=1e-5)


def test_a_conductance_decays_and_pulls_v_towards_its_reversal_potential():
    inputs = np.zeros((100, 2))
    inputs[0] = (1.0, -2.0)
    values, _ = run_steps(AdEx(tau_syn_exc=5.0, tau_syn_inh=10.0), 100, inputs=inputs)
    t = np.arange(100) * 0.1
    np.testing.assert_allclose(values[:, 2], np.exp(-t / 5.0), atol=1e-5)
    np.testing.assert_allclose(values[:, 3], 2.0 * np.exp(-t / 10.0), atol=1e-5)
    assert -70.6 < values[1, 0] < -70.6 + 0.1 * 1.0 * 70.6 / 281.0


def test_refractoriness_lasts_the_rest_of_the_step_and_t_ref():
    values, fired = run_steps(AdEx(i_ext=3000.0, t_ref=1.0), 400)
    for first in fired[:3]:
        np.testing.assert_array_equal(values[first - 1 : first + 10, 0], -60.0)
        assert values[first + 10, 0] > -60.0
    assert np.all(np.diff(fired) > 10)


def test_a_neuron_reset_into_its_upswing_fires_once_per_step_and_comes_to_an_end():
    _, fired = run_steps(AdEx(v_reset=-1.0, b=0.0, i_ext=2000.0), 100)
    assert np.all(np.diff(fired) == 1) and fired.size > 50


def test_a_burst_ends_when_adaptation_wins():
    _, fired = run_steps(AdEx(v_reset=-47.0, i_ext=900.0, tau_w=40.0, b=100.0), 5000)
    gaps = np.diff(fired)
    assert gaps.min() < 50 < 200 < gaps.max()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"v_reset": 0.0}, r"AdEx\.v_reset = 0 mV must be < v_peak = 0 mV"),
        ({"v_th": 10.0}, r"AdEx\.v_th = 10 mV must be < v_peak = 0 mV"),
        ({"delta_t": 0.05}, r"AdEx\.delta_t = 0\.05 mV must be >= \(v_peak - v_th\) / 600: the upswing would overflow"),
        ({"tau_w": 0.0}, r"AdEx\.tau_w = 0 ms must be > 0 ms"),
    ],
)
def test_a_wrong_parameter_is_refused_with_name_value_and_rule(wrong, words):
    with pytest.raises(ParameterError, match=words):
        AdEx(**wrong)


def test_the_steepest_upswing_allowed_still_fires():
    _, fired = run_steps(AdEx(delta_t=0.09, i_ext=1500.0), 500)
    assert fired.size > 1

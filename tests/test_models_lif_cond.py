"""LIFCondExp and LIFCondAlpha against NEST's iaf_cond_exp, their steady state, and the same equations in small steps."""

import numpy as np
import pytest
from nest_traces import error, load, run_like, run_steps, steps_of

from snnsim.errors import ParameterError
from snnsim.models.lif_cond_alpha import LIFCondAlpha
from snnsim.models.lif_cond_exp import LIFCondExp

MODELS = (LIFCondExp, LIFCondAlpha)


def test_voltage_conductances_and_spikes_are_those_of_nest(refs):
    trace, reference = load(refs, "single_iaf_cond_exp_grid")
    p = reference["params"]
    model = LIFCondExp(
        tau_m=p["C_m"] / p["g_L"], v_rest=p["E_L"], v_th=p["V_th"], v_reset=p["V_reset"], t_ref=p["t_ref"], c_m=p["C_m"], i_ext=p["I_e"],
        tau_syn_exc=p["tau_syn_ex"], tau_syn_inh=p["tau_syn_in"], e_rev_exc=p["E_ex"], e_rev_inh=p["E_in"],
    )  # fmt: skip
    result = run_like(trace, reference, model)
    np.testing.assert_array_equal(steps_of(result.spikes["cell"].times), steps_of(trace["spikes"]))
    # Measured: 4.4e-7 mV; 4.7e-6 and 4.9e-9 nS. Conductances are exact here, so that error is that of NEST (tolerance 1e-3).
    assert error(result, trace, "v", "V_m") < 1e-6
    assert error(result, trace, "g_exc", "g_ex") < 1e-5
    assert error(result, trace, "g_inh", "g_in") < 1e-7


def busy(n_steps, refine=1, seed=1):
    """Random input on a grid of 0.1 ms, for steps `refine` times as fine."""
    random = np.random.default_rng(seed)
    coarse = np.stack([random.random(n_steps) < 0.3, random.random(n_steps) < 0.1], axis=1) * np.array([6.0, -9.0])
    fine = np.zeros((n_steps * refine, 2))
    fine[refine - 1 :: refine] = coarse
    return fine


@pytest.mark.parametrize("model", MODELS)
def test_the_scheme_errs_by_picovolts_at_most(model):
    cell = model(v_th=0.0, tau_syn_exc=2.0, tau_syn_inh=5.0)
    v = run_steps(cell, 400, inputs=busy(400))[0][:, 0]
    fine = run_steps(cell, 6400, dt=0.1 / 16, inputs=busy(400, 16))[0][15::16, 0]
    assert np.ptp(v) > 5.0
    # Measured: 5.8e-12 mV (exp), 7.0e-10 mV (alpha).
    assert np.max(np.abs(v - fine)) < 2e-9


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("weight", [1e4, 1e6, 1e9, 1e300])
def test_a_huge_conductance_clamps_v_to_its_reversal_potential_instead_of_blowing_up(model, weight):
    inputs = np.zeros((40, 2))
    inputs[0] = (0.0, -weight)
    v = run_steps(model(), 40, inputs=inputs)[0][:, 0]
    assert np.all(v >= -80.0 - 1e-9) and np.all(v <= -65.0)
    assert v[20] == pytest.approx(-80.0, abs=0.1)


@pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])
@pytest.mark.parametrize("model", MODELS)
def test_under_constant_conductances_v_settles_at_their_weighted_mean(model, python):
    # A synapse this slow is constant for the 20 ms that follow, to 1e-6 of its value.
    cell = model(tau_syn_exc=1e9, tau_syn_inh=1e9, tau_m=2.0, v_th=0.0, i_ext=50.0)
    inputs = np.zeros((600, 2))
    inputs[0] = (30.0, -45.0)
    if model is LIFCondAlpha:
        inputs[0] *= 1e9 / np.e / 10.0  # after 10 ms: 30 and -45 nS, still rising by a line
    values, _ = run_steps(cell, 600, inputs=inputs, python=python)
    v, exc, inh = values[-1]
    leak = cell.g_leak
    mean = (leak * -65.0 + exc * 0.0 + inh * -80.0 + 50.0) / (leak + exc + inh)
    assert exc == pytest.approx(30.0 * (1.0 if model is LIFCondExp else 5.99), rel=1e-6)
    assert v == pytest.approx(mean, abs=1e-6 if model is LIFCondExp else 0.05)


def test_an_alpha_conductance_peaks_at_its_weight_after_tau_syn():
    inputs = np.zeros((200, 2))
    inputs[0] = (2.0, -3.0)
    values, _ = run_steps(LIFCondAlpha(tau_syn_exc=4.0, tau_syn_inh=6.0), 200, inputs=inputs)
    t = np.arange(200) * 0.1
    np.testing.assert_allclose(values[:, 1], 2.0 * t / 4.0 * np.exp(1.0 - t / 4.0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(values[:, 2], 3.0 * t / 6.0 * np.exp(1.0 - t / 6.0), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("model", MODELS)
def test_v_is_held_for_t_ref_while_conductances_decay(model):
    inputs = np.zeros((60, 2))
    inputs[0] = (200.0, 0.0)
    values, fired = run_steps(model(t_ref=1.0), 60, inputs=inputs)
    first = fired[0]
    np.testing.assert_array_equal(values[first - 1 : first + 10, 0], -65.0)
    assert values[first + 10, 0] != -65.0
    assert np.all(np.diff(values[first - 1 : first + 10, 1]) != 0.0)


@pytest.mark.parametrize("model", MODELS)
def test_a_synapse_far_shorter_than_the_step_is_refused(model):
    with pytest.raises(ParameterError, match=r"tau_syn_inh = 1e-05 ms must be >= dt / 1000 = 0.0001 ms.*shorter dt\."):
        model(tau_syn_inh=1e-5).check_step(0.1)
    model(tau_syn_inh=1e-3).check_step(0.1)

"""LIFAlpha against NEST's iaf_psc_alpha and its closed form."""

import numpy as np
import pytest
from nest_traces import error, load, run_like, run_steps, steps_of

from snnsim.models.lif_alpha import LIFAlpha, moment


def test_voltage_currents_and_spikes_are_those_of_nest(refs):
    trace, reference = load(refs, "single_iaf_psc_alpha_grid")
    p = reference["params"]
    model = LIFAlpha(
        tau_m=p["tau_m"], v_rest=p["E_L"], v_th=p["V_th"], v_reset=p["V_reset"], t_ref=p["t_ref"], c_m=p["C_m"], i_ext=p["I_e"],
        tau_syn_exc=p["tau_syn_ex"], tau_syn_inh=p["tau_syn_in"],
    )  # fmt: skip
    result = run_like(trace, reference, model)
    np.testing.assert_array_equal(steps_of(result.spikes["cell"].times), steps_of(trace["spikes"]))
    # Measured: 9e-14 mV, 5e-13 pA.
    assert error(result, trace, "v", "V_m") < 1e-12
    assert error(result, trace, "i_syn_exc", "I_syn_ex") < 1e-11
    assert error(result, trace, "i_syn_inh", "I_syn_in") < 1e-11


def exact(order, t, tau_m, tau_s):
    """The same convolution by Gauss-Legendre quadrature, whose integrand is entire: no cancellation anywhere."""
    x, weight = np.polynomial.legendre.leggauss(60)
    s = 0.5 * t * (x + 1.0)
    return 0.5 * t * np.sum(weight * s**order * np.exp(-s / tau_s - (t - s) / tau_m))


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("t", [0.01, 0.1, 1.0, 8.0])
@pytest.mark.parametrize("tau_s", [0.5, 2.0, 9.0, 10.0 - 1e-7, 10.0, 10.0 + 1e-13, 10.0 + 1e-4, 11.0, 80.0])
def test_the_propagators_hold_where_the_time_constants_meet_and_far_from_there(order, t, tau_s):
    assert moment(order, t, np.array(10.0), np.array(tau_s)) == pytest.approx(exact(order, t, 10.0, tau_s), rel=3e-14)


def test_the_propagators_of_many_neurons_are_those_of_each():
    taus = np.array([0.01, 2.0, 10.0, 10.0 + 1e-9, 500.0])
    for order in (0, 1):
        together = moment(order, 0.1, np.array(10.0), taus)
        assert together.tolist() == [float(moment(order, 0.1, np.array(10.0), np.array(tau))) for tau in taus]


@pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])
@pytest.mark.parametrize(("weight", "tau"), [(50.0, 3.0), (-50.0, 12.0), (-50.0, 12.0 + 1e-9), (50.0, 25.0)])
def test_an_alpha_psp_has_its_closed_form(weight, tau, python):
    model = LIFAlpha(v_rest=0.0, v_reset=0.0, v_th=90.0, tau_m=12.0, c_m=100.0, tau_syn_exc=tau, tau_syn_inh=tau)
    inputs = np.zeros((300, 2))
    inputs[0, 0 if weight > 0.0 else 1] = weight
    values, fired = run_steps(model, 300, inputs=inputs, python=python)
    t = np.arange(300) * 0.1
    current = weight * np.e * t / tau * np.exp(-t / tau)
    np.testing.assert_allclose(values[:, 1 if weight > 0.0 else 2], current, rtol=1e-11, atol=1e-13)
    if abs(tau - 12.0) < 1e-6:
        v = weight * np.e / tau / 100.0 * t**2 / 2.0 * np.exp(-t / 12.0)
        tolerance = 1e-8
    else:
        k = 1.0 / tau - 1.0 / 12.0
        v = weight * np.e / tau / 100.0 * (np.exp(-t / 12.0) - (1.0 + k * t) * np.exp(-t / tau)) / k**2
        tolerance = 1e-10
    np.testing.assert_allclose(values[:, 0], v, rtol=tolerance, atol=1e-12)
    assert fired.size == 0
    assert t[np.argmax(np.abs(current))] == pytest.approx(tau, abs=0.06) and np.max(np.abs(current)) == pytest.approx(50.0, rel=1e-3)

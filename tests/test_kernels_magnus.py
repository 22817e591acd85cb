"""The Magnus scheme against quadrature and an ODE solver: its integrals, its order, stiff membranes and the limit of stiffness."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from snnsim.kernels.magnus import MOST, SHARE, cross_stiff, moments
from snnsim.models.lif_cond_alpha import LIFCondAlpha

DT = 0.1


def coefficients(dt=DT, **parameters):
    return LIFCondAlpha(v_th=0.0, **parameters).clock_form(1, dt).coef


def solved(coef, v, exc, d_exc, inh, d_inh, method="DOP853"):
    """Return v after dt by scipy."""
    drive, g_leak, c_m, e_exc, e_inh, dt, rate_exc, rate_inh = coef[[0, 1, 5, 6, 7, 8, 12, 13], 0]

    def slope(t, y):
        g, f = (exc + d_exc * t) * np.exp(-rate_exc * t), (inh + d_inh * t) * np.exp(-rate_inh * t)
        return (drive - g_leak * y + g * (e_exc - y) + f * (e_inh - y)) / c_m

    return solve_ivp(slope, (0.0, dt), [v], method=method, rtol=1e-12, atol=1e-12).y[0, -1]


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.02, 0.5])
def test_moments_are_the_integrals_they_name(x):
    weights = (lambda u: 1.0, lambda u: u - 0.5, lambda u: (u - 0.5) ** 2 - 1.0 / 12.0)
    exact = [quad(lambda u, w=w, k=k: w(u) * u**k * np.exp(-x * u), 0.0, 1.0, epsabs=1e-14)[0] for k in (0, 1) for w in weights]
    np.testing.assert_allclose(moments(x), exact, rtol=0.0, atol=2e-15)


def rk4(rates, v, dt):
    """Return v after a step of the classical Runge-Kutta scheme; rates(t) : b, a of v' = b - a v."""
    (b0, a0), (b, a), (b1, a1) = rates(0.0), rates(0.5 * dt), rates(dt)
    k1 = b0 - a0 * v
    k2 = b - a * (v + 0.5 * dt * k1)
    k3 = b - a * (v + 0.5 * dt * k2)
    return v + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + b1 - a1 * (v + dt * k3))


def test_a_step_errs_far_less_than_one_of_rk4_or_of_exponential_euler():
    # The network of the coba benchmark: 0.13 is its mean conductance times dt / c_m.
    coef = coefficients(v_rest=-60.0, i_ext=200.0)
    drive, g_leak, c_m, e_exc, e_inh = coef[[0, 1, 5, 6, 7], 0]
    random, worst = np.random.default_rng(1), np.zeros(3)
    for _ in range(50):
        g, v = np.array(random.dirichlet([1.0, 1.0])) * 0.13 * c_m / DT, random.uniform(-80.0, -50.0)

        def rates(t, g=g):
            exc, inh = g * np.exp(-t * coef[12:14, 0])
            return (drive + exc * e_exc + inh * e_inh) / c_m, (g_leak + exc + inh) / c_m

        b, a = rates(0.0)
        ours = cross_stiff(v, g[0], 0.0, g[1], 0.0, coef, 0)
        steps = np.array([ours, rk4(rates, v, DT), b / a + (v - b / a) * np.exp(-a * DT)])
        worst = np.maximum(worst, np.abs(steps - solved(coef, v, g[0], 0.0, g[1], 0.0)))
    # Measured: 3.1e-11, 2.3e-5 and 7.7e-2 mV.
    assert worst[0] < 1e-10 and worst[1] > 1e-5 and worst[2] > 1e-2


@pytest.mark.parametrize("rise", [0.0, 8.0])
def test_the_error_falls_with_the_sixth_power_of_the_step(rise):
    whole = coefficients(1.0, tau_syn_exc=2.0, tau_syn_inh=5.0)
    start = (-62.0, 30.0, rise, 45.0, rise)
    exact, errors = solved(whole, *start), []
    for n in (2, 4, 8):
        coef, (v, exc, d_exc, inh, d_inh) = coefficients(1.0 / n, tau_syn_exc=2.0, tau_syn_inh=5.0), start
        for _ in range(n):
            v = cross_stiff(v, exc, d_exc, inh, d_inh, coef, 0)
            exc, inh = (exc + d_exc / n) * coef[10, 0], (inh + d_inh / n) * coef[11, 0]
            d_exc, d_inh = d_exc * coef[10, 0], d_inh * coef[11, 0]
        errors.append(abs(v - exact))
    assert errors[0] < 1e-7
    assert errors[1] < errors[0] / 45.0
    assert errors[2] < max(errors[1] / 45.0, 3e-12)


@pytest.mark.parametrize("taus", [(5.0, 10.0), (0.3, 2.0), (0.03, 0.07)])
@pytest.mark.parametrize("share", [0.2, 1.0, 30.0, 3e3])
def test_a_step_under_any_conductance_is_that_of_a_solver(taus, share):
    """share : of dt times the total conductance over c_m"""
    coef = coefficients(tau_syn_exc=taus[0], tau_syn_inh=taus[1])
    random = np.random.default_rng(5)
    for _ in range(6):
        parts, v = random.dirichlet([1.0, 1.0, 1.0, 1.0]) * share * coef[5, 0] / DT, random.uniform(-80.0, -50.0)
        state = (v, parts[0], parts[1] / DT, parts[2], parts[3] / DT)
        # Measured: at most 2e-7 mV, for pieces of half of tau_syn.
        assert cross_stiff(*state, coef, 0) == pytest.approx(solved(coef, *state, method="Radau" if share > 100 else "DOP853"), abs=1e-6)


@pytest.mark.parametrize("rise", [0.0, 1.0])
def test_past_the_most_pieces_v_follows_its_equilibrium_as_closely(rise):
    coef = coefficients(tau_syn_exc=0.5, tau_syn_inh=3.0)
    edge = SHARE * MOST * coef[5, 0] / DT
    for total in (0.999 * edge, 1.001 * edge):
        start = (-55.0, 0.3 * total, rise * total, 0.7 * total, 0.0)
        assert cross_stiff(*start, coef, 0) == pytest.approx(solved(coef, *start, method="Radau"), abs=1e-6)
    below, above = (cross_stiff(-55.0, 0.3 * g, 0.0, 0.7 * g, 0.0, coef, 0) for g in (0.9999 * edge, 1.0001 * edge))
    assert below == pytest.approx(above, abs=1e-6)

"""Hodgkin-Huxley neurons with alpha currents: currents in closed form, v and the gates by RKF45."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.rkf45 import in_double, scheme
from snnsim.kernels.threshold import count_driven

# From exp(-(v + 65) / 10) to the potentials where m, h and n switch: -40, -35 and -55 mV.
_AT_M, _AT_H, _AT_N = float(np.exp(2.5)), float(np.exp(3.0)), float(np.exp(1.0))


@leaf_inline
def _ramp(x, fall):
    """Return x / (1 - fall) for fall = exp(-x), to 1e-11: where that cancels, by the first terms of its series."""
    return 1.0 + 0.5 * x if abs(x) < 1e-5 else x / (1.0 - fall)


@leaf
def rates(v):
    """Return alpha and beta (1 / ms) of the gates m, h and n at v (mV)."""
    # Five of the six exponentials are powers of one. Their evaluation is most of the time of this model.
    n_fall = np.exp((v + 65.0) * (-1.0 / 80.0))
    squared = n_fall * n_fall
    h_fall = squared * squared
    fall = h_fall * h_fall  # exp(-(v + 65) / 10)
    alpha_m, beta_m = _ramp((v + 40.0) * 0.1, fall * _AT_M), 4.0 * np.exp((v + 65.0) * (-1.0 / 18.0))
    alpha_h, beta_h = 0.07 * h_fall, 1.0 / (1.0 + fall * _AT_H)
    alpha_n, beta_n = 0.1 * _ramp((v + 55.0) * 0.1, fall * _AT_N), 0.125 * n_fall
    return alpha_m, beta_m, alpha_h, beta_h, alpha_n, beta_n


@leaf
def slope_hh(t, y, p):
    """Return the slopes of v (mV) and of the gates m, h, n at t ms into a step of the clock.

    p : c_m, g_na, g_k, g_leak, e_na, e_k, v_leak, i_ext, then for exc and inh: i (pA), d (pA / ms) at t = 0, 1 / tau_syn
    """
    c_m, g_na, g_k, g_leak, e_na, e_k, v_leak, i_ext, exc, d_exc, a_exc, inh, d_inh, a_inh = p
    v, m, h, n = y
    alpha_m, beta_m, alpha_h, beta_h, alpha_n, beta_n = rates(v)
    synapses = (exc + d_exc * t) * np.exp(-a_exc * t) + (inh + d_inh * t) * np.exp(-a_inh * t)
    squared = n * n
    channels = g_na * m * m * m * h * (v - e_na) + g_k * squared * squared * (v - e_k) + g_leak * (v - v_leak)
    return (
        (i_ext + synapses - channels) / c_m,
        alpha_m * (1.0 - m) - beta_m * m,
        alpha_h * (1.0 - h) - beta_h * h,
        alpha_n * (1.0 - n) - beta_n * n,
    )


_take_step = scheme(slope_hh)


@kernel_with(CLOCK_STEP)
def step_hh(step, state, coef, inputs, key, events, tally):
    """One step of dt. A neuron fires in the step in which v, at 0 mV or more, has begun to fall, unless refractory.

    state : v (mV), m, h, n, i_syn_exc, i_syn_inh (pA), their d (pA / ms), updates still refractory, step of the scheme (ms)
    coef : c_m, g_na, g_k, g_leak, e_na, e_k, v_leak, i_ext, 1 / tau_syn for exc and inh, exp(-dt / tau_syn) for both, refractory
        updates, dt
    """
    exc, inh, d_exc, d_inh, left, scheme = state[4], state[5], state[6], state[7], state[8], state[9]
    per_neuron = coef.shape[1] > 1
    dt = coef[13, 0]
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(left.size):
        c = i if per_neuron else 0
        p = (
            coef[0, c], coef[1, c], coef[2, c], coef[3, c], coef[4, c], coef[5, c], coef[6, c], coef[7, c],
            exc[i], d_exc[i], coef[8, c], inh[i], d_inh[i], coef[9, c],
        )  # fmt: skip
        was, y, t, h = state[0, i], in_double(state, i), 0.0, np.float64(scheme[i])
        while t < dt:
            t, h, y = _take_step(t, dt, h, y, p)
        state[0, i], state[1, i], state[2, i], state[3, i] = y
        scheme[i] = h
        exc[i] = (exc[i] + d_exc[i] * dt) * coef[10, c]
        inh[i] = (inh[i] + d_inh[i] * dt) * coef[11, c]
        d_exc[i] = d_exc[i] * coef[10, c] + inputs[0, i] * np.e * coef[8, c]
        d_inh[i] = d_inh[i] * coef[11, c] + inputs[1, i] * np.e * coef[9, c]
        if left[i] > 0.0:
            left[i] -= 1.0
        elif y[0] >= 0.0 and was > y[0]:
            left[i] = coef[12, c]
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
    return n_spiking

"""Adaptive exponential integrate-and-fire neurons with exponential conductances, by RKF45."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.rkf45 import in_double, scheme
from snnsim.kernels.threshold import count_driven


@leaf
def slope_adex(t, y, p):
    """Return the slopes of v (mV), w (pA), g_exc, g_inh (nS). v acts as no more than v_peak, so that the upswing stays finite.

    p : hold (1 while refractory: v stays at v_reset), c_m, g_leak, v_rest, v_th, delta_t, v_peak, v_reset, a, tau_w, i_ext,
        e_rev_exc, e_rev_inh, tau_syn_exc, tau_syn_inh
    """
    hold, c_m, g_leak, v_rest, v_th, delta_t, v_peak, v_reset, a, tau_w, i_ext, e_exc, e_inh, tau_exc, tau_inh = p
    v = v_reset if hold > 0.0 else min(y[0], v_peak)
    current = g_leak * delta_t * np.exp((v - v_th) / delta_t) - g_leak * (v - v_rest)
    current += i_ext - y[1] - y[2] * (v - e_exc) - y[3] * (v - e_inh)
    return (0.0 if hold > 0.0 else current / c_m), (a * (v - v_rest) - y[1]) / tau_w, -y[2] / tau_exc, -y[3] / tau_inh


_take_step = scheme(slope_adex)


@kernel_with(CLOCK_STEP)
def step_adex(step, state, coef, inputs, key, events, tally):
    """One step of dt. A spike resets v within the step, between two steps of the scheme; a neuron spikes once per step at most.

    state : v (mV), w (pA), g_exc, g_inh (nS), updates still refractory, step of the scheme (ms)
    coef : `slope_adex` from c_m on, then b, refractory updates, dt
    """
    left, scheme = state[4], state[5]
    per_neuron = coef.shape[1] > 1
    dt = coef[16, 0]
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(left.size):
        c = i if per_neuron else 0
        v_peak, v_reset = np.float64(coef[5, c]), np.float64(coef[6, c])
        y, t, h, fired = in_double(state, i), 0.0, np.float64(scheme[i]), False
        while t < dt:
            hold = 1.0 if left[i] > 0.0 else 0.0
            p = (
                hold, coef[0, c], coef[1, c], coef[2, c], coef[3, c], coef[4, c], v_peak, v_reset, coef[7, c], coef[8, c],
                coef[9, c], coef[10, c], coef[11, c], coef[12, c], coef[13, c],
            )  # fmt: skip
            t, h, y = _take_step(t, dt, h, y, p)
            if left[i] > 0.0:
                y = (v_reset, y[1], y[2], y[3])
            elif y[0] >= v_peak and fired:
                # It fires again at once in the next step. Else a neuron reset into the upswing might never reach that.
                y = (v_peak, y[1], y[2], y[3])
            elif y[0] >= v_peak:
                y = (v_reset, y[1] + coef[14, c], y[2], y[3])
                # The rest of this step, and t_ref from its end.
                left[i] = coef[15, c] + 1.0 if coef[15, c] > 0.0 else 0.0
                fired = True
                events[0, n_spiking], events[1, n_spiking] = i, 1
                n_spiking += 1
        left[i] = max(left[i] - 1.0, 0.0)
        state[0, i], state[1, i], state[2, i], state[3, i] = y[0], y[1], y[2] + inputs[0, i], y[3] - inputs[1, i]
        scheme[i] = h
    return n_spiking

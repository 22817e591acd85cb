"""Leaky integrate-and-fire neurons with synaptic conductances: conductances in closed form, v by classical Runge-Kutta.

c_m v' = g_leak (v_rest - v) + g_exc (e_rev_exc - v) + g_inh (e_rev_inh - v) + i_ext. Between inputs the conductances are known
at any time, so the Runge-Kutta scheme of order 4 (RK4) has one variable, v. Its steps divide dt so that none is longer than
a quarter of the fastest time constant: those of the synapses and, at each step anew, c_m over the total conductance.
Source: Hairer, Norsett & Wanner (1993), Solving ODEs I, table II.1.2, for the scheme.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven, fire

#: Longest step of the scheme in units of the fastest time constant.
SHARE = 0.25


@leaf_inline
def _pull(exc, inh, coef, c):
    """Return (a, b) of v' = b - a v under these conductances."""
    c_m = coef[5, c]
    return (coef[1, c] + exc + inh) / c_m, (coef[0, c] + exc * coef[6, c] + inh * coef[7, c]) / c_m


@leaf_inline
def _climb(v, start, middle, end, h):
    """Return v after one RK4 step of h ms of v' = b - a v, from (a, b) at its start, middle and end."""
    k1 = start[1] - start[0] * v
    k2 = middle[1] - middle[0] * (v + 0.5 * h * k1)
    k3 = middle[1] - middle[0] * (v + 0.5 * h * k2)
    k4 = end[1] - end[0] * (v + h * k3)
    return v + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


@leaf_inline
def _pieces(total, dt, least, c_m):
    """Return in how many steps of the scheme to cross dt, at least `least`, under a conductance of at most `total`."""
    return max(least, 1 + int(dt * total / (SHARE * c_m)))


@kernel_with(CLOCK_STEP)
def step_cond_exp(step, state, coef, inputs, key, events, tally):
    """One step of LIF with exponential conductances. Input arriving at the end of the step acts from the next one on.

    state : v (mV), g_exc, g_inh (nS), updates still refractory
    coef : g_leak v_rest + i_ext, g_leak, v_th, v_reset, refractory updates, c_m, e_rev_exc, e_rev_inh, dt, least pieces,
        then for exc and inh: exp(-dt / tau_syn), exp(-(half a least piece) / tau_syn), 1 / tau_syn
    """
    v, exc, inh, left = state[0], state[1], state[2], state[3]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    for i in range(v.size):
        c = i if per_neuron else 0
        if left[i] > 0.0:
            left[i] -= 1.0
        else:
            dt, least = coef[8, c], int(coef[9, c])
            n = _pieces(coef[1, c] + exc[i] + inh[i], dt, least, coef[5, c])
            h = dt / n
            fade_exc = coef[11, c] if n == least else np.exp(-0.5 * h * coef[12, c])
            fade_inh = coef[14, c] if n == least else np.exp(-0.5 * h * coef[15, c])
            g_exc, g_inh, u = exc[i], inh[i], v[i]
            start = _pull(g_exc, g_inh, coef, c)
            for _ in range(n):
                g_exc, g_inh = g_exc * fade_exc, g_inh * fade_inh
                middle = _pull(g_exc, g_inh, coef, c)
                g_exc, g_inh = g_exc * fade_exc, g_inh * fade_inh
                end = _pull(g_exc, g_inh, coef, c)
                u = _climb(u, start, middle, end, h)
                start = end
            v[i] = u
        exc[i] = exc[i] * coef[10, c] + inputs[0, i]
        inh[i] = inh[i] * coef[13, c] - inputs[1, i]
    return fire(v, left, coef[2:5], events)


@kernel_with(CLOCK_STEP)
def step_cond_alpha(step, state, coef, inputs, key, events, tally):
    """One step of LIF with alpha conductances, as `step_cond_exp`; g' = d - g / tau_syn, d' = -d / tau_syn.

    state : v (mV), g_exc, g_inh (nS), their d (nS / ms), updates still refractory
    coef : as `step_cond_exp`, then e / tau_syn for exc and inh
    """
    v, exc, inh, d_exc, d_inh, left = state[0], state[1], state[2], state[3], state[4], state[5]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    for i in range(v.size):
        c = i if per_neuron else 0
        dt = coef[8, c]
        if left[i] > 0.0:
            left[i] -= 1.0
        else:
            # No conductance of this step exceeds g + d dt.
            n = _pieces(coef[1, c] + exc[i] + inh[i] + (d_exc[i] + d_inh[i]) * dt, dt, int(coef[9, c]), coef[5, c])
            half, u = 0.5 * dt / n, v[i]
            fade_exc = coef[11, c] if n == int(coef[9, c]) else np.exp(-half * coef[12, c])
            fade_inh = coef[14, c] if n == int(coef[9, c]) else np.exp(-half * coef[15, c])
            g_exc, g_inh, rise_exc, rise_inh = exc[i], inh[i], d_exc[i], d_inh[i]
            start = middle = end = _pull(g_exc, g_inh, coef, c)
            for k in range(2 * n):
                g_exc, g_inh = (g_exc + rise_exc * half) * fade_exc, (g_inh + rise_inh * half) * fade_inh
                rise_exc, rise_inh = rise_exc * fade_exc, rise_inh * fade_inh
                if k % 2 == 0:
                    middle = _pull(g_exc, g_inh, coef, c)
                else:
                    end = _pull(g_exc, g_inh, coef, c)
                    u = _climb(u, start, middle, end, 2.0 * half)
                    start = end
            v[i] = u
        exc[i] = (exc[i] + d_exc[i] * dt) * coef[10, c]
        inh[i] = (inh[i] + d_inh[i] * dt) * coef[13, c]
        d_exc[i] = d_exc[i] * coef[10, c] + inputs[0, i] * coef[16, c]
        d_inh[i] = d_inh[i] * coef[13, c] - inputs[1, i] * coef[17, c]
    return fire(v, left, coef[2:5], events)

"""Leaky integrate-and-fire neurons with alpha currents: exact steps on a grid.

A current obeys i' = d - i / tau, d' = -d / tau. Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381, section 3.2.
"""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven, fire


@leaf_inline
def _climb(v, left, rise, v_inf, decay):
    """Return (v, updates still refractory) after one step. No branch: the loops over it vectorise."""
    free = left <= 0.0
    return (v_inf + (v - v_inf) * decay + rise if free else v), (left if free else left - 1.0)


@leaf_inline
def _flow(i, d, arriving, dt, fade, peak):
    """Return a current and its d after one step."""
    return (i + d * dt) * fade, d * fade + arriving * peak


@kernel_with(CLOCK_STEP)
def step_alpha(step, state, coef, inputs, key, events, tally):
    """One step of LIF with alpha currents. Input arriving at the end of the step acts from the next one on.

    state : v (mV), i_syn_exc, i_syn_inh (pA), their d (pA / ms), updates still refractory
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates, then for exc and inh: mV per pA, mV per pA / ms,
        exp(-dt / tau_syn), e / tau_syn; last dt
    """
    v, exc, inh, d_exc, d_inh, left = state[0], state[1], state[2], state[3], state[4], state[5]
    plus, minus, dt = inputs[0], inputs[1], coef[13, 0]
    count_driven(inputs, tally)
    if coef.shape[1] > 1:
        for i in range(v.size):
            rise = exc[i] * coef[5, i] + d_exc[i] * coef[6, i] + inh[i] * coef[9, i] + d_inh[i] * coef[10, i]
            v[i], left[i] = _climb(v[i], left[i], rise, coef[0, i], coef[1, i])
            exc[i], d_exc[i] = _flow(exc[i], d_exc[i], plus[i], dt, coef[7, i], coef[8, i])
            inh[i], d_inh[i] = _flow(inh[i], d_inh[i], minus[i], dt, coef[11, i], coef[12, i])
    else:
        v_inf, decay = coef[0, 0], coef[1, 0]
        by_exc, by_d_exc, fade_exc, peak_exc = coef[5, 0], coef[6, 0], coef[7, 0], coef[8, 0]
        by_inh, by_d_inh, fade_inh, peak_inh = coef[9, 0], coef[10, 0], coef[11, 0], coef[12, 0]
        for i in range(v.size):
            rise = exc[i] * by_exc + d_exc[i] * by_d_exc + inh[i] * by_inh + d_inh[i] * by_d_inh
            v[i], left[i] = _climb(v[i], left[i], rise, v_inf, decay)
            exc[i], d_exc[i] = _flow(exc[i], d_exc[i], plus[i], dt, fade_exc, peak_exc)
            inh[i], d_inh[i] = _flow(inh[i], d_inh[i], minus[i], dt, fade_inh, peak_inh)
    return fire(v, left, coef[2:5], events)

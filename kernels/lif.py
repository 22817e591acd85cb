"""Leaky integrate-and-fire neurons: exact steps on a grid.

With a = 1 / tau, a neuron obeys v' = -a_m (v - v_inf) + (i_exc + i_inh) / c_m, and each current i' = -a_syn i.
Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381.
"""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import fire


@leaf_inline
def _lift(v, left, delta, v_inf, decay):
    """Return (v, updates still refractory) after one step of one neuron. No branch: the loops over it vectorise."""
    free = left <= 0.0
    return (v_inf + (v - v_inf) * decay + delta if free else v), (left if free else left - 1.0)


@kernel_with(CLOCK_STEP)
def step_delta(step, state, coef, inputs, key, events, tally):
    """One step of LIF with delta synapses: decay, add input, test; all input is lost while refractory.

    state : v (mV), updates still refractory
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates
    """
    v, left, delta = state[0], state[1], inputs[0]
    driven = 0
    for i in range(v.size):
        driven += delta[i] != 0.0
    if coef.shape[1] > 1:
        for i in range(v.size):
            v[i], left[i] = _lift(v[i], left[i], delta[i], coef[0, i], coef[1, i])
    else:
        v_inf, decay = coef[0, 0], coef[1, 0]
        for i in range(v.size):
            v[i], left[i] = _lift(v[i], left[i], delta[i], v_inf, decay)
    tally[0] += driven
    tally[1] += v.size - driven
    return fire(v, left, coef[2:5], events)


@leaf_inline
def _drive(v, left, exc, inh, v_inf, decay, gain_exc, gain_inh):
    """Return (v, updates still refractory) after one step under exponential currents. No branch, as `_lift`."""
    free = left <= 0.0
    return (v_inf + (v - v_inf) * decay + (exc * gain_exc + inh * gain_inh) if free else v), (left if free else left - 1.0)


@kernel_with(CLOCK_STEP)
def step_exp(step, state, coef, inputs, key, events, tally):
    """One step of LIF with exponential currents. Input arriving at the end of the step acts from the next one on.

    state : v (mV), i_syn_exc, i_syn_inh (pA), updates still refractory
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates, then for exc and inh: mV per pA, decay of the current
    """
    v, exc, inh, left = state[0], state[1], state[2], state[3]
    plus, minus = inputs[0], inputs[1]
    driven = 0
    for i in range(v.size):
        driven += (plus[i] != 0.0) | (minus[i] != 0.0)
    if coef.shape[1] > 1:
        for i in range(v.size):
            v[i], left[i] = _drive(v[i], left[i], exc[i], inh[i], coef[0, i], coef[1, i], coef[5, i], coef[7, i])
            exc[i] = exc[i] * coef[6, i] + plus[i]
            inh[i] = inh[i] * coef[8, i] + minus[i]
    else:
        v_inf, decay, gain_exc, fade_exc = coef[0, 0], coef[1, 0], coef[5, 0], coef[6, 0]
        gain_inh, fade_inh = coef[7, 0], coef[8, 0]
        for i in range(v.size):
            v[i], left[i] = _drive(v[i], left[i], exc[i], inh[i], v_inf, decay, gain_exc, gain_inh)
            exc[i] = exc[i] * fade_exc + plus[i]
            inh[i] = inh[i] * fade_inh + minus[i]
    tally[0] += driven
    tally[1] += v.size - driven
    return fire(v, left, coef[2:5], events)

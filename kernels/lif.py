"""Leaky integrate-and-fire neurons: exact steps on a grid.

With a = 1 / tau, a neuron obeys v' = -a_m (v - v_inf) + (i_exc + i_inh) / c_m, and each current i' = -a_syn i. Every v takes
the step, in a loop without a branch; the few refractory ones are then put back.
Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381.
"""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import fire, hold, release


@leaf_inline
def relax(v, v_inf, decay):
    """Return v after one step without input."""
    return v_inf + (v - v_inf) * decay


@kernel_with(CLOCK_STEP)
def step_delta(step, state, coef, inputs, key, events, tally):
    """One step of LIF with delta synapses: decay, add input, test; all input is lost while refractory.

    state : v (mV), updates still refractory, refractory neurons
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates
    """
    v, delta = state[0], inputs[0]
    driven = 0
    for i in range(v.size):
        driven += delta[i] != 0.0
    if coef.shape[1] > 1:
        for i in range(v.size):
            v[i] = relax(v[i], coef[0, i], coef[1, i]) + delta[i]
    else:
        v_inf, decay = coef[0, 0], coef[1, 0]
        for i in range(v.size):
            v[i] = relax(v[i], v_inf, decay) + delta[i]
    tally[0] += driven
    tally[1] += v.size - driven
    n_held = release(v, state[1], state[2], coef[2:5])
    n_spiking = fire(v, state[1], coef[2:5], events)
    hold(state[1], state[2], n_held, events, n_spiking)
    return n_spiking


@leaf_inline
def drive(v, exc, inh, v_inf, decay, gain_exc, gain_inh):
    """Return v after one step under exponential currents."""
    return relax(v, v_inf, decay) + (exc * gain_exc + inh * gain_inh)


@leaf_inline
def _flow(v, exc, inh, coef):
    """Take one step of every v and current without input."""
    if coef.shape[1] > 1:
        for i in range(v.size):
            v[i] = drive(v[i], exc[i], inh[i], coef[0, i], coef[1, i], coef[5, i], coef[7, i])
            exc[i] *= coef[6, i]
            inh[i] *= coef[8, i]
    else:
        v_inf, decay, gain_exc, fade_exc = coef[0, 0], coef[1, 0], coef[5, 0], coef[6, 0]
        gain_inh, fade_inh = coef[7, 0], coef[8, 0]
        for i in range(v.size):
            v[i] = drive(v[i], exc[i], inh[i], v_inf, decay, gain_exc, gain_inh)
            exc[i] *= fade_exc
            inh[i] *= fade_inh


@kernel_with(CLOCK_STEP)
def step_exp(step, state, coef, inputs, key, events, tally):
    """One step of LIF with exponential currents. Input arriving at the end of the step acts from the next one on.

    state : v (mV), i_syn_exc, i_syn_inh (pA), updates still refractory, refractory neurons
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates, then for exc and inh: mV per pA, decay of the current
    inputs : no columns where the driver adds the input to the currents
    """
    v, exc, inh = state[0], state[1], state[2]
    _flow(v, exc, inh, coef)
    if inputs.shape[1] > 0:
        plus, minus, driven = inputs[0], inputs[1], 0
        for i in range(v.size):
            exc[i] += plus[i]
            inh[i] += minus[i]
            driven += (plus[i] != 0.0) | (minus[i] != 0.0)
        tally[0] += driven
        tally[1] += v.size - driven
    n_held = release(v, state[3], state[4], coef[2:5])
    n_spiking = fire(v, state[3], coef[2:5], events)
    hold(state[3], state[4], n_held, events, n_spiking)
    return n_spiking

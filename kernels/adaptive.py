"""Leaky integrate-and-fire neurons with an adaptation current and a moving threshold: exact steps on a grid."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven


@kernel_with(CLOCK_STEP)
def step_adaptive(step, state, coef, inputs, key, events, tally):
    """One step of adaptive LIF with delta synapses: decay, add input, test; all input is lost while refractory.

    state : v (mV), w (pA), theta (mV), updates still refractory
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates, mV per pA of w, exp(-dt / tau_w), b, exp(-dt / tau_theta), q
    """
    v, w, theta, left, delta = state[0], state[1], state[2], state[3], inputs[0]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        free = left[i] <= 0.0
        if free:
            v[i] = coef[0, c] + (v[i] - coef[0, c]) * coef[1, c] - w[i] * coef[5, c] + delta[i]
        else:
            left[i] -= 1.0
        w[i] *= coef[6, c]
        theta[i] *= coef[8, c]
        if free and v[i] >= coef[2, c] + theta[i]:
            v[i], left[i] = coef[3, c], coef[4, c]
            w[i] += coef[7, c]
            theta[i] += coef[9, c]
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
    return n_spiking

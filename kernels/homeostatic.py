"""Leaky integrate-and-fire neurons whose threshold falls steadily and jumps at spikes: exact steps on a grid."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven


@kernel_with(CLOCK_STEP)
def step_homeostatic(step, state, coef, inputs, key, events, tally):
    """One step: decay, add input, let the threshold fall, test; all input is lost while refractory.

    state : v (mV), theta (mV), updates still refractory
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates, jump of theta, its fall in a step, its lowest value
    """
    v, theta, left, delta = state[0], state[1], state[2], inputs[0]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        free = left[i] <= 0.0
        if free:
            v[i] = coef[0, c] + (v[i] - coef[0, c]) * coef[1, c] + delta[i]
        else:
            left[i] -= 1.0
        theta[i] = max(theta[i] - coef[6, c], coef[7, c])
        if free and v[i] >= coef[2, c] + theta[i]:
            v[i], left[i] = coef[3, c], coef[4, c]
            theta[i] += coef[5, c]
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
    return n_spiking

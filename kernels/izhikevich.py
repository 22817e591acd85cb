"""Izhikevich neurons by the forward Euler scheme, both variables from the values at the start of the step."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven


@kernel_with(CLOCK_STEP)
def step_izhikevich(step, state, coef, inputs, key, events, tally):
    """One forward Euler step, add input, test.

    state : v (mV), u (mV / ms)
    coef : a, b, c, d, v_peak, i_ext, dt
    """
    v, u, delta = state[0], state[1], inputs[0]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for k in range(v.size):
        c = k if per_neuron else 0
        dt, was = coef[6, c], v[k]
        v[k] = was + dt * (0.04 * was * was + 5.0 * was + 140.0 - u[k] + coef[5, c]) + delta[k]
        u[k] += dt * coef[0, c] * (coef[1, c] * was - u[k])
        if v[k] >= coef[4, c]:
            v[k] = coef[2, c]
            u[k] += coef[3, c]
            events[0, n_spiking], events[1, n_spiking] = k, 1
            n_spiking += 1
    return n_spiking

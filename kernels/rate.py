"""The neuron of rate-coded conversions: add up, compare, reset in the same step."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven

SUBTRACT, ZERO, NONE = 0, 1, 2


@kernel_with(CLOCK_STEP)
def step_rate(step, state, coef, inputs, key, events, tally):
    """One step of `RateNeuron`.

    state : v; coef : beta, v_th, mode of reset, i_ext
    """
    v, x = state[0], inputs[0]
    per_neuron, mode = coef.shape[1] > 1, int(coef[2, 0])
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        u = coef[0, c] * v[i] + (x[i] + coef[3, c])
        if u >= coef[1, c] and mode != NONE:
            u = u - coef[1, c] if mode == SUBTRACT else 0.0
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
        v[i] = u
    return n_spiking

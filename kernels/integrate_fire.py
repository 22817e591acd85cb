"""Non-leaky integrate-and-fire neurons: v is a straight line between inputs."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.layout import CLOCK_STEP, DUE, EVENT_ADVANCE, EVENT_PEEK, LAST, READY
from snnsim.kernels.threshold import count_driven, fire


@kernel_with(CLOCK_STEP)
def step_line(step, state, coef, inputs, key, events, tally):
    """One step of IF with delta synapses: rise, add input, test; all input is lost while refractory.

    state : v (mV), updates still refractory
    coef : i_ext dt / c_m, v_th, v_reset, refractory updates
    """
    v, left, delta = state[0], state[1], inputs[0]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    for i in range(v.size):
        if left[i] > 0.0:
            left[i] -= 1.0
        else:
            v[i] += coef[0, i if per_neuron else 0] + delta[i]
    return fire(v, left, coef[1:4], events)


@leaf
def crossing_line(v, slope, v_th):
    """Return the time until v reaches v_th at `slope` mV per ms; infinity when it never does."""
    if v >= v_th:
        return 0.0
    return (v_th - v) / slope if slope > 0.0 else np.inf


@kernel_with(EVENT_ADVANCE)
def advance_line(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Bring touched IF neurons to time t, add their input, fire, and foresee the next spike.

    Input up to and including the end of refractoriness is lost.
    state : v (mV); coef : i_ext / c_m, v_th, v_reset, t_ref
    """
    last, ready, due = clocks[LAST], clocks[READY], clocks[DUE]
    per_neuron = coef.shape[1] > 1
    n_fired = 0
    for i in touched:
        c = i if per_neuron else 0
        slope, v_th = coef[0, c], coef[1, c]
        jump = inputs[0, i]
        inputs[0, i] = 0.0
        tally[0 if jump != 0.0 else 1] += 1
        # Refractoriness ends after `ready`, as on the grid; a neuron may yet fire by itself at that very time.
        if t <= ready[i]:
            if due[i] != t:
                # The current may have changed meanwhile.
                due[i] = ready[i] + crossing_line(state[0, i], slope, v_th)
                continue
            jump = 0.0
        v = state[0, i] + slope * (t - max(last[i], ready[i])) + jump
        last[i] = t
        # A neuron due now sits at v_th up to rounding: only inhibition at this very instant can hold it back.
        if v >= v_th or (due[i] == t and jump >= 0.0):
            v = coef[2, c]
            ready[i] = t + coef[3, c]
            fired[n_fired] = i
            n_fired += 1
        state[0, i] = v
        due[i] = max(t, ready[i]) + crossing_line(v, slope, v_th)
    return n_fired


@kernel_with(EVENT_PEEK)
def peek_line(t, state, clocks, coef, out):
    """Write v at time t, mV."""
    for i in range(out.shape[1]):
        c = i if coef.shape[1] > 1 else 0
        out[0, i] = state[0, i] + coef[0, c] * max(t - max(clocks[LAST, i], clocks[READY, i]), 0.0)

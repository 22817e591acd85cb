"""Flight of leaky integrate-and-fire neurons with delta synapses: v' = -(v - v_inf) / tau_m between inputs.

In a file of its own: a network of these neurons need not wait until those with currents are compiled.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.layout import DUE, EVENT_ADVANCE, EVENT_PEEK, LAST, READY


@leaf
def fly_delta(elapsed, v, v_inf, tau_m):
    """Return v after `elapsed` ms without input."""
    return v_inf + (v - v_inf) * np.exp(-elapsed / tau_m)


@leaf
def crossing_delta(v, v_inf, v_th, tau_m):
    """Return the time until v reaches v_th under constant drive, ms; infinity when it never does."""
    if v >= v_th:
        return 0.0
    if v_inf <= v_th:
        return np.inf
    return tau_m * np.log1p((v_th - v) / (v_inf - v_th))


@kernel_with(EVENT_ADVANCE)
def advance_delta(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Bring touched LIF neurons to time t, add their input, fire, and foresee the next spike.

    Input up to and including the end of refractoriness is lost.
    state : v (mV); coef : v_inf, tau_m, v_th, v_reset, t_ref
    """
    last, ready, due = clocks[LAST], clocks[READY], clocks[DUE]
    per_neuron = coef.shape[1] > 1
    n_fired = 0
    for i in touched:
        c = i if per_neuron else 0
        v_inf, tau_m, v_th = coef[0, c], coef[1, c], coef[2, c]
        jump = inputs[0, i]
        inputs[0, i] = 0.0
        tally[0 if jump != 0.0 else 1] += 1
        # Refractoriness ends after `ready`, as on the grid; a neuron may yet fire by itself at that very time.
        if t <= ready[i]:
            if due[i] != t:
                # The current may have changed meanwhile.
                due[i] = ready[i] + crossing_delta(state[0, i], v_inf, v_th, tau_m)
                continue
            jump = 0.0
        v = fly_delta(t - max(last[i], ready[i]), state[0, i], v_inf, tau_m) + jump
        last[i] = t
        # A neuron due now sits at v_th up to rounding: only inhibition at this very instant can hold it back.
        if v >= v_th or (due[i] == t and jump >= 0.0):
            v = coef[3, c]
            ready[i] = t + coef[4, c]
            fired[n_fired] = i
            n_fired += 1
        state[0, i] = v
        due[i] = max(t, ready[i]) + crossing_delta(v, v_inf, v_th, tau_m)
    return n_fired


@kernel_with(EVENT_PEEK)
def peek_delta(t, state, clocks, coef, out):
    """Write v at time t, mV."""
    for i in range(out.shape[1]):
        c = i if coef.shape[1] > 1 else 0
        start = max(clocks[LAST, i], clocks[READY, i])
        out[0, i] = fly_delta(max(t - start, 0.0), state[0, i], coef[0, c], coef[1, c])

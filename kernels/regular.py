"""A source that fires at equal intervals."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.layout import CLOCK_STEP, DUE, EVENT_ADVANCE


@leaf
def regular_spikes(steps, rate, phase):
    """Return the spikes of one neuron up to the end of `steps` steps, int64. rate : spikes per step; phase : intervals."""
    if steps == 0:
        return np.int64(0)
    # A time within rounding of a step's end belongs to that step.
    return max(np.int64(0), np.int64(np.floor(steps * rate * (1.0 + 1e-12) - phase + 1e-9)) + 1)


@kernel_with(CLOCK_STEP)
def step_regular(step, state, coef, inputs, key, events, tally):
    """Emit the spikes of one step. coef : spikes per step; phase in intervals."""
    n_spiking = 0
    per_neuron = coef.shape[1] > 1
    for i in range(inputs.shape[1]):
        rate, phase = coef[0, i if per_neuron else 0], coef[1, i if per_neuron else 0]
        k = regular_spikes(step + 1, rate, phase) - regular_spikes(step, rate, phase)
        if rate > 0.0 and k > 0:
            events[0, n_spiking], events[1, n_spiking] = i, k
            n_spiking += 1
    return n_spiking


@kernel_with(EVENT_ADVANCE)
def advance_regular(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Emit due spikes. state : spikes so far; coef : interval, ms (inf: silent); phase in intervals."""
    n_fired = 0
    per_neuron = coef.shape[1] > 1
    for i in touched:
        if clocks[DUE, i] == t:
            fired[n_fired] = i
            n_fired += 1
            state[0, i] += 1.0
        # From the number of the spike, not from the last one: errors do not add up.
        clocks[DUE, i] = (state[0, i] + coef[1, i if per_neuron else 0]) * coef[0, i if per_neuron else 0]
    return n_fired

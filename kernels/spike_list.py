"""Sources that play listed spikes."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.dues import reschedule
from snnsim.kernels.layout import CLOCK_STEP, DUE, EVENT_ADVANCE


@kernel_with(CLOCK_STEP)
def step_list(step, state, coef, inputs, key, events, tally):
    """Emit the spikes of one step. coef : step (ascending), neuron (ascending within a step), multiplicity."""
    n_spiking = 0
    k = np.searchsorted(coef[0], np.float64(step))
    while k < coef.shape[1] and coef[0, k] == step:
        events[0, n_spiking], events[1, n_spiking] = np.int32(coef[1, k]), np.int32(coef[2, k])
        n_spiking += 1
        k += 1
    return n_spiking


@kernel_with(EVENT_ADVANCE)
def advance_list(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Emit due spikes. coef : times sorted by neuron, then time; state : next and end position of each neuron."""
    n_fired = 0
    for i in touched:
        if clocks[DUE, i] == t:
            fired[n_fired] = i
            n_fired += 1
            state[0, i] += 1.0
        at = np.int64(state[0, i])
        clocks[DUE, i] = coef[0, at] if at < state[1, i] else np.inf
    return n_fired


@leaf
def foresee(dues, first, due):
    """Set when the neurons `first`, `first` + 1, ... are due, ms; infinity: never."""
    for i in range(due.size):
        reschedule(dues, first + i, due[i])

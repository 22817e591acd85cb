"""Poisson spikes at a rate that changes in steps."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.layout import CLOCK_STEP, DUE, EVENT_ADVANCE
from snnsim.kernels.random import draw, exponential, poisson, uniform


@leaf
def integral(times, rate, at, begin, end):
    """Return the integral of a piecewise constant rate from `begin` to `end`.

    times, rate : float64[m]   rate[k] holds from times[k] to times[k + 1], the last one for ever
    at : int                   the piece that holds `begin`
    """
    total = 0.0
    while at + 1 < times.size and times[at + 1] < end:
        total += rate[at] * (times[at + 1] - begin)
        begin = times[at + 1]
        at += 1
    return total + rate[at] * (end - begin)


@kernel_with(CLOCK_STEP)
def step_varying_poisson(step, state, coef, inputs, key, events, tally):
    """Emit the Poisson counts of one step. coef : times in steps, then spikes per step, one row for all or one by neuron."""
    times = coef[0]
    at = np.searchsorted(times, np.float64(step), side="right") - 1
    per_neuron = coef.shape[0] > 2
    mean = nothing = -1.0
    n_spiking = 0
    for i in range(inputs.shape[1]):
        if per_neuron or i == 0:
            mean = integral(times, coef[1 + i], at, np.float64(step), step + 1.0)
            nothing = np.exp(-mean)
        if mean == 0.0:
            if not per_neuron:
                break
            continue
        bits = draw(key, i, step)
        k = poisson(bits, mean) if uniform(bits) >= nothing else 0
        if k > 0:
            events[0, n_spiking], events[1, n_spiking] = i, k
            n_spiking += 1
    return n_spiking


@kernel_with(EVENT_ADVANCE)
def advance_varying_poisson(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Emit due spikes and find the time at which the integrated rate has grown by the next exponential number.

    state : spikes drawn so far, piece that holds the last spike; coef : times, ms, then rates per ms as for the clock.
    """
    n_fired = 0
    times = coef[0]
    per_neuron = coef.shape[0] > 2
    for i in touched:
        if clocks[DUE, i] == t:
            fired[n_fired] = i
            n_fired += 1
        rate = coef[1 + (i if per_neuron else 0)]
        left = exponential(key, i, np.int64(state[0, i]))
        at, now = np.int64(state[1, i]), t
        while at + 1 < times.size and left >= rate[at] * (times[at + 1] - now):
            left -= rate[at] * (times[at + 1] - now)
            now = times[at + 1]
            at += 1
        clocks[DUE, i] = now + left / rate[at] if rate[at] > 0.0 else np.inf
        state[0, i] += 1.0
        state[1, i] = at
    return n_fired

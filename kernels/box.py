"""Neurons whose input is a current held for one step: a linear update with coefficients made once, then a threshold."""

from __future__ import annotations

from math import log

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven

#: What a spike does to v: set it to v_reset at the end of the step, lower it by v_th, nothing, or set it at the very crossing.
VALUE, SUBTRACT, NONE, INSIDE = 0, 1, 2, 3

_MOST = 2**31 - 1  # the count of spikes of one step is an int32


@leaf_inline
def cross(v, shift, decay, v_th, v_reset):
    """Return v at the end of a step in which it crosses v_th, and how often it does, when each crossing sets it to v_reset.

    Without spikes the step would end at decay * v + shift. With the equilibrium e of this step, a share q of the decay is left at
    the crossing, and e - v_th is left of e - v: the logarithms are needed only when it crosses again.
    """
    if decay == 1.0:
        over = v + shift - v_th if v <= v_th else shift
        period = v_th - v_reset
        more = max(0.0, np.floor(over / period))
        return v_reset + (over - more * period), 1 + int(min(more, _MOST - 1.0))
    e = shift / (1.0 - decay)
    # A neuron that starts above threshold fires at once.
    q = decay * (e - v) / (e - v_th) if v <= v_th else decay
    after = e + (v_reset - e) * q
    if after <= v_th:
        return after, 1
    p = (e - v_th) / (e - v_reset)
    more = np.floor(log(q) / log(p))
    return e + (v_reset - e) * (q / p**more), 1 + int(min(more, _MOST - 1.0))


@leaf_inline
def settle(v, old, shift, decay, v_th, v_reset, mode):
    """Return v after the spike of a step that took it from `old` to above v_th, and how many spikes it was."""
    if mode == INSIDE:
        return cross(old, shift, decay, v_th, v_reset)
    if mode == VALUE:
        return v_reset, 1
    return (v - v_th if mode == SUBTRACT else v), 1


@kernel_with(CLOCK_STEP)
def step_box(step, state, coef, inputs, key, events, tally):
    """One step of neurons with a potential alone: v' = decay v + drift + gain x, x being the input of the step.

    state : v; coef : decay, drift, gain, v_th (infinite for those that never fire), v_reset, mode of reset
    """
    v = state[0]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        old, shift = v[i], coef[1, c] + coef[2, c] * inputs[0, i]
        v[i] = coef[0, c] * old + shift
        if v[i] > coef[3, c]:
            v[i], count = settle(v[i], old, shift, coef[0, c], coef[3, c], coef[4, c], int(coef[5, c]))
            events[0, n_spiking], events[1, n_spiking] = i, count
            n_spiking += 1
    return n_spiking


@kernel_with(CLOCK_STEP)
def step_cuba(step, state, coef, inputs, key, events, tally):
    """One step of neurons with a potential and a decaying current.

    v' = decay v + drift + gain x + pull i and i' = fade i + rise + lift x; the threshold is tested at the end of the step.

    state : v, i_syn; coef : decay, drift, gain, v_th, v_reset, mode of reset, pull, fade, rise, lift
    """
    v, i_syn = state[0], state[1]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        x = inputs[0, i]
        v[i] = coef[0, c] * v[i] + coef[1, c] + coef[2, c] * x + coef[6, c] * i_syn[i]
        i_syn[i] = coef[7, c] * i_syn[i] + coef[8, c] + coef[9, c] * x
        if v[i] > coef[3, c]:
            v[i], count = settle(v[i], v[i], np.inf, coef[0, c], coef[3, c], coef[4, c], int(coef[5, c]))
            events[0, n_spiking], events[1, n_spiking] = i, count
            n_spiking += 1
    return n_spiking

"""Neurons of machine learning, defined by their update: the arithmetic of snnTorch and Norse, in their order, in doubles."""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven

SUBTRACT, ZERO, NONE = 0, 1, 2


@leaf_inline
def _drop_now(v, over, was_over, v_th, mode):
    """Return v with the reset of its spike brought forward to this step, as snnTorch's ``reset_delay=False``."""
    extra = (1.0 if over else 0.0) - (1.0 if was_over else 0.0)
    if mode == SUBTRACT:
        return v - extra * v_th
    return v - extra * v if mode == ZERO else v


@kernel_with(CLOCK_STEP)
def step_leaky(step, state, coef, inputs, key, events, tally):
    """One step of snnTorch's Leaky.

    state : v; coef : beta, v_th, mode of reset, 1 when the reset waits for the next step
    """
    v = state[0]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        beta, v_th, mode = coef[0, c], coef[1, c], int(coef[2, c])
        was_over = v[i] > v_th
        if mode == ZERO and was_over:
            v[i] = 0.0
        v[i] = beta * v[i] + inputs[0, i]
        if mode == SUBTRACT and was_over:
            v[i] -= v_th
        over = v[i] > v_th
        if coef[3, c] == 0.0:
            v[i] = _drop_now(v[i], over, was_over, v_th, mode)
        if over:
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
    return n_spiking


@kernel_with(CLOCK_STEP)
def step_synaptic(step, state, coef, inputs, key, events, tally):
    """One step of snnTorch's Synaptic. Unlike in Leaky, a reset to zero wipes out the input of its step too.

    state : v, i_syn; coef : beta, v_th, mode of reset, 1 when the reset waits for the next step, alpha
    """
    v, i_syn = state[0], state[1]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        beta, v_th, mode = coef[0, c], coef[1, c], int(coef[2, c])
        was_over = v[i] > v_th
        i_syn[i] = coef[4, c] * i_syn[i] + inputs[0, i]
        v[i] = beta * v[i] + i_syn[i]
        if mode == SUBTRACT and was_over:
            v[i] -= v_th
        elif mode == ZERO and was_over:
            v[i] = 0.0
        over = v[i] > v_th
        if coef[3, c] == 0.0:
            v[i] = _drop_now(v[i], over, was_over, v_th, mode)
        if over:
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
    return n_spiking


@kernel_with(CLOCK_STEP)
def step_norse(step, state, coef, inputs, key, events, tally):
    """One forward Euler step of Norse's LIF: the input raises the current, which acts on v in the same step.

    state : v, i_syn; coef : dt / tau_m, dt / tau_syn, v_rest, v_th, v_reset
    """
    v, i_syn = state[0], state[1]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        current = i_syn[i] + inputs[0, i]
        v[i] += coef[0, c] * ((coef[2, c] - v[i]) + current)
        i_syn[i] = current - coef[1, c] * current
        if v[i] > coef[3, c]:
            v[i] = coef[4, c]
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
    return n_spiking

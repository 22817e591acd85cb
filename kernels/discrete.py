"""Neurons of machine learning, defined by their update: the arithmetic of snnTorch and Norse, in their order, in doubles.

Loops over all neurons have no branch, so that they run in vectors; the neurons that fire are then listed in a second loop.
"""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import count_driven

SUBTRACT, ZERO, NONE, CLEAR = 0, 1, 2, 3
VALUE, SUBTRACT_TH = 0, 1


@leaf_inline
def _drop_now(v, over, was_over, v_th, mode):
    """Return v with the reset of its spike brought forward to this step, as snnTorch's ``reset_delay=False``."""
    extra = (1.0 if over else 0.0) - (1.0 if was_over else 0.0)
    if mode == SUBTRACT:
        return v - extra * v_th
    return v if mode == NONE else v - extra * v


@leaf_inline
def _list_over(v, coef, row, events):
    """List the neurons over the threshold that stands in a row of `coef`. Returns their number."""
    per_neuron = coef.shape[1] > 1
    n_spiking = 0
    for i in range(v.size):
        # Written for every neuron, kept for those over threshold: a branch would be foreseen wrongly at every spike.
        events[0, n_spiking], events[1, n_spiking] = i, 1
        n_spiking += v[i] > coef[row, i if per_neuron else 0]
    return n_spiking


@leaf_inline
def _decayed(u, over, x, beta, v_th, mode):
    """Return the potential of Leaky after a step, with the reset of the spike before it."""
    # No literal 0, which is a double: single precision must round where snnTorch does.
    w = beta * (u - u if mode == ZERO and over else u) + x
    w = w - v_th if mode == SUBTRACT and over else w
    return 0.0 if mode == CLEAR and over else w


@leaf_inline
def _driven(u, over, current, beta, v_th, mode):
    """Return the same of Synaptic, where a reset to zero wipes out the input of its step too."""
    w = beta * u + current
    w = w - v_th if mode == SUBTRACT and over else w
    return 0.0 if mode == ZERO and over else w


@kernel_with(CLOCK_STEP)
def step_leaky(step, state, coef, inputs, key, events, tally):
    """One step of snnTorch's Leaky.

    state : v; coef : beta, v_th, mode of reset, 1 when the reset waits for the next step, i_ext
    """
    v, x = state[0], inputs[0]
    per_neuron, mode = coef.shape[1] > 1, int(coef[2, 0])
    count_driven(inputs, tally)
    if coef[3, 0] != 0.0:
        for i in range(v.size):
            c = i if per_neuron else 0
            v[i] = _decayed(v[i], v[i] > coef[1, c], x[i] + coef[4, c], coef[0, c], coef[1, c], mode)
        return _list_over(v, coef, 1, events)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        was_over = v[i] > coef[1, c]
        w = _decayed(v[i], was_over, x[i] + coef[4, c], coef[0, c], coef[1, c], mode)
        over = w > coef[1, c]
        v[i] = _drop_now(w, over, was_over, coef[1, c], mode)
        events[0, n_spiking], events[1, n_spiking] = i, 1
        n_spiking += over
    return n_spiking


@kernel_with(CLOCK_STEP)
def step_synaptic(step, state, coef, inputs, key, events, tally):
    """One step of snnTorch's Synaptic.

    state : v, i_syn; coef : beta, v_th, mode of reset, 1 when the reset waits for the next step, alpha, i_ext
    """
    v, i_syn, x = state[0], state[1], inputs[0]
    per_neuron, mode = coef.shape[1] > 1, int(coef[2, 0])
    count_driven(inputs, tally)
    if coef[3, 0] != 0.0:
        for i in range(v.size):
            c = i if per_neuron else 0
            current = coef[4, c] * i_syn[i] + (x[i] + coef[5, c])
            v[i] = _driven(v[i], v[i] > coef[1, c], current, coef[0, c], coef[1, c], mode)
            i_syn[i] = current
        return _list_over(v, coef, 1, events)
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        was_over = v[i] > coef[1, c]
        i_syn[i] = coef[4, c] * i_syn[i] + (x[i] + coef[5, c])
        w = _driven(v[i], was_over, i_syn[i], coef[0, c], coef[1, c], mode)
        over = w > coef[1, c]
        v[i] = _drop_now(w, over, was_over, coef[1, c], mode)
        events[0, n_spiking], events[1, n_spiking] = i, 1
        n_spiking += over
    return n_spiking


@kernel_with(CLOCK_STEP)
def step_norse(step, state, coef, inputs, key, events, tally):
    """One forward Euler step of Norse's LIF: the input raises the current, which acts on v in the same step.

    state : v, i_syn; coef : dt / tau_m, dt / tau_syn, v_rest, v_th, v_reset, i_ext
    """
    v, i_syn, x = state[0], state[1], inputs[0]
    per_neuron = coef.shape[1] > 1
    count_driven(inputs, tally)
    for i in range(v.size):
        c = i if per_neuron else 0
        current = i_syn[i] + (x[i] + coef[5, c])
        v[i] += coef[0, c] * ((coef[2, c] - v[i]) + current)
        i_syn[i] = current - coef[1, c] * current
    n_spiking = _list_over(v, coef, 3, events)
    for k in range(n_spiking):
        v[events[0, k]] = coef[4, events[0, k] if per_neuron else 0]
    return n_spiking


@kernel_with(CLOCK_STEP)
def step_norse_box(step, state, coef, inputs, key, events, tally):
    """One forward Euler step of Norse's LIFBox: the input acts on v alone.

    state : v; coef : dt / tau_m, v_rest, v_th, v_reset, mode of reset, i_ext
    """
    v, x = state[0], inputs[0]
    per_neuron, mode = coef.shape[1] > 1, int(coef[4, 0])
    count_driven(inputs, tally)
    for i in range(v.size):
        c = i if per_neuron else 0
        v[i] += coef[0, c] * (((x[i] + coef[5, c]) + coef[1, c]) - v[i])
    n_spiking = _list_over(v, coef, 2, events)
    for k in range(n_spiking):
        i = events[0, k]
        c = i if per_neuron else 0
        v[i] = v[i] - coef[2, c] if mode == SUBTRACT_TH else coef[3, c]
    return n_spiking

"""Leaky integrate-and-fire neurons with an adaptation current and a moving threshold: exact steps on a grid.

A step goes over a block of neurons several times, in loops without a branch that change one variable each: a compiler takes those
in vectors. The few neurons at threshold are then seen to one by one.
"""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.threshold import BLOCK, count_driven


@leaf_inline
def _relax(v, w, left, delta, coef, first):
    """Take one step of every v that is not held."""
    if coef.shape[1] > 1:
        v_inf, decay, gain = coef[0, first : first + v.size], coef[1, first : first + v.size], coef[5, first : first + v.size]
        for i in range(v.size):
            moved = v_inf[i] + (v[i] - v_inf[i]) * decay[i] - w[i] * gain[i] + delta[i]
            v[i] = moved if left[i] <= 0.0 else v[i]
    else:
        rest, left_over, per_current = coef[0, 0], coef[1, 0], coef[5, 0]
        for i in range(v.size):
            moved = rest + (v[i] - rest) * left_over - w[i] * per_current + delta[i]
            v[i] = moved if left[i] <= 0.0 else v[i]


@leaf_inline
def _fade(x, row, first):
    """Let a variable decay. row : [1 or n] what is left of it"""
    if row.size > 1:
        mine = row[first : first + x.size]
        for i in range(x.size):
            x[i] *= mine[i]
    else:
        kept = row[0]
        for i in range(x.size):
            x[i] *= kept


@leaf_inline
def _list(v, theta, left, row, first, out, n_spiking):
    """List the neurons at threshold that are not held, after the n_spiking listed before. row : v_th. Returns their number."""
    over, width = 0, row.size
    if width > 1:
        v_th = row[first : first + v.size]
        for i in range(v.size):
            over += (left[i] <= 0.0) & (v[i] >= v_th[i] + theta[i])
    else:
        for i in range(v.size):
            over += (left[i] <= 0.0) & (v[i] >= row[0] + theta[i])
    if over > 0:
        for i in range(v.size):
            if left[i] <= 0.0 and v[i] >= row[first + i if width > 1 else 0] + theta[i]:
                out[n_spiking] = first + i
                n_spiking += 1
    return n_spiking


@leaf_inline
def _count_off(left):
    """Take one step off what is left of refractory periods."""
    for i in range(left.size):
        left[i] = left[i] if left[i] <= 0.0 else left[i] - 1.0


@kernel_with(CLOCK_STEP)
def step_adaptive(step, state, coef, inputs, key, events, tally):
    """One step of adaptive LIF with delta synapses: decay, add input, test; all input is lost while refractory.

    state : v (mV), w (pA), theta (mV), updates still refractory
    coef : v_inf, exp(-dt / tau_m), v_th, v_reset, refractory updates, mV per pA of w, exp(-dt / tau_w), b, exp(-dt / tau_theta), q
    """
    n, n_spiking = state.shape[1], 0
    count_driven(inputs, tally)
    for first in range(0, n, BLOCK):
        last = min(n, first + BLOCK)
        v, w, theta, left = state[0, first:last], state[1, first:last], state[2, first:last], state[3, first:last]
        _relax(v, w, left, inputs[0, first:last], coef, first)
        _fade(w, coef[6], first)
        _fade(theta, coef[8], first)
        n_spiking = _list(v, theta, left, coef[2], first, events[0], n_spiking)
        _count_off(left)
    for k in range(n_spiking):
        i = events[0, k]
        c = i if coef.shape[1] > 1 else 0
        state[0, i], state[3, i] = coef[3, c], coef[4, c]
        state[1, i] += coef[7, c]
        state[2, i] += coef[9, c]
        events[1, k] = 1
    return n_spiking

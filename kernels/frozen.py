r"""Neurons frozen in time: those that cannot fire by themselves, and whose potentials all decay at one rate.

Instead of v each stores :math:`u = (v - v_{inf}) e^{fade (t - t_0)}`, which does not change between inputs. At time t an
input adds its weight times the stretch :math:`e^{fade (t - t_0)}`, and the neuron fires when u reaches the distance to threshold
times the same stretch: one exponential serves all targets of a spike, and an untouched neuron costs nothing.

- t_0, the time of the states, is moved up before the stretch exceeds e^4: rounding of its exponent stays below 4 units in
  the last place. That is O(n), and happens once in four time constants at most.
- After a spike u is +infinity. Any further input then seems to reach threshold, and only there refractoriness is looked up.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf, leaf_inline
from snnsim.kernels.layout import EVENT_ADVANCE, EVENT_PEEK, LAST, READY

#: The largest exponent of the stretch.
LONGEST = 4.0


@leaf
def stretch(t, since, fade):
    """Return how much an input at t weighs in states of the time `since`."""
    return np.exp((t - since) * fade)


@leaf
def move_up(t, u, last, fade):
    """Refer the states u, of the times `last`, to time t. O(n)."""
    shrink = np.exp((last[0] - t) * fade)
    for i in range(u.size):
        # Where shrink has underflowed, infinity must not turn to NaN.
        u[i] = u[i] * shrink if u[i] < np.inf else u[i]
        last[i] = t


@leaf_inline
def strike(targets, weight, at, stride, scale, u, gap, inputs, touched):
    """Add the weights of one run, in which no target comes twice, to its targets, but for those that may fire.

    targets : unsigned[k]            neurons
    weight, at, stride               weight of the first synapse, and of each next one
    u, inputs : float64[n]           modified in place
    gap : float64[1] or float64[n]   distance to threshold
    touched : int32[>= k]            receives the neurons that reach threshold or are refractory; their inputs hold the weight
    Returns their number, and how many others had an input that is not zero. O(k).
    """
    n, driven = 0, 0
    if stride == 0 and gap.size == 1:
        jump, bound = weight[at] * scale, gap[0] * scale
        for target in targets:
            lifted = u[target] + jump
            if lifted >= bound:
                inputs[target] = weight[at]
                touched[n] = target
                n += 1
            else:
                u[target] = lifted
        return n, (targets.size - n if jump != 0.0 else 0)
    per_neuron = gap.size > 1
    for target in targets:
        w = weight[at]
        at += stride
        lifted = u[target] + w * scale
        if lifted >= gap[target if per_neuron else 0] * scale:
            inputs[target] = w
            touched[n] = target
            n += 1
        else:
            u[target] = lifted
            driven += w != 0.0
    return n, driven


@kernel_with(EVENT_ADVANCE)
def advance_frozen(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Add the input of touched neurons, and fire. Input up to and including the end of refractoriness is lost.

    state : u (mV), or infinity where `clocks` tells since when it flies from v_reset
    coef : v_th - v_inf, v_reset - v_inf, v_inf, fade (1/ms, one for all), t_ref
    """
    u, since, ready, fade = state[0], clocks[LAST, 0], clocks[READY], coef[3, 0]
    scale = stretch(t, since, fade)
    per_neuron = coef.shape[1] > 1
    n_fired = 0
    for i in touched:
        c = i if per_neuron else 0
        jump = inputs[0, i]
        inputs[0, i] = 0.0
        tally[0 if jump != 0.0 else 1] += 1
        now = u[i]
        if now == np.inf:
            if t <= ready[i]:
                continue
            now = coef[1, c] * stretch(ready[i], since, fade)
        now += jump * scale
        if now >= coef[0, c] * scale:
            now = np.inf
            ready[i] = t + coef[4, c]
            fired[n_fired] = i
            n_fired += 1
        u[i] = now
    return n_fired


@kernel_with(EVENT_PEEK)
def peek_frozen(t, state, clocks, coef, out):
    """Write v at time t, mV."""
    fade, per_neuron = coef[3, 0], coef.shape[1] > 1
    shrink = np.exp((clocks[LAST, 0] - t) * fade)
    for i in range(out.shape[1]):
        c = i if per_neuron else 0
        u = state[0, i]
        # The time since refractoriness ended is not below 0 ms: until then v rests at v_reset.
        distance = u * shrink if u < np.inf else coef[1, c] * np.exp(-fade * max(t - clocks[READY, i], 0.0))
        out[0, i] = coef[2, c] + distance

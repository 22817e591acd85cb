"""Flight of leaky integrate-and-fire neurons with exponential currents: closed forms, and the search for the next crossing.

With a = 1 / tau, a neuron obeys v' = -a_m (v - v_inf) + (i_exc + i_inh) / c_m, and each current i' = -a_syn i.
Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.layout import DUE, EVENT_ADVANCE, EVENT_PEEK, LAST, READY

#: Time constants after which every transient has fallen below rounding: exp(-60) = 9e-27.
_HORIZON = 60.0


@leaf
def overlap(t, a, b):
    """Return the convolution of exp(-a t) and exp(-b t), (exp(-a t) - exp(-b t)) / (b - a), also where a and b (nearly) meet."""
    gap = abs(b - a)
    shape = t if gap * t == 0.0 else -np.expm1(-gap * t) / gap
    return np.exp(-min(a, b) * t) * shape


@leaf
def fly_exp(t, v, exc, inh, last, ready, v_inf, a_m, a_exc, a_inh, c_m):
    """Return v, i_exc, i_inh at time t from their values at `last`; v is held until `ready`, the currents flow."""
    start = min(t, ready)
    if start > last:
        exc *= np.exp(-a_exc * (start - last))
        inh *= np.exp(-a_inh * (start - last))
        last = start
    s = t - last
    if s > 0.0:
        rise = (exc * overlap(s, a_m, a_exc) + inh * overlap(s, a_m, a_inh)) / c_m
        v = v_inf + (v - v_inf) * np.exp(-a_m * s) + rise
        exc *= np.exp(-a_exc * s)
        inh *= np.exp(-a_inh * s)
    return v, exc, inh


@leaf
def curve(order, t, flight):
    """Return (f, f') at t, with f the distance to threshold (order 0) or its slope (order 1).

    flight : u, j_exc, j_inh, a_m, a_exc, a_inh, gap    with u = v - v_inf, j = i / c_m, gap = v_th - v_inf
    """
    u, j_exc, j_inh, a_m, a_exc, a_inh, gap = flight
    s_exc, s_inh = j_exc * np.exp(-a_exc * t), j_inh * np.exp(-a_inh * t)
    u = u * np.exp(-a_m * t) + j_exc * overlap(t, a_m, a_exc) + j_inh * overlap(t, a_m, a_inh)
    slope = s_exc + s_inh - a_m * u
    if order == 0:
        return u - gap, slope
    return slope, -a_m * slope - a_exc * s_exc - a_inh * s_inh


@leaf
def root(order, low, high, flight):
    """Return the zero of `curve` between low and high, where its signs differ: Newton, kept inside by bisection."""
    # Read at the near end: at the far one all may have underflowed to zero.
    falling = curve(order, low, flight)[0] > 0.0
    t = 0.5 * (low + high)
    for _ in range(200):
        f, slope = curve(order, t, flight)
        if f <= 0.0 if falling else f >= 0.0:
            high = t
        else:
            low = t
        new = t - f / slope if slope != 0.0 else low
        if not low < new < high:
            new = 0.5 * (low + high)
        if abs(new - t) <= 4e-16 * abs(t) or not low < new < high:
            return new
        t = new
    return t


@leaf
def crossing_exp(flight, peak_exc, peak_inh):
    """Return the first time v reaches v_th, ms; infinity when it never does. No crossing is missed.

    v is a constant and three exponentials. (d/dt + a_m) v' is two exponentials, whose one zero is closed-form; between
    zeros of that, exp(a_m t) v' is monotone and so v' has at most one zero; between zeros of v', v is monotone.
    peak_exc, peak_inh : largest value of `overlap`, for a bound that spares most searches
    """
    u, j_exc, j_inh, a_m, a_exc, a_inh, gap = flight
    if u >= gap:
        return 0.0
    if gap > 0.0 and max(u, 0.0) + max(j_exc, 0.0) * peak_exc + max(j_inh, 0.0) * peak_inh < gap:
        return np.inf
    end = _HORIZON / min(a_m, a_exc if j_exc != 0.0 else a_m, a_inh if j_inh != 0.0 else a_m)
    bend = end
    if j_exc * j_inh < 0.0 and a_exc != a_inh:
        zero = np.log(-(a_exc * j_exc) / (a_inh * j_inh)) / (a_exc - a_inh)
        if 0.0 < zero < end:
            bend = zero
    low, a = 0.0, 0.0
    for b in (bend, end):
        if (curve(1, a, flight)[0] > 0.0) != (curve(1, b, flight)[0] > 0.0):
            turn = root(1, a, b, flight)
            if curve(0, turn, flight)[0] >= 0.0:
                return root(0, low, turn, flight)
            low = turn
        a = b
    if curve(0, end, flight)[0] >= 0.0:
        return root(0, low, end, flight)
    return np.inf


@kernel_with(EVENT_ADVANCE)
def advance_exp(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Bring touched LIF neurons with exponential currents to time t, add input, fire, and foresee the next spike.

    state : v (mV), i_syn_exc, i_syn_inh (pA)
    coef : v_inf, a_m, v_th, v_reset, t_ref, a_exc, a_inh, c_m, peak_exc, peak_inh
    """
    last, ready, due = clocks[LAST], clocks[READY], clocks[DUE]
    per_neuron = coef.shape[1] > 1
    n_fired = 0
    for i in touched:
        c = i if per_neuron else 0
        v_inf, a_m, v_th, a_exc, a_inh, c_m = coef[0, c], coef[1, c], coef[2, c], coef[5, c], coef[6, c], coef[7, c]
        v, exc, inh = fly_exp(t, state[0, i], state[1, i], state[2, i], last[i], ready[i], v_inf, a_m, a_exc, a_inh, c_m)
        tally[0 if inputs[0, i] != 0.0 or inputs[1, i] != 0.0 else 1] += 1
        exc += inputs[0, i]
        inh += inputs[1, i]
        inputs[0, i] = inputs[1, i] = 0.0
        if t >= ready[i] and (v >= v_th or due[i] == t):
            v = coef[3, c]
            ready[i] = t + coef[4, c]
            fired[n_fired] = i
            n_fired += 1
        state[0, i], state[1, i], state[2, i], last[i] = v, exc, inh, t
        start = max(t, ready[i])
        j_exc, j_inh = exc * np.exp(-a_exc * (start - t)) / c_m, inh * np.exp(-a_inh * (start - t)) / c_m
        flight = (v - v_inf, j_exc, j_inh, a_m, a_exc, a_inh, v_th - v_inf)
        due[i] = start + crossing_exp(flight, coef[8, c], coef[9, c])
    return n_fired


@kernel_with(EVENT_PEEK)
def peek_exp(t, state, clocks, coef, out):
    """Write v (mV), i_syn_exc and i_syn_inh (pA) at time t."""
    for i in range(out.shape[1]):
        c = i if coef.shape[1] > 1 else 0
        out[0, i], out[1, i], out[2, i] = fly_exp(
            t,
            state[0, i],
            state[1, i],
            state[2, i],
            clocks[LAST, i],
            clocks[READY, i],
            coef[0, c],
            coef[1, c],
            coef[5, c],
            coef[6, c],
            coef[7, c],
        )

"""Leaky integrate-and-fire neurons with synaptic conductances: conductances in closed form, v by a Magnus scheme.

A neuron whose own conductance is small enough for the usual pieces of dt takes them in a loop without branches, which
vectorises. The others keep their v there, for a loop that cuts pieces to measure. So no neuron's bits depend on its
neighbours. Neurons with coefficients of their own are taken one by one, by the same arithmetic.
"""

from __future__ import annotations

from snnsim.kernels._jit import kernel_with, leaf, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.kernels.magnus import SHARE, cross, cross_stiff, of_alpha, of_decay
from snnsim.kernels.threshold import fire


@leaf_inline
def _begin(plus, minus, tally):
    """Add the neurons with input to tally[0], the others to tally[1]."""
    driven = 0
    for i in range(plus.size):
        driven += (plus[i] != 0.0) | (minus[i] != 0.0)
    tally[0] += driven
    tally[1] += plus.size - driven


@leaf_inline
def _end(v, left, coef, events):
    """Count down the refractory neurons and list those that fire. Returns their number."""
    for i in range(left.size):
        left[i] = left[i] - 1.0 if left[i] > 0.0 else left[i]
    return fire(v, left, coef[2:5], events)


@leaf_inline
def _calm(exc, inh, leak, gain):
    """Return whether the usual pieces are short enough for these conductances, the largest of this dt."""
    return leak + gain * (exc + inh) <= SHARE


@leaf_inline
def _factors(coef, row, c):
    """Return the factors of g and d for the first piece of dt, from `row` on."""
    return (coef[row, c], coef[row + 1, c], coef[row + 2, c]), (coef[row + 3, c], coef[row + 4, c], coef[row + 5, c])


@leaf_inline
def _later(of_g, of_d, h, fade):
    """Return the factors of g and d at the start of dt for a piece h ms later: g has become (g + d h) fade, d has become d fade."""
    later = (of_d[0] + h * of_g[0]) * fade, (of_d[1] + h * of_g[1]) * fade, (of_d[2] + h * of_g[2]) * fade
    return (of_g[0] * fade, of_g[1] * fade, of_g[2] * fade), later


@leaf_inline
def _alone(v, exc, d_exc, inh, d_inh, coef, c):
    """Return v of one neuron after dt."""
    dt, pieces, leak = coef[8, c], coef[9, c], coef[14, c]
    if not _calm(exc + d_exc * dt, inh + d_inh * dt, leak, coef[16, c]):
        return cross_stiff(v, exc, d_exc, inh, d_inh, coef, c)
    (of_g, of_d), (of_f, of_e) = _factors(coef, 19, c), _factors(coef, 25, c)
    for piece in range(int(pieces)):
        if piece > 0:
            of_g, of_d = _later(of_g, of_d, dt / pieces, coef[17, c])
            of_f, of_e = _later(of_f, of_e, dt / pieces, coef[18, c])
        mine = of_alpha(exc, d_exc, of_g, of_d), of_alpha(inh, d_inh, of_f, of_e)
        v = cross(v, mine[0], mine[1], leak, coef[15, c], coef[6, c], coef[7, c])
    return v


@leaf
def _alike_exp(v, exc, inh, left, coef):
    """Take the free neurons across dt by the arithmetic of `_alone` with d = 0, where all have the same coefficients."""
    dt, leak, drive, e_exc, e_inh, gain = coef[8, 0], coef[14, 0], coef[15, 0], coef[6, 0], coef[7, 0], coef[16, 0]
    (of_g, of_d), (of_f, of_e), stiff = _factors(coef, 19, 0), _factors(coef, 25, 0), 0
    for piece in range(int(coef[9, 0])):
        if piece > 0:
            of_g, of_d = _later(of_g, of_d, dt / coef[9, 0], coef[17, 0])
            of_f, of_e = _later(of_f, of_e, dt / coef[9, 0], coef[18, 0])
        for i in range(v.size):
            calm = _calm(exc[i], inh[i], leak, gain)
            new = cross(v[i], of_decay(exc[i], of_g), of_decay(inh[i], of_f), leak, drive, e_exc, e_inh)
            v[i] = new if calm & (left[i] <= 0.0) else v[i]
            stiff += not calm
    if stiff > 0:
        for i in range(v.size):
            if left[i] <= 0.0 and not _calm(exc[i], inh[i], leak, gain):
                v[i] = cross_stiff(v[i], exc[i], 0.0, inh[i], 0.0, coef, 0)


@kernel_with(CLOCK_STEP)
def step_cond_exp(step, state, coef, inputs, key, events, tally):
    """One step of LIF with exponential conductances. Input arriving at the end of the step acts from the next one on.

    state : v (mV), g_exc, g_inh (nS), updates still refractory
    coef : g_leak v_rest + i_ext, g_leak, v_th, v_reset, refractory updates, c_m, e_rev_exc, e_rev_inh, dt, pieces in dt, then
        for exc and inh: exp(-dt / tau_syn); for exc and inh: 1 / tau_syn; for the first piece: what g_leak adds to A, row 0 to
        B (`magnus.cross`), piece / c_m; for exc and inh: exp(-piece / tau_syn); for exc, then inh: what 1 nS adds to A, A1
        and A2, what a rise by 1 nS / ms adds to them
    """
    v, exc, inh, left, plus, minus = state[0], state[1], state[2], state[3], inputs[0], inputs[1]
    _begin(plus, minus, tally)
    if coef.shape[1] > 1:
        for i in range(v.size):
            if left[i] <= 0.0:
                v[i] = _alone(v[i], exc[i], 0.0, inh[i], 0.0, coef, i)
            exc[i] = exc[i] * coef[10, i] + plus[i]
            inh[i] = inh[i] * coef[11, i] - minus[i]
    else:
        _alike_exp(v, exc, inh, left, coef)
        fade_exc, fade_inh = coef[10, 0], coef[11, 0]
        for i in range(v.size):
            exc[i] = exc[i] * fade_exc + plus[i]
        for i in range(v.size):
            inh[i] = inh[i] * fade_inh - minus[i]
    return _end(v, left, coef, events)


@leaf
def _alike_alpha(v, exc, d_exc, inh, d_inh, left, coef):
    """Take the free neurons across dt by the arithmetic of `_alone`, where all have the same coefficients."""
    dt, leak, drive, e_exc, e_inh, gain = coef[8, 0], coef[14, 0], coef[15, 0], coef[6, 0], coef[7, 0], coef[16, 0]
    (of_g, of_d), (of_f, of_e), stiff = _factors(coef, 19, 0), _factors(coef, 25, 0), 0
    for piece in range(int(coef[9, 0])):
        if piece > 0:
            of_g, of_d = _later(of_g, of_d, dt / coef[9, 0], coef[17, 0])
            of_f, of_e = _later(of_f, of_e, dt / coef[9, 0], coef[18, 0])
        for i in range(v.size):
            calm = _calm(exc[i] + d_exc[i] * dt, inh[i] + d_inh[i] * dt, leak, gain)
            mine = of_alpha(exc[i], d_exc[i], of_g, of_d), of_alpha(inh[i], d_inh[i], of_f, of_e)
            new = cross(v[i], mine[0], mine[1], leak, drive, e_exc, e_inh)
            v[i] = new if calm & (left[i] <= 0.0) else v[i]
            stiff += not calm
    if stiff > 0:
        for i in range(v.size):
            if left[i] <= 0.0 and not _calm(exc[i] + d_exc[i] * dt, inh[i] + d_inh[i] * dt, leak, gain):
                v[i] = cross_stiff(v[i], exc[i], d_exc[i], inh[i], d_inh[i], coef, 0)


@leaf_inline
def _fade(g, d, arriving, dt, fade, peak):
    """Carry alpha conductances across dt and add what arrives."""
    for i in range(g.size):
        g[i] = (g[i] + d[i] * dt) * fade
    for i in range(d.size):
        d[i] = d[i] * fade + arriving[i] * peak


@kernel_with(CLOCK_STEP)
def step_cond_alpha(step, state, coef, inputs, key, events, tally):
    """One step of LIF with alpha conductances, as `step_cond_exp`; g' = d - g / tau_syn, d' = -d / tau_syn.

    state : v (mV), g_exc, g_inh (nS), their d (nS / ms), updates still refractory
    coef : as `step_cond_exp`, then e / tau_syn for exc and inh
    """
    v, exc, inh, d_exc, d_inh, left = state[0], state[1], state[2], state[3], state[4], state[5]
    plus, minus, dt = inputs[0], inputs[1], coef[8, 0]
    _begin(plus, minus, tally)
    if coef.shape[1] > 1:
        for i in range(v.size):
            if left[i] <= 0.0:
                v[i] = _alone(v[i], exc[i], d_exc[i], inh[i], d_inh[i], coef, i)
            exc[i] = (exc[i] + d_exc[i] * dt) * coef[10, i]
            inh[i] = (inh[i] + d_inh[i] * dt) * coef[11, i]
            d_exc[i] = d_exc[i] * coef[10, i] + plus[i] * coef[31, i]
            d_inh[i] = d_inh[i] * coef[11, i] - minus[i] * coef[32, i]
    else:
        _alike_alpha(v, exc, d_exc, inh, d_inh, left, coef)
        _fade(exc, d_exc, plus, dt, coef[10, 0], coef[31, 0])
        _fade(inh, d_inh, minus, dt, coef[11, 0], -coef[32, 0])
    return _end(v, left, coef, events)

"""The Magnus scheme of order 6 for a membrane under conductances known in closed form: v' = b(t) - a(t) v.

a = (g_leak + g_exc + g_inh) / c_m and b = (g_leak v_rest + i_ext + g_exc e_rev_exc + g_inh e_rev_inh) / c_m. A piece of h takes
v to v + phi(A) (B + K - A v), phi(A) = (1 - exp(-A)) / A, the flow of constant rates; with u = 0 .. 1 over the piece, A, A1
and A2 are h times the integrals of a, a (u - 1/2) and a ((u - 1/2)^2 - 1/12), B, B1, B2 those of b, and the commutators
K = (A B1 - A1 B) (1 - A^2 / 60 - 3/5 A1) + A (A B2 - A2 B) / 2 + 6 (A1 B2 - A2 B1)
lift the order from 2 to 6. The integrals are those of the conductances: sums of g and its rise at the start of the piece, with
factors that depend on h alone. So a piece costs neither exponential nor division, and its error comes from the change of
the conductances alone, not from the decay of v (figures beside other schemes: docs/decisions/conductances.md).
Source: Blanes, Casas, Oteo & Ros (2009), Phys. Rep. 470:151, section 5: the scheme of order 6, here from exact integrals.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline

#: Longest piece in units of the synaptic time constants, and of c_m over the largest total conductance within it.
SHARE = 0.5
#: Most pieces that a conductance may ask for. Above, v follows its equilibrium at a distance, to 1e-6 mV.
MOST = 2**14

# phi to 1e-9 for A = SHARE.
_PHI = tuple((-1.0) ** k / factorial(k + 1) for k in range(10))
# Where the integrals of u^k exp(-x u) start from a guess; its error shrinks by x / k at each k down from there.
_TOP = 14


@leaf_inline
def cross(v, exc, inh, leak, drive, e_exc, e_inh):
    """Return v after one piece. No branch: the loops over it vectorise.

    exc, inh : what a conductance adds to A, A1, A2; leak, drive : what g_leak adds to A, and with i_ext to B
    """
    a, a1, a2 = leak + exc[0] + inh[0], exc[1] + inh[1], exc[2] + inh[2]
    b = drive + exc[0] * e_exc + inh[0] * e_inh
    b1, b2 = exc[1] * e_exc + inh[1] * e_inh, exc[2] * e_exc + inh[2] * e_inh
    lift = (a * b1 - a1 * b) * (1.0 - a * a * (1.0 / 60.0) - 0.6 * a1) + 0.5 * a * (a * b2 - a2 * b) + 6.0 * (a1 * b2 - a2 * b1)
    phi = _PHI[-1]
    for k in range(len(_PHI) - 2, -1, -1):
        phi = phi * a + _PHI[k]
    return v + phi * (b + lift - a * v)


@leaf_inline
def of_decay(g, factors):
    """Return what a conductance adds to A, A1, A2 of a piece when it decays from g."""
    return g * factors[0], g * factors[1], g * factors[2]


@leaf_inline
def of_alpha(g, d, of_g, of_d):
    """Return what a conductance adds to A, A1, A2 of a piece when it is (g + d t) exp(-t / tau_syn)."""
    return g * of_g[0] + d * of_d[0], g * of_g[1] + d * of_d[1], g * of_g[2] + d * of_d[2]


@leaf
def moments(x):
    """Return the integrals over u = 0 .. 1 of f, f (u - 1/2), f ((u - 1/2)^2 - 1/12) for f = exp(-x u), x <= SHARE, and for u f."""
    end = np.exp(-x)
    third = end / (_TOP + 1.0)
    for k in range(_TOP, 3, -1):
        third = (end + x * third) / k
    second = (end + x * third) / 3.0
    first = (end + x * second) / 2.0
    zeroth = end + x * first
    return (
        zeroth, first - zeroth / 2.0, second - first + zeroth / 6.0,
        first, second - first / 2.0, third - second + first / 6.0,
    )  # fmt: skip


@leaf
def _factors(h, rate, c_m):
    """Return the factors of g and d for a piece of h ms; rate : 1 / tau_syn."""
    level, tilt, bend, d_level, d_tilt, d_bend = moments(h * rate)
    gain = h / c_m
    return (gain * level, gain * tilt, gain * bend), (gain * h * d_level, gain * h * d_tilt, gain * h * d_bend)


@leaf
def cross_stiff(v, exc, d_exc, inh, d_inh, coef, c):
    """Return v after dt, in pieces as short as the conductances ask for: g (nS) and d (nS / ms), with g' = d - g / tau_syn.

    coef : as `conductance.step_cond_exp`
    """
    drive, g_leak, c_m, e_exc, e_inh = coef[0, c], coef[1, c], coef[5, c], coef[6, c], coef[7, c]
    rate_exc, rate_inh = coef[12, c], coef[13, c]
    for _ in range(int(coef[9, c])):
        h = coef[8, c] / coef[9, c]
        # No conductance of this piece exceeds g + d h.
        most = h / c_m * (g_leak + (exc + d_exc * h) + (inh + d_inh * h))
        bound = not most <= SHARE * MOST
        n = 1 if bound else 1 + int(most / SHARE)
        h /= n
        leak, forced, fade_exc, fade_inh = h / c_m * g_leak, h / c_m * drive, np.exp(-h * rate_exc), np.exp(-h * rate_inh)
        (of_g, of_d), (of_f, of_e) = _factors(h, rate_exc, c_m), _factors(h, rate_inh, c_m)
        for _ in range(n):
            v = cross(v, of_alpha(exc, d_exc, of_g, of_d), of_alpha(inh, d_inh, of_f, of_e), leak, forced, e_exc, e_inh)
            exc, inh = (exc + d_exc * h) * fade_exc, (inh + d_inh * h) * fade_inh
            d_exc, d_inh = d_exc * fade_exc, d_inh * fade_inh
        if bound:
            total = g_leak + exc + inh
            v = drive / total + exc / total * e_exc + inh / total * e_inh
            shift = (e_exc - v) * ((d_exc - exc * rate_exc) / total) + (e_inh - v) * ((d_inh - inh * rate_inh) / total)
            v -= shift * (c_m / total)
    return v

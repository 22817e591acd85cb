"""Runge-Kutta-Fehlberg scheme of order 5 with an error estimate of order 4 (RKF45), for systems of four variables.

A local error above `TOLERANCE` in any variable (absolute, in the unit of that variable) shortens the step, one far below
lengthens it. The tableau and the control are those of the GNU Scientific Library, which NEST uses.
A step no longer than `SHORTEST` is always taken, so that a run cannot stall.
Source: Fehlberg (1969), NASA TR R-315, table III; GSL, rkf45.c and cstd.c.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline

TOLERANCE = 1e-6
SHORTEST = 1e-13  # ms

_B2 = (1.0 / 4.0,)
_B3 = (3.0 / 32.0, 9.0 / 32.0)
_B4 = (1932.0 / 2197.0, -7200.0 / 2197.0, 7296.0 / 2197.0)
_B5 = (8341.0 / 4104.0, -32832.0 / 4104.0, 29440.0 / 4104.0, -845.0 / 4104.0)
_B6 = (-6080.0 / 20520.0, 41040.0 / 20520.0, -28352.0 / 20520.0, 9295.0 / 20520.0, -5643.0 / 20520.0)
_NEW = (902880.0 / 7618050.0, 3953664.0 / 7618050.0, 3855735.0 / 7618050.0, -1371249.0 / 7618050.0, 277020.0 / 7618050.0)
_ERROR = (1.0 / 360.0, -128.0 / 4275.0, -2197.0 / 75240.0, 1.0 / 50.0, 2.0 / 55.0)


@leaf_inline
def _sum(h, weights, slopes):
    """Return h times the weighted sum of some slopes, for each of the four variables."""
    a = b = c = d = 0.0
    for j in range(len(weights)):
        weight, slope = weights[j], slopes[j]
        a += weight * slope[0]
        b += weight * slope[1]
        c += weight * slope[2]
        d += weight * slope[3]
    return h * a, h * b, h * c, h * d


@leaf_inline
def _from(y, h, weights, slopes):
    """Return y plus h times the weighted sum of some slopes."""
    a, b, c, d = _sum(h, weights, slopes)
    return y[0] + a, y[1] + b, y[2] + c, y[3] + d


@leaf_inline
def resized(h, ratio):
    """Return the next step after one of h ms whose error was `ratio` tolerances."""
    if ratio <= 1.1:
        return h if ratio >= 0.5 else h * min(max(0.9 * max(ratio, 1e-300) ** (-1.0 / 6.0), 1.0), 5.0)
    # Written so that NaN, the error of a step far too long, takes the strongest cut.
    factor = 0.9 * ratio ** (-0.2)
    return h * factor if factor > 0.2 else h * 0.2


@leaf_inline
def in_double(state, i):
    """Return the first four states of neuron i: the scheme computes in double precision, whatever the states are kept in."""
    return np.float64(state[0, i]), np.float64(state[1, i]), np.float64(state[2, i]), np.float64(state[3, i])


def scheme(slope):
    """Return the kernel that takes one accepted step of y' = slope(t, y, p).

    slope : kernel (t, y, p) -> dy/dt, four numbers; p : its parameters, a tuple of float64
    """
    # Made for each slope: numba cannot store on disk a kernel that is handed another one as an argument.

    @leaf
    def attempt(t, h, y, p):
        k1 = slope(t, y, p)
        k2 = slope(t + 0.25 * h, _from(y, h, _B2, (k1,)), p)
        k3 = slope(t + 0.375 * h, _from(y, h, _B3, (k1, k2)), p)
        k4 = slope(t + 12.0 / 13.0 * h, _from(y, h, _B4, (k1, k2, k3)), p)
        k5 = slope(t + h, _from(y, h, _B5, (k1, k2, k3, k4)), p)
        k6 = slope(t + 0.5 * h, _from(y, h, _B6, (k1, k2, k3, k4, k5)), p)
        a, b, c, d = _sum(h, _ERROR, (k1, k3, k4, k5, k6))
        return _from(y, h, _NEW, (k1, k3, k4, k5, k6)), max(max(abs(a), abs(b)), max(abs(c), abs(d)))

    @leaf
    def take_step(t, end, h, y, p):
        """Take one accepted step from t towards `end`. Returns the time reached, the step to try next and y there."""
        while True:
            last = not h < end - t
            step = end - t if last else h
            new, error = attempt(t, step, y, p)
            ratio = error / TOLERANCE
            h = max(resized(step, ratio), SHORTEST)
            if ratio <= 1.1 or step <= SHORTEST:
                return (end if last else t + step), h, new

    return take_step

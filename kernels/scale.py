"""Weights scaled so that those onto a target add up, and put within bounds."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf


@leaf
def add_sizes(target, weight, power, sums):
    """Add the sizes of the weights onto every target, to a power, to sums[target]."""
    for k in range(weight.size):
        size = abs(weight[k])
        sums[target[k]] += size if power == 1.0 else size**power


@leaf
def bound(weight, low, high):
    """Put the weights within low .. high, in place, if all are finite. Returns the place of the first that is not, or -1."""
    finite = 0
    for k in range(weight.size):
        finite += abs(weight[k]) < np.inf
    if finite < weight.size:
        for k in range(weight.size):
            if not abs(weight[k]) < np.inf:
                return k
    for k in range(weight.size):
        weight[k] = max(low, min(high, weight[k]))
    return -1


@leaf
def scale(target, factor, weight):
    """Multiply every weight by the factor of its target, in place."""
    for k in range(weight.size):
        weight[k] *= factor[target[k]]

"""Weights scaled so that those onto a target add up."""

from __future__ import annotations

from snnsim.kernels._jit import leaf


@leaf
def add_sizes(target, weight, power, sums):
    """Add the sizes of the weights onto every target, to a power, to sums[target]."""
    for k in range(weight.size):
        size = abs(weight[k])
        sums[target[k]] += size if power == 1.0 else size**power


@leaf
def scale(target, factor, weight):
    """Multiply every weight by the factor of its target, in place."""
    for k in range(weight.size):
        weight[k] *= factor[target[k]]

"""Normal random numbers by a ziggurat: one table look-up and one product for 99 of 100 of them.

The area under exp(-x^2 / 2), x > 0, is covered by 255 rectangles and one with a tail, of equal size. A point drawn in a
rectangle lies under the curve unless it falls into the small part that sticks out.
Source: Marsaglia & Tsang (2000), J. Stat. Softw. 5(8); layer and position from different bits, as Doornik (2005) asks.
"""

from __future__ import annotations

import math

import numpy as np

from snnsim.kernels._jit import leaf
from snnsim.kernels.random import NEURON_STRIDE, mix, uniform

_LAYERS = 256
_LAYER_BITS = np.uint64(_LAYERS - 1)
#: Where the tail begins: the one number for which the last rectangle ends at x = 0.
TAIL = 3.6541528853610088


def edges() -> np.ndarray:
    """Return the right edges of the layers, from the bottom up, and 0. float64[257]"""
    area = TAIL * math.exp(-0.5 * TAIL**2) + math.sqrt(0.5 * math.pi) * math.erfc(TAIL / math.sqrt(2.0))
    x = [area / math.exp(-0.5 * TAIL**2), TAIL]
    while len(x) < _LAYERS:
        x.append(math.sqrt(-2.0 * math.log(area / x[-1] + math.exp(-0.5 * x[-1] ** 2))))
    return np.array([*x, 0.0])


_EDGE = edges()
_HEIGHT = np.exp(-0.5 * _EDGE**2)


@leaf
def _tail(bits):
    """Return a number beyond `TAIL`, by rejection."""
    while True:
        bits = mix(bits + NEURON_STRIDE)
        x = -np.log1p(-uniform(bits)) / TAIL
        bits = mix(bits + NEURON_STRIDE)
        if -2.0 * np.log1p(-uniform(bits)) >= x * x:
            return TAIL + x


@leaf
def normal(bits):
    """Return a standard normal number: a pure function of 64 random bits, uint64."""
    while True:
        layer, x = np.int64(bits & _LAYER_BITS), 2.0 * uniform(bits) - 1.0
        x *= _EDGE[layer]
        if abs(x) < _EDGE[layer + 1]:
            return x
        if layer == 0:
            return np.copysign(_tail(bits), x)
        bits = mix(bits + NEURON_STRIDE)
        if _HEIGHT[layer] + uniform(bits) * (_HEIGHT[layer + 1] - _HEIGHT[layer]) < np.exp(-0.5 * x * x):
            return x
        bits = mix(bits + NEURON_STRIDE)

"""Which thread owns which neurons of the clock engine. A result never depends on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Populations from this size on are cut at multiples of 64: their synapses may be rows of bits (kernels/bits.py).
WHOLE_WORDS = 1024
_WORD = 64
_SEVERAL = 8


def cut_populations(sizes: Sequence[int], threads: int) -> np.ndarray:
    """Return int64[threads + 1, P]: thread k owns neurons low[k, p] .. low[k + 1, p] - 1 of population p.

    Populations of one size are cut alike, so that one-to-one partners stay together. No part is one neuron of several:
    its column of coefficients would pass for one that serves all, which kernels may read by other, differently rounded loops.
    """
    low = np.zeros((threads + 1, len(sizes)), dtype=np.int64)
    for p, size in enumerate(sizes):
        unit = _WORD if size >= WHOLE_WORDS else _SEVERAL
        low[:, p] = size * np.arange(threads + 1) // threads // unit * unit
        if size > 1 and size % unit == 1:
            low[low[:, p] == size - 1, p] -= unit
        low[threads, p] = size
    return low

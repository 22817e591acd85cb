"""Scalar functions of whole arrays that numpy lacks."""

from __future__ import annotations

import math

import numpy as np

from snnsim.kernels._jit import kernel


@kernel
def _erf(x, out):
    for i in range(x.size):
        out[i] = math.erf(x[i])


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function of float64[...], element by element, as the C library computes it."""
    flat = np.ascontiguousarray(x, dtype=np.float64).ravel()
    out = np.empty_like(flat)
    _erf(flat, out)
    return out.reshape(np.shape(x))

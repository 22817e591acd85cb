"""Real numbers as whole ones: the nearest, and how far weights reach before they are clipped."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnsim.conversion.terms import Mapped

#: how real weights, in steps, become whole ones of a magnitude at most: (term, real, largest) -> whole
Rounding = Callable[[Mapped, np.ndarray, int], np.ndarray]

#: candidates for the largest whole weight, as fractions of the largest real one
_SHARES = np.linspace(0.4, 1.0, 25)


def round_half_up(values: np.ndarray) -> np.ndarray:
    """Return the nearest whole numbers, int64; halves go up."""
    return np.floor(np.asarray(values) + 0.5).astype(np.int64)


def nearest(term: Mapped, real: np.ndarray, largest: int) -> np.ndarray:
    """Return the nearest whole numbers, clipped to +-largest."""
    return np.clip(round_half_up(real), -largest, largest)


def best_share(weight: np.ndarray, largest: int) -> np.ndarray:
    """Return for each output channel which share of its largest weight to cover, so that rounding and clipping err least in squares.

    weight : float64[..., out];   largest : int   the largest whole weight
    """
    rows = weight.reshape(-1, weight.shape[-1])
    step = np.abs(rows).max(axis=0) / largest
    step = np.where(step > 0.0, step, 1.0)
    errors = []
    for share in _SHARES:
        whole = np.clip(np.floor(rows / (step * share) + 0.5), -largest, largest)
        errors.append(((rows - whole * step * share) ** 2).sum(axis=0))
    last = len(_SHARES) - 1  # of equals, the widest
    return _SHARES[last - np.argmin(np.array(errors)[::-1], axis=0)]

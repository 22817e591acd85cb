"""In which steps a population emits.

A step per channel moves outlier channels into the weights (Xiao et al. 2023, SmoothQuant, with alpha = 1), here without cost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snnsim.conversion.calibrate import Range

#: a channel that calibration hardly excites gets the step of one that is excited this much of the most excited one
QUIET = 2.0**-10


class Levels(NamedTuple):
    """What a population can emit: s_min .. s_max, each step worth `scale` (float64[channels], or one number as float64[]).

    s_min, s_max : int, or int64[channels] for tables
    """

    scale: np.ndarray
    s_min: Any
    s_max: Any


def excited(largest: np.ndarray) -> np.ndarray:
    """Return magnitudes of channels, none far below the largest."""
    return np.maximum(largest, largest.max() * QUIET)


def levels_of(limits: Range, bits: int, covered: np.ndarray | None = None) -> Levels:
    """Return the levels that cover `limits` with 2^bits values at most: 0 .. 2^bits - 1, or symmetric about 0.

    covered : float64[channels] or None   magnitude that the levels of each channel reach; None: one step for all channels
    """
    negative = bool((limits.low < 0.0).any())
    s_max = 2 ** (bits - 1) - 1 if negative else 2**bits - 1
    return Levels(np.asarray((limits.largest.max() if covered is None else covered) / s_max), -s_max if negative else 0, s_max)


def lopsided(limits: Range, bits: int, *, per_channel: bool = False) -> Levels:
    """Return 2^bits levels that cover `limits`, as many on either side of 0 as a channel needs (or all of them together)."""
    low, high = (limits.low, limits.high) if per_channel else (limits.low.min(), limits.high.max())
    scale = (high - low) / (2**bits - 1)
    scale = np.maximum(scale, scale.max() * QUIET)
    s_min = -np.floor(-low / scale + 0.5).astype(np.int64)
    return Levels(np.asarray(scale), s_min, s_min + 2**bits - 1)


def smoothed(covered: np.ndarray, weights: np.ndarray, alpha: float) -> np.ndarray:
    r"""Return wider coverage for channels that small weights read, so that the weights get fewer outliers in turn.

    .. math:: covered'_j \propto \max|x_j|^\alpha / \max|w_j|^{1 - \alpha}, \quad \min_j covered'_j / \max|x_j| = 1

    weights : float64[channels]   largest weight that reads each channel

    Source: Xiao et al. (2023), SmoothQuant, eq. 4.
    """
    if not weights.any():
        return covered
    step = covered**alpha / excited(weights) ** (1.0 - alpha)
    return step * (covered / step).max()

"""Rounding of weights that looks at the data: the layer's error is made least, not each weight's."""

from __future__ import annotations

import numpy as np

_SWEEPS = 4  # later ones change next to nothing


def adapted(real: np.ndarray, moment: np.ndarray, cross: np.ndarray, largest: int, *, damping: float = 0.1) -> np.ndarray:
    r"""Return whole weights of small reconstruction error, by coordinate descent from the nearest ones.

    .. math:: \min_Q E \| W^T y - Q^T x \|^2 + \lambda \| W - Q \|^2, \quad |Q_{ij}| \le largest

    x are the inputs of the quantised network and y those of the float network, both in steps of x and with their means removed. One
    input channel after the other takes the whole numbers that are best given all others; a sweep that changes nothing ends it. The
    error falls in every step, so that it ends no higher than that of the nearest weights.

    Parameters
    ----------
    real : float64[in, out]     W, in steps of the whole weights
    moment : float64[in, in]    E[x x^T]
    cross : float64[in, in]     E[x y^T]
    largest : int
    damping : float             lambda as a share of the mean of E[x^2]: it holds weights that the data say nothing about

    Returns
    -------
    int64[in, out]

    Source: the coordinate descent of Behdin et al. (2023), QuantEase; the layer-wise objective is that of Nagel et al. (2020), AdaRound,
    and Frantar et al. (2022), GPTQ, eq. 1; with y other than x it is that of Li et al. (2025), GPTAQ.
    """
    whole = np.clip(np.floor(real + 0.5), -largest, largest)
    ridge = damping * float(np.trace(moment)) / len(moment)
    if ridge == 0.0:
        return whole.astype(np.int64)  # no input ever moves
    wanted = cross @ real + ridge * real
    curvature = moment + ridge * np.eye(len(moment))
    for _ in range(_SWEEPS):
        changed = False
        for i, row in enumerate(curvature):
            best = whole[i] + (wanted[i] - row @ whole) / row[i]
            new = np.clip(np.floor(best + 0.5), -largest, largest)
            if (new != whole[i]).any():
                whole[i] = new
                changed = True
        if not changed:
            break
    return whole.astype(np.int64)

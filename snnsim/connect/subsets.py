"""Uniform subsets, many at once."""

from __future__ import annotations

import numpy as np


def subsets(n_rows: int, n: int, k: int, random: np.random.Generator) -> np.ndarray:
    """Return independent uniform subsets of k of the numbers below n, int64[n_rows, k], each in ascending order.

    Numbers are drawn until each row holds k distinct ones. No step prefers one number to another, so every subset is
    equally likely. Past one half, the numbers left out are drawn instead: each draw then succeeds at least every other
    time. O(n_rows * k) memory.
    """
    if 2 * k > n:
        keep = np.ones((n_rows, n), dtype=bool)
        keep[np.arange(n_rows)[:, None], subsets(n_rows, n, n - k, random)] = False
        return np.nonzero(keep)[1].reshape(n_rows, k)
    keys = np.empty(0, dtype=np.int64)  # row * n + number, ascending
    lacking = np.full(n_rows, k)  # numbers still to be drawn, by row
    while lacking.any():
        drawn = np.repeat(np.arange(n_rows, dtype=np.int64) * n, lacking)
        drawn += random.integers(n, size=len(drawn))
        drawn.sort()
        drawn = drawn[np.diff(drawn, prepend=-1) > 0]
        at = np.searchsorted(keys, drawn)
        known = at < len(keys)
        known[known] = keys[at[known]] == drawn[known]
        keys, drawn = np.insert(keys, at[~known], drawn[~known]), drawn[~known]
        lacking -= np.bincount(drawn // n, minlength=n_rows)
    return (keys % max(n, 1)).reshape(n_rows, k)

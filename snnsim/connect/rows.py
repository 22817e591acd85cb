"""Synapses made row by row, straight into their final arrays; what is drawn, by compiled kernels.

own : int64[n_pre]   in all of these, the target each source itself is, which it has no synapse to; n_post where it is none
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from snnsim.connect.base import Synapses, narrow

_SHARE = 1 << 22  # synapses that are worth a thread of their own


def all_rows(n_post: int, own: np.ndarray) -> Synapses:
    """Return every pair."""
    n_pre = len(own)
    target = np.tile(np.arange(n_post, dtype=narrow(n_post)), n_pre)
    left_out = own < n_post
    if left_out.any():
        target = np.delete(target, (np.arange(n_pre) * n_post + own)[left_out])
    row_ptr = np.zeros(n_pre + 1, dtype=np.int64)
    np.cumsum(n_post - left_out, out=row_ptr[1:])
    return Synapses(row_ptr, target)


def counted_rows(count: np.ndarray, n_post: int, own: np.ndarray, random: np.random.Generator, *, repeat: bool) -> Synapses:
    """Return count[i] synapses of source i, int64[n_pre]: distinct ones drawn uniformly or, with `repeat`, independent ones."""
    from snnsim.kernels.draw import fill_rows  # numba is loaded when something runs, not by import snnsim

    key, n_pre = random.integers(2**64, dtype=np.uint64), len(own)
    row_ptr = np.concatenate([[0], np.cumsum(count, dtype=np.int64)])
    target = np.empty(row_ptr[-1], dtype=narrow(n_post))
    room = 3 * int(count.max(initial=0)) + 2

    def draw(first: int, last: int) -> None:
        fill_rows(key, first, last, n_post, own, repeat, row_ptr, np.full(room, np.iinfo(np.uint64).max), target)

    _spread(draw, n_pre, len(target))
    return Synapses(row_ptr, target)


def transposed(sources: np.ndarray, n: int, n_pre: int, n_post: int) -> Synapses:
    """Return the synapses of `n_pre` sources, given n sources of each of `n_post` targets, uint[n_post * n]."""
    from snnsim.kernels.draw import transpose

    row_ptr = np.zeros(n_pre + 2, dtype=np.int64)
    target = np.empty(len(sources), dtype=narrow(n_post))
    transpose(sources, n, row_ptr, target)
    return Synapses(row_ptr[:-1], target)


def _spread(work: Callable[[int, int], None], n_rows: int, n_synapses: int) -> None:
    """Call `work` on ranges that make up all rows, in threads where there is enough to do. Who draws a row does not matter."""
    n = min(_cores(), n_synapses // _SHARE)
    if n <= 1:
        work(0, n_rows)
        return
    edges = [n_rows * k // n for k in range(n + 1)]
    with ThreadPoolExecutor(n) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


def _cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

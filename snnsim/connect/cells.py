"""Cell lists: which points can lie within a given reach, without looking at all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

_CHUNK = 1 << 20  # candidate pairs looked at together: tens of megabytes


def candidates(pre: np.ndarray, post: np.ndarray, reach: float, box: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (source, target) in chunks: every pair within `reach`, others beside, no pair twice, sources ascending.

    pre, post : float64[n, d]   positions
    reach : float               >= 0, may be infinite
    box : float64[d] or None    edges of a periodic box that holds all positions; None: open space

    The targets are sorted into cells at least `reach` wide, so a source meets those of 3^d cells. O(n + chunk) memory.
    """
    low = post.min(axis=0) if box is None else np.zeros_like(box)
    extent = post.max(axis=0) - low if box is None else box
    most = max(1, int(np.ceil(len(post) ** (1.0 / post.shape[1]))))  # no more cells than targets, about
    with np.errstate(divide="ignore", invalid="ignore"):
        # A cell a little wider than the reach: rounding then never hides a pair at exactly that distance.
        count = np.floor(np.nan_to_num(extent / (reach * (1.0 + 1e-9)), nan=1.0, posinf=most))
    count = np.clip(count, 1, most).astype(np.int64)
    width = np.where(count > 1, extent / count, np.maximum(extent, reach * (1.0 + 1e-9)))
    width[width == 0.0] = 1.0

    stride = np.append(np.cumprod(count[:0:-1])[::-1], 1)
    places = np.clip(np.floor((post - low) / width).astype(np.int64), 0, count - 1)
    cell = places @ stride
    order = np.argsort(cell, kind="stable")
    first = np.searchsorted(cell[order], np.arange(int(np.prod(count)) + 1))

    here = np.floor((pre - low) / width)
    # Sources may lie far outside the targets; two cells away is as far as any distance.
    here = np.clip(here, -2, count + 1).astype(np.int64)
    starts, sizes = [], []
    for offset in product(*(_offsets(int(n), box is not None) for n in count)):
        there = here + np.array(offset)
        inside = np.ones(len(pre), dtype=bool)
        if box is None:
            inside = np.all((there >= 0) & (there < count), axis=1)
        number = np.where(inside, (there % count) @ stride, 0)
        starts.append(first[number])
        sizes.append(np.where(inside, first[number + 1] - first[number], 0))
    start, size = np.stack(starts, axis=1), np.stack(sizes, axis=1)
    for rows in _chunks(size.sum(axis=1)):
        blocks, begins = size[rows].ravel(), start[rows].ravel()
        ends = np.cumsum(blocks)
        total = int(ends[-1]) if len(ends) else 0
        source = np.repeat(np.arange(rows.start, rows.stop, dtype=np.int64), size[rows].sum(axis=1))
        yield source, order[np.arange(total) + np.repeat(begins - (ends - blocks), blocks)]


def _offsets(count: int, periodic: bool) -> tuple[int, ...]:
    """Return the neighbours of a cell along one axis, none twice."""
    return (-1, 0, 1) if not periodic or count > 2 else tuple(range(count))


def _chunks(sizes: np.ndarray) -> Iterator[slice]:
    """Yield slices of consecutive rows, of `_CHUNK` pairs or of one row."""
    total, at = np.cumsum(sizes), 0
    while at < len(sizes):
        done = total[at - 1] if at else 0
        end = max(at + 1, int(np.searchsorted(total, done + _CHUNK, side="right")))
        yield slice(at, end)
        at = end

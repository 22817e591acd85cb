"""Drawing synapses row by row. A row's bits depend on its key and number alone: rows may be drawn in any order, or again."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf
from snnsim.kernels.random import draw, mix

_S32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_WEYL = np.uint64(0x9E3779B97F4A7C15)


@leaf
def fill_rows(key, first, last, n_post, own, repeat, row_ptr, cells, out):
    """Draw rows first .. last - 1 of given length: uniform subsets of the targets or, with `repeat`, independent targets.

    own : int64[n_rows]         target a row has no synapse to; n_post: none
    row_ptr : int64[n_rows + 1] where each row starts
    out : uint[n_synapses]      modified in place
    cells : uint64[3 * longest row + 2]   scratch, all 2^64 - 1, and left so
    O(synapses).
    """
    for row in range(first, last):
        mine = out[row_ptr[row] : row_ptr[row + 1]]
        skip = own[row]
        width = n_post - (skip < n_post)
        if repeat:
            _scatter(key, row, mine.size, width, True, cells)
            _collect(cells, np.uint64(width), mine)
        elif 2 * mine.size <= width:
            _scatter(key, row, mine.size, width, False, cells)
            _collect(cells, np.uint64(1) << _S32, mine)
        else:  # past one half the targets left out are drawn: every draw then succeeds at least every other time
            _scatter(key, row, width - mine.size, width, False, cells)
            _collect_others(cells, width, mine)
        if skip < n_post:
            for i in range(mine.size):
                mine[i] += mine[i] >= skip


@leaf
def _scatter(key, row, n, width, repeat, cells):
    """Draw n numbers into `cells` in ascending order with gaps between: numbers below `width`, or 32 bits each with `repeat`.

    Each number has a home among 2 n cells that grows with it; it moves right past smaller ones and pushes larger ones on.
    As the numbers are uniform, that is a few cells. Equal targets are spread by all their bits, so repeats do not pile up.
    Source: Gonnet & Munro (1984), The analysis of linear probing sort by the use of a new mathematical transform, J. Algorithms 5:451.
    """
    span = np.uint64(width)
    # 2^32 mod width: the products whose lower half is below it would make some targets likelier.
    # Source: Lemire (2019), Fast random integer generation in an interval, ACM TOMACS 29:3.
    biased = (np.uint64(1) << _S32) % span if width > 0 else np.uint64(0)
    scale = np.uint64(2 * n) if repeat else (np.uint64(2 * n) << _S32) // max(span, np.uint64(1))
    made, number = 0, 0
    while made < n:
        bits = draw(key, row, number)
        number += 1
        product = (bits >> _S32) * span
        while product & _LOW < biased:
            bits = mix(bits + _WEYL)
            product = (bits >> _S32) * span
        value = bits >> _S32 if repeat else product >> _S32
        cell = (value * scale) >> _S32
        while cells[cell] < value:
            cell += np.uint64(1)
        if not repeat and cells[cell] == value:
            continue
        while value != _EMPTY:
            cells[cell], value = value, cells[cell]
            cell += np.uint64(1)
        made += 1


@leaf
def _collect(cells, scale, out):
    """Move the numbers of `cells` into `out`, times scale / 2^32."""
    n, cell = 0, 0
    while n < out.size:
        value = cells[cell]
        # Written without a branch, and written over while the cell was empty.
        out[n] = (value * scale) >> _S32
        n += value != _EMPTY
        cells[cell] = _EMPTY
        cell += 1


@leaf
def _collect_others(cells, width, out):
    """Move the numbers below `width` that are not in `cells` into `out`."""
    n, cell, drawn = 0, 0, width - out.size
    value = 0
    for _ in range(drawn):
        while cells[cell] == _EMPTY:
            cell += 1
        left_out = np.int64(cells[cell])
        cells[cell] = _EMPTY
        while value < left_out:
            out[n] = value
            n, value = n + 1, value + 1
        value += 1
    while value < width:
        out[n] = value
        n, value = n + 1, value + 1


@leaf
def transpose(source, n, row_ptr, target):
    """Turn the n sources of every target into the targets of every source, in ascending order.

    source : uint[n_post * n]      sources of target 0, then of target 1, ...
    row_ptr : int64[n_pre + 2]     zeros; receives the start of each row, and the end twice
    target : uint[n_post * n]      modified in place
    """
    for s in source:
        row_ptr[s + 2] += 1
    for i in range(2, row_ptr.size):
        row_ptr[i] += row_ptr[i - 1]
    for k in range(source.size):
        at = np.int64(source[k]) + 1
        target[row_ptr[at]] = k // n
        row_ptr[at] += 1

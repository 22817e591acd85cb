"""Counting spikes by the word: synapses as rows of bits, sums as planes of bits.

Where a projection joins at least every sixteenth pair with one weight and one delay, a row of one bit per target is smaller
than a list of targets, and what a target receives in a step is a number of spikes. Full adders sum 64 targets at a time:
a level holds one sum row and its carries, three rows of one level make one sum row and one carry row of the next. The
count of a target is exact and free of order, and a spike costs n_targets / 64 words rather than its synapses.
Source: Harley & Seal's population count (Warren 2013, Hacker's Delight, section 5-1), turned from bits of a word to rows.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline
from snnsim.kernels.prefetch import prefetch

#: Spikes summed in one go: a count then fits a byte.
MOST = 255
_LEVELS = 8
_CARRY = 2  # slots 0 and 1 of a level hold its sum in turn, 2 and 3 its waiting carries
_BLANK = 3  # of level 0, which has no waiting carries
_BYTE = np.uint64(255)
_EIGHT = np.uint64(8)
_NONE = np.uint64(0)
_LINE = 8  # words of a cache line
_AHEAD = 768  # words asked for before they are read: a hundred lines

#: Byte of 8 bits -> word of 8 bytes, each 0 or 1.
SPREAD = np.array([sum(((byte >> bit) & 1) << (8 * bit) for bit in range(8)) for byte in range(256)], dtype=np.uint64)


def workspace(words: int) -> np.ndarray:
    """Return scratch rows for `count_rows`, uint64[levels + 1, 4, words]."""
    return np.zeros((_LEVELS + 1, 4, max(words, 1)), dtype=np.uint64)


def level_state() -> np.ndarray:
    """Return scratch numbers for `count_rows`, int64[2, levels + 1]: the slot of each sum, and its waiting carries."""
    return np.zeros((2, _LEVELS + 1), dtype=np.int64)


@leaf
def _full_add(a, b, c, total, carry):
    """Add three rows of bits into a row of sums and a row of carries; the last two must not be any of the first."""
    for j in range(a.size):
        mixed = a[j] ^ b[j]
        total[j] = mixed ^ c[j]
        carry[j] = (a[j] & b[j]) | (mixed & c[j])


@leaf
def _lift(work, levels, level, words):
    """Add the waiting carries of a level (two, or one and a blank row) into its sum, and hand their carry on."""
    side, waiting = levels[0, level], levels[1, level]
    second = work[level, _CARRY + 1, :words] if waiting == 2 else work[0, _BLANK, :words]
    up = work[level + 1, _CARRY + levels[1, level + 1], :words]
    _full_add(work[level, side, :words], work[level, _CARRY, :words], second, work[level, 1 - side, :words], up)
    levels[0, level], levels[1, level] = 1 - side, 0
    levels[1, level + 1] += 1


@leaf
def _enter(work, levels, a, b):
    """Add two rows of bits into level 0, and their carry into the levels above."""
    side, words = levels[0, 0], a.size
    up = work[1, _CARRY + levels[1, 1], :words]
    _full_add(work[0, side, :words], a, b, work[0, 1 - side, :words], up)
    levels[0, 0] = 1 - side
    levels[1, 1] += 1
    level = 1
    while levels[1, level] == 2:
        _lift(work, levels, level, words)
        level += 1


@leaf
def _spread(row, shift, table, counts):
    """Add the bits of a row, each worth 1 << shift, to the bytes of `counts`."""
    at = 0
    for word in row:
        rest = word
        for _ in range(8):
            counts[at] += table[rest & _BYTE] << shift
            rest >>= _EIGHT
            at += 1


@leaf_inline
def _ask(bits, row, stride, first, words):
    """Ask for the words of a row, without waiting for them."""
    at = np.int64(row) * stride + first
    for j in range(0, words, _LINE):
        prefetch(bits, at + j)
    prefetch(bits, at + words - 1)


@leaf
def count_rows(bits, stride, first, words, sources, times, most, work, levels, table, counts):
    """Count, for 64 * words targets, the spikes that reach each.

    bits : uint64[...]           row of source s from word s * stride on
    first, words : int           the words of a row that are looked at
    sources, times : int32[k]    rows, and how often each is taken; at most `MOST` in all
    most : int                   no row is taken more often than this
    work : `workspace`, levels : `level_state`, table : `SPREAD`
    counts : uint64[8 * words]   overwritten; its bytes are the counts
    O(sum(times) * words / vector width).
    """
    for level in range(_LEVELS + 1):
        levels[0, level] = levels[1, level] = 0
    for level in range(_LEVELS):
        for slot in range(1 if level else 4):
            row = work[level, slot, :words]
            for j in range(words):
                row[j] = _NONE
    # Rows lie anywhere in memory; alone, the processor would wait for the first words of each.
    ahead = 1 + _AHEAD // max(words, 1)
    for k in range(min(sources.size, ahead)):
        _ask(bits, sources[k], stride, first, words)
    total, pending = 0, np.int64(-1)
    for k in range(sources.size):
        if k + ahead < sources.size:
            _ask(bits, sources[k + ahead], stride, first, words)
        at = np.uint64(sources[k]) * np.uint64(stride) + np.uint64(first)
        for _ in range(min(times[k], most)):
            total += 1
            if pending < 0:
                pending = np.int64(at)
            else:
                _enter(work, levels, bits[pending : pending + words], bits[np.int64(at) : np.int64(at) + words])
                pending = np.int64(-1)
    if pending >= 0:
        _enter(work, levels, bits[pending : pending + words], work[0, _BLANK, :words])
    for j in range(8 * words):
        counts[j] = _NONE
    level = 0
    while total >> level:
        if levels[1, level] > 0:
            _lift(work, levels, level, words)
        _spread(work[level, levels[0, level], :words], np.uint64(level), table, counts)
        level += 1

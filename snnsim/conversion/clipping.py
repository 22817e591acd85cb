"""Narrower ranges than the largest value: what lies past them is clipped, and the rest gets finer steps.

One pass over the calibration data, in their order, counts values in bins between minus and plus the largest magnitude of a channel
(or of the population, where it has one step). The ranges follow from the counts, so that they do not depend on the batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from snnsim.conversion.calibrate import AT_ONCE, Range, real_rows
from snnsim.conversion.levels import levels_of, lopsided
from snnsim.graph.ir import Graph

_BINS = 2048
#: candidate ranges, as shares of the largest magnitude: fine steps down to 1/4, coarse ones down to 1/32
_SHARES = 2.0 ** -np.concatenate([np.arange(33) / 16.0, 2.0 + np.arange(1, 13) / 4.0])


class Clip(NamedTuple):
    """How one range is narrowed: 'percentile', 'mse' or (low, high); for how many bits; per channel or as a whole; for a table; for an
    input, whose range covers its calibration data at least.
    """

    how: str | tuple[float, float]
    bits: int
    per_channel: bool = False
    table: bool = False
    percentile: float = 100.0
    encoded: bool = False


def clipped(graph: Graph, given: Mapping[str, np.ndarray], limits: Mapping[str, Range], clips: Mapping[str, Clip]) -> Mapping[str, Range]:
    """Return `limits` with those named in `clips` narrowed. given : array[samples, ...] by input, as checked"""
    found = dict(limits)
    counted = {name: clip for name, clip in clips.items() if isinstance(clip.how, str)}
    for name, clip in clips.items():
        if name not in counted:
            low, high = np.full_like(limits[name].low, clip.how[0]), np.full_like(limits[name].high, clip.how[1])
            if clip.encoded:
                low, high = np.minimum(low, limits[name].low), np.maximum(high, limits[name].high)
            found[name] = Range(low, high)
    counts = _counted(graph, given, limits, counted)
    for name, clip in counted.items():
        whole = _whole(limits[name], clip.per_channel)
        share = (
            share_of_mass(counts[name], clip.percentile) if clip.how == "percentile" else share_of_least_error(counts[name], whole, clip)
        )
        edge = np.broadcast_to(share * whole.largest, limits[name].low.shape)
        found[name] = Range(np.maximum(limits[name].low, -edge), np.minimum(limits[name].high, edge))
    return found


def _whole(limits: Range, per_channel: bool) -> Range:
    return limits if per_channel else Range(limits.low.min(keepdims=True), limits.high.max(keepdims=True))


def _counted(
    graph: Graph, given: Mapping[str, np.ndarray], limits: Mapping[str, Range], clips: Mapping[str, Clip]
) -> dict[str, np.ndarray]:
    """Return histograms int64[channels, _BINS] by name; the bins reach from -largest to largest."""
    counts: dict[str, np.ndarray] = {}
    samples = len(next(iter(given.values()))) if clips else 0
    for first in range(0, samples, AT_ONCE):
        values = graph.evaluate({name: array[first : first + AT_ONCE] for name, array in given.items()})
        for name, clip in clips.items():
            rows = real_rows(values[name])
            rows = rows if clip.per_channel else rows.reshape(-1, 1)
            largest = _whole(limits[name], clip.per_channel).largest
            bins = np.floor((rows / np.where(largest > 0.0, largest, 1.0) + 1.0) * (_BINS / 2)).astype(np.int64)
            bins = np.minimum(bins, _BINS - 1) + _BINS * np.arange(rows.shape[1])
            new = np.bincount(bins.ravel(), minlength=_BINS * rows.shape[1]).reshape(-1, _BINS)
            counts[name] = counts.get(name, 0) + new
    return counts


def share_of_mass(counts: np.ndarray, percentile: float) -> np.ndarray:
    """Return, float64[channels], the share of the largest magnitude that covers `percentile` % of the values.

    counts : int64[channels, bins]

    Source: the robust normalisation of Rueckauer et al. (2017), there of one scale per layer.
    """
    half = counts.shape[1] // 2
    folded = counts[:, half:] + counts[:, half - 1 :: -1]  # by magnitude, from 0 up
    mass = np.cumsum(folded, axis=1)
    place = np.argmax(mass >= percentile / 100.0 * mass[:, -1:], axis=1)
    return (place + 1.0) / half


def share_of_least_error(counts: np.ndarray, limits: Range, clip: Clip) -> np.ndarray:
    """Return, float64[channels], the share of the largest magnitude whose levels miss the counted values least in squares.

    Source: the clipping of least squared error of Banner et al. (2019), by search instead of for an assumed distribution.
    """
    largest = np.where(limits.largest > 0.0, limits.largest, 1.0)
    low, high = limits.low / largest, limits.high / largest
    x = (np.arange(counts.shape[1]) + 0.5) / (counts.shape[1] / 2) - 1.0  # the middle of each bin
    errors = []
    for share in _SHARES:
        narrowed = Range(np.maximum(low, -share), np.minimum(high, share))
        if clip.table and low.min() < 0.0:
            levels = lopsided(narrowed, clip.bits, per_channel=clip.per_channel)
        else:
            levels = levels_of(Range(np.array([-share if low.min() < 0.0 else 0.0]), np.array([share])), clip.bits)
        scale, s_min, s_max = (np.reshape(value, (-1, 1)) for value in levels)
        whole = np.clip(np.floor(x / scale + 0.5), s_min, s_max)
        errors.append((counts * (x - whole * scale) ** 2).sum(axis=1))
    return _SHARES[np.argmin(errors, axis=0)]

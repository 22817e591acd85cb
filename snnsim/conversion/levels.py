"""Third pass: in which steps each population emits.

Every neuron has thresholds of its own, so that every channel may have a step of its own: the edges that read it carry the steps.
That is what moves outlier channels into the weights (Xiao et al. 2023, SmoothQuant, with alpha = 1), here without cost. Where a
reader needs one step for all channels, as a product does, there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.conversion.calibrate import Range
from snnsim.conversion.plan import Plan, Planned
from snnsim.conversion.terms import Mapped, Multiplied, Point, by_channel
from snnsim.graph.nodes import Input, Max, Softmax

#: a channel that calibration hardly excites gets the step of one that is excited this much of the most excited one
_QUIET = 2.0**-10


class Levels(NamedTuple):
    """What a population can emit: s_min .. s_max, each step worth `scale` (float64[channels], or one number as float64[]).

    s_min, s_max : int, or int64[channels] for tables
    """

    scale: np.ndarray
    s_min: Any
    s_max: Any


def levels_of(limits: Range, bits: int, *, per_channel: bool) -> Levels:
    """Return the levels that cover `limits` with 2^bits values at most: 0 .. 2^bits - 1, or symmetric about 0."""
    negative = bool((limits.low < 0.0).any())
    s_max = 2 ** (bits - 1) - 1 if negative else 2**bits - 1
    largest = limits.largest
    step = np.maximum(largest, largest.max() * _QUIET) if per_channel else largest.max()
    return Levels(np.asarray(step / s_max), -s_max if negative else 0, s_max)


def lopsided(limits: Range, bits: int, *, per_channel: bool) -> Levels:
    """Return 2^bits levels that cover `limits`, as many on either side of 0 as a channel needs (or all of them together)."""
    low, high = (limits.low, limits.high) if per_channel else (limits.low.min(), limits.high.max())
    scale = (high - low) / (2**bits - 1)
    scale = np.maximum(scale, scale.max() * _QUIET)
    s_min = -np.floor(-low / scale + 0.5).astype(np.int64)
    return Levels(np.asarray(scale), s_min, s_min + 2**bits - 1)


def channel_ids(planned: Planned) -> np.ndarray:
    """Return the channel of every unit of a population, int64[units]: its place along the last axis, of a maximum that of its rows."""
    shape = planned.shape
    units = np.arange(int(np.prod(shape)))
    if isinstance(planned.function, Max):
        return units // shape[-1] % (shape[-2] if len(shape) > 1 else 1)
    return units % shape[-1]


def channelwise(plan: Plan) -> Mapping[str, bool]:
    """Return for each population whether all that read it can take a step per channel."""
    able = {planned.name: not isinstance(planned.function, Softmax) for planned in plan.populations}
    ids = {planned.name: channel_ids(planned) for planned in plan.populations}
    for planned in reversed(plan.populations):
        if isinstance(planned.node, Input) and planned.node.kind == "levels":
            able[planned.name] = False
        for term in planned.terms:
            if isinstance(term, Multiplied):
                able[term.left] = able[term.right] = False
            elif isinstance(term, Mapped):
                width = term.weight.shape[0] if term.conv is None else term.weight.shape[-2] * term.conv.groups
                able[term.source] &= _rows_agree(term.index, ids[term.source], width)
            elif isinstance(planned.function, Max):
                # A maximum answers in the steps of what it compares, so it needs them where its readers do.
                able[term.source] &= able[planned.name] and _windows_agree(planned, term, ids[term.source])
        for term in planned.blocked:
            able[term.source] = False
    return able


def _rows_agree(index: np.ndarray | None, ids: np.ndarray, width: int) -> bool:
    """Whether every row of a layout has the same channels of the source in the same places."""
    channel = ids.reshape(-1, width) if index is None else ids[index].reshape(-1, width)
    return by_channel(channel, index, channel.shape) is not None


def _windows_agree(planned: Planned, term: Point, ids: np.ndarray) -> bool:
    """Whether a maximum compares within one channel of its source, the one of its own row."""
    own = channel_ids(planned).reshape(planned.shape)
    channel = ids.reshape(1, *planned.shape) if term.index is None else np.where(term.index < 0, own, ids[term.index])
    return ids.max(initial=0) == own.max(initial=0) and bool((channel == own).all())

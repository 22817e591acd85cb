"""Biases in whole accumulator units, and what becomes of one that does not fit."""

from __future__ import annotations

import numpy as np

from snnsim.conversion.plan import Planned
from snnsim.conversion.whole import round_half_up
from snnsim.errors import ConversionError
from snnsim.models.integer import INT32


def whole_bias(planned: Planned, unit: np.ndarray) -> np.ndarray:
    """Return the bias of a population in accumulator units worth `unit`. Raises ConversionError where 31 bits do not hold it."""
    units = planned.bias / unit
    check_bias(planned, np.abs(units).max())
    return round_half_up(units) if np.any(planned.bias) else np.zeros((), dtype=np.int64)


def check_bias(planned: Planned, largest: float, *, corrected: bool = False) -> None:
    """Refuse a bias of `largest` units past 31 bits. corrected : whether it is so large by bias correction only"""
    if largest < INT32:
        return
    place = f" ({planned.node.origin})" if planned.node.origin else ""
    after = " after bias correction" if corrected else ""
    remedy = "Convert with fewer weight_bits, so that a unit is worth more" + (", or with bias_correction=False." if corrected else ".")
    raise ConversionError(
        f"Graph node {planned.name!r}{place} has a bias of {largest:.4g} accumulator units{after}, past 31 bits: it must be below {INT32}. "
        f"Its weights, or what it reads, are too small beside it. {remedy} Or rescale the model, for example by larger weights."
    )

"""Functions as tables of whole numbers: any scalar function over a range, and the exponential of a softmax."""

from __future__ import annotations

import math

import numpy as np

from snnsim.conversion.whole import round_half_up
from snnsim.errors import ConversionError
from snnsim.graph.functions import Expression, evaluate

TABLE_ENTRIES = 4096  # the most that a table holds
_EXP_BITS = 15  # fixed-point bits of exp(-x)
_EXP_RESOLUTION = 1.0 / 64.0  # widest step of the softmax argument, in nats


def tabulated(name: str, function: Expression, arguments: np.ndarray) -> np.ndarray:
    """Return a function of node `name` at ascending `arguments`, float64. Raises ConversionError where it is not finite."""
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(evaluate(function, arguments), dtype=np.float64), arguments.shape)
    if not np.isfinite(values).all():
        raise ConversionError(
            f"Graph node {name!r} is not finite between {arguments[0]:g} and {arguments[-1]:g}, the range of its input on the "
            "calibration data. Keep its argument away from there, for example by a clamp in the model."
        )
    return values


def exponentials(name: str, unit: float) -> tuple[np.ndarray, int]:
    """Return exp(-x) for x in steps of 2^shift accumulator units worth `unit`, in fixed point, down to its first 0; and the shift."""
    shift = max(0, math.floor(math.log2(_EXP_RESOLUTION / unit)))
    middle = unit * (np.arange(TABLE_ENTRIES) * 2**shift + (2**shift - 1) / 2)
    table = round_half_up(np.exp(-middle) * 2**_EXP_BITS)
    table = table[: np.count_nonzero(table) + 1]
    if table[-1]:
        raise ConversionError(f"Graph node {name!r}: its input has too many fine steps for a table of {TABLE_ENTRIES}. Scale it up.")
    return table, shift

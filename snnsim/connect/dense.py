"""A weight matrix shared by all tokens, for integer units."""

from __future__ import annotations

from typing import final

import numpy as np

from snnsim.connect.base import Connector, Shape
from snnsim.errors import ParameterError, WiringError
from snnsim.units import as_integers


def whole_weights(owner: str, weight: np.ndarray) -> np.ndarray:
    """Return read-only int8 weights where all are within -127 .. 127, int16 where within -32767 .. 32767; else ParameterError.

    An array of such a type is kept as it is, so that projections may share one.
    """
    array = np.asarray(weight)
    ready = array.dtype in (np.int8, np.int16) and not array.flags.writeable and array.flags.c_contiguous
    if not ready or array.min(initial=0) in (-128, -32768):
        array = as_integers(owner, weight, low=-32767, high=32767)
        narrow = np.abs(array).max(initial=0) <= 127
        array = np.ascontiguousarray(array, dtype=np.int8 if narrow else np.int16)
        array.flags.writeable = False
    return array


@final
class Dense(Connector):
    """A weight matrix over the last axis, shared by all leading positions (tokens).

    weight : int8 or int16[width_in, width_out]   row = source channel, so that one event reads one contiguous row

    Joins (..., width_in) to (..., width_out) with equal leading axes. The weight of the projection is a gain, one whole number.
    """

    weighted = True

    def __init__(self, weight: np.ndarray) -> None:
        self.weight = whole_weights("Dense.weight", weight)
        if self.weight.ndim != 2:
            raise ParameterError(f"Dense.weight has shape {self.weight.shape} but must be a matrix (width_in, width_out).")

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        wanted = (pre[:-1], pre[-1], post[-1])
        if (post[:-1], *self.weight.shape) != wanted:
            raise WiringError(
                f"{where}: Dense.weight {self.weight.shape} cannot join {pre} to {post}: it needs shape ({pre[-1]}, {post[-1]}) "
                "and equal leading axes."
            )

"""A weight matrix shared by all tokens, for integer units."""

from __future__ import annotations

from typing import final

import numpy as np

from snnsim.connect.base import Connector, Shape
from snnsim.errors import ParameterError, WiringError
from snnsim.units import as_integers


@final
class Dense(Connector):
    """A weight matrix over the last axis, shared by all leading positions (tokens).

    weight : int8[width_in, width_out]   row = source channel, so that one event reads one contiguous row

    Joins (..., width_in) to (..., width_out) with equal leading axes.
    """

    def __init__(self, weight: np.ndarray) -> None:
        array = as_integers("Dense.weight", weight, low=-127, high=127)
        if array.ndim != 2:
            raise ParameterError(f"Dense.weight has shape {array.shape} but must be a matrix (width_in, width_out).")
        self.weight = np.ascontiguousarray(array, dtype=np.int8)
        self.weight.flags.writeable = False

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        wanted = (pre[:-1], pre[-1], post[-1])
        if (post[:-1], *self.weight.shape) != wanted:
            raise WiringError(
                f"{where}: Dense.weight {self.weight.shape} cannot join {pre} to {post}: it needs shape ({pre[-1]}, {post[-1]}) "
                "and equal leading axes."
            )

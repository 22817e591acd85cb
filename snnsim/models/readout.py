"""The output of a network of integer units: accumulators that are read and never fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.kernels.integer_units import keep
from snnsim.models.integer import IntegerUnit


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Readout(IntegerUnit):
    """A non-spiking accumulator, ``g(acc) = 0``: its membrane is the answer."""

    label = "readout"
    g = keep

    def bounds(self) -> tuple[int, int]:
        return 0, 0

    def flat(self, width: int) -> np.ndarray:
        return np.zeros(0, dtype=np.int64)

"""A neuron whose staircase has steps of any height: an activation function as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.kernels.integer_units import table
from snnsim.models.integer import IntegerUnit, integer_array, per_channel
from snnsim.units import check_integer


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Table(IntegerUnit):
    r"""A spiking neuron with one threshold per table entry.

    .. math:: g(acc) = values[\mathrm{clip}(\lfloor acc / \theta + 1/2 \rfloor, low, low + n - 1) - low]

    Parameters
    ----------
    theta : int or int[width]   accumulator units per table entry, >= 1
    low : int                   argument of the first entry, <= 0
    values : int[n]             what the neuron has emitted at each argument, n <= 4096; the entry at 0 may differ from 0
    """

    label = "spiking"
    role = "lookup"
    g = table

    theta: Any
    low: Any
    values: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "theta", integer_array("Table.theta", self.theta, low=1))
        object.__setattr__(self, "low", check_integer("Table.low", self.low, low=-(2**30), high=0))
        values = integer_array("Table.values", self.values, low=-(2**30), high=2**30)
        if values.ndim != 1 or not 2 <= values.size <= 4096:
            raise ParameterError(f"Table.values has shape {values.shape} but must be a list of 2 .. 4096 whole numbers.")
        object.__setattr__(self, "values", values)

    def bounds(self) -> tuple[int, int]:
        return min(0, int(self.values.min())), max(0, int(self.values.max()))

    def operations(self, width: int) -> dict[str, int]:
        return {"state_reads": width, "adds": width, "tables": width}

    def flat(self, width: int) -> np.ndarray:
        theta = per_channel("Table.theta", self.theta, width)
        return np.concatenate([[self.low, len(self.values)], theta, self.values]).astype(np.int64)

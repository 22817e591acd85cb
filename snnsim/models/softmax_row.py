"""Softmax as a group of cooperating integer units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.kernels.integer_units import softmax_row
from snnsim.models.integer import IntegerUnit, integer_array
from snnsim.units import check_integer


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SoftmaxRow(IntegerUnit):
    r"""Integer softmax over a row (the last axis): a group unit.

    .. math:: e_j = table[\min(\lfloor (m - acc_j) / 2^{shift} \rfloor, n - 1)], \quad
              g_j = \lfloor levels \cdot e_j / \sum e + 1/2 \rfloor, \quad m = \max_j acc_j

    Parameters
    ----------
    table : int[n]   exp(-x) in fixed point at the n argument steps, n <= 4096, table[0] >= 1, falling
    shift : int      2^shift accumulator units per table entry, 0 .. 30
    levels : int     value that stands for probability 1

    Source: integer softmax by look-up, after Kim et al. (2021), I-BERT, section 3.5 (there with a polynomial).
    """

    label = "group"
    role = "group"
    g = softmax_row

    table: Any
    shift: Any
    levels: Any = 255

    def __post_init__(self) -> None:
        super().__post_init__()
        table = integer_array("SoftmaxRow.table", self.table, low=0)
        if table.ndim != 1 or not 1 <= table.size <= 4096 or table[0] < 1 or np.any(np.diff(table) > 0) or table[0] > 2**20:
            raise ParameterError(
                f"SoftmaxRow.table has shape {table.shape} but must be 1 .. 4096 falling whole numbers that begin in 1 .. 2^20."
            )
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "shift", check_integer("SoftmaxRow.shift", self.shift, low=0, high=30))
        object.__setattr__(self, "levels", check_integer("SoftmaxRow.levels", self.levels, low=1, high=2**15))

    def bounds(self) -> tuple[int, int]:
        return 0, self.levels

    def largest_acc(self, width: int) -> int:
        return 2**30 - 1  # the difference of two accumulators must fit 32 bits

    def operations(self, width: int) -> dict[str, int]:
        # per unit: compare for the maximum and subtract it, shift, look up, add to the sum, scale, divide
        return {"state_reads": width, "adds": 3 * width, "shifts": width, "tables": width, "multiplies": width, "divides": width}

    def flat(self, width: int) -> np.ndarray:
        return np.concatenate([[self.levels, self.shift, len(self.table)], self.table]).astype(np.int64)

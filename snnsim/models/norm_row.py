"""LayerNorm as a group of cooperating integer units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.kernels.integer_units import norm_row
from snnsim.models.integer import IntegerUnit, check_levels, integer_array, per_channel
from snnsim.units import check_integer

#: fixed-point fraction bits of gain and offset
GAIN_BITS = 12


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class NormRow(IntegerUnit):
    r"""Integer LayerNorm over a row of n units (the last axis): a group unit.

    .. math:: c_i = n\,acc_i - \sum acc, \quad V = n \sum acc^2 - (\sum acc)^2 + \epsilon, \quad
              g_i = \mathrm{clip}(\lfloor (gain_i\, c_i / \sqrt V + offset_i) / 2^{12} + 1/2 \rfloor, s_{min}, s_{max})

    The root is the exact integer square root of ``2^20 V``, and every division rounds down.

    Parameters
    ----------
    gain, offset : int or int[width]   times 2^12
    epsilon : int                      in accumulator units squared times n^2, 1 .. 2^40
    s_min, s_max : int                 range of the output

    Source: Ba et al. (2016), eq. 4; integer square root as in Kim et al. (2021), I-BERT, algorithm 4.
    """

    label = "group"
    role = "group"
    g = norm_row

    gain: Any
    offset: Any = 0
    epsilon: Any = 1
    s_min: Any = -127
    s_max: Any = 127

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = check_levels("NormRow", self.s_min, self.s_max)
        object.__setattr__(self, "gain", integer_array("NormRow.gain", self.gain))
        object.__setattr__(self, "offset", integer_array("NormRow.offset", self.offset))
        object.__setattr__(self, "epsilon", check_integer("NormRow.epsilon", self.epsilon, low=1, high=2**40))
        object.__setattr__(self, "s_min", low)
        object.__setattr__(self, "s_max", high)

    def bounds(self) -> tuple[int, int]:
        return self.s_min, self.s_max

    def largest_acc(self, width: int) -> int:
        # n^2 acc^2 + epsilon must stay below 2^42 for the root, and 2^10 * 2 n acc * gain below 2^52 for the division
        return min(math.isqrt(2**42 - 1 - self.epsilon) // width, 2**41 // (2 * width * max(1, int(np.abs(self.gain).max()))))

    def operations(self, width: int) -> dict[str, int]:
        # per unit: two sums, centre, offset; square, n * acc, gain; one division. Once per row: square root
        return {"state_reads": width, "adds": 4 * width, "multiplies": 3 * width, "divides": width + 1}

    def flat(self, width: int) -> np.ndarray:
        gain = per_channel("NormRow.gain", self.gain, width)
        offset = per_channel("NormRow.offset", self.offset, width)
        return np.concatenate([[self.s_min, self.s_max, self.epsilon], gain, offset]).astype(np.int64)

"""LayerNorm and RMSNorm as a group of cooperating integer units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.kernels.integer_units import norm_row
from snnsim.models.integer import IntegerUnit, check_levels, integer_array, per_channel
from snnsim.units import check_bool, check_integer

#: the widest row, and the largest gain: what the 52 bits of an exact division leave
MAX_WIDTH, MAX_GAIN = 4096, 2**26


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class NormRow(IntegerUnit):
    r"""Integer LayerNorm over a row of n units (the last axis): a group unit.

    .. math:: x_i = scale_i\,acc_i, \quad c_i = n\,x_i - \sum x, \quad V = \sum c^2 + \epsilon, \quad
              g_i = \mathrm{clip}(\lfloor (gain_i\, c_i / \sqrt V + offset_i) / 2^{fraction} + 1/2 \rfloor, s_{min}, s_{max})

    Not `centred`, :math:`c_i = n\,x_i`: RMSNorm. Where some c needs more than 20 bits, all c are cut by the same shift,
    and epsilon by twice that. The root is the exact integer square root of ``2^10 V``, and every division rounds down.

    Parameters
    ----------
    gain, offset : int or int[width]   times 2^fraction, the gain also times sqrt(n); a gain is at most 2^26
    scale : int or int[width]          worth of an accumulator unit, 1 .. 2^12; one per channel where they differ
    epsilon : int                      in units of c squared, 0 .. 2^62
    fraction : int                     0 .. 20
    centred : bool                     whether the mean is subtracted
    s_min, s_max : int                 range of the output

    Rows hold at most 4,096 units.

    Source: Ba et al. (2016), eq. 4; Zhang & Sennrich (2019), eq. 4; integer square root as in Kim et al. (2021), I-BERT, algorithm 4.
    """

    label = "group"
    role = "group"
    g = norm_row

    gain: Any
    offset: Any = 0
    scale: Any = 1
    epsilon: Any = 1
    fraction: Any = 12
    centred: Any = True
    s_min: Any = -127
    s_max: Any = 127

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = check_levels("NormRow", self.s_min, self.s_max)
        object.__setattr__(self, "gain", integer_array("NormRow.gain", self.gain, low=-MAX_GAIN, high=MAX_GAIN))
        object.__setattr__(self, "offset", integer_array("NormRow.offset", self.offset, low=-(2**50), high=2**50))
        object.__setattr__(self, "scale", integer_array("NormRow.scale", self.scale, low=1, high=2**12))
        object.__setattr__(self, "epsilon", check_integer("NormRow.epsilon", self.epsilon, low=0, high=2**62))
        object.__setattr__(self, "fraction", check_integer("NormRow.fraction", self.fraction, low=0, high=20))
        object.__setattr__(self, "centred", check_bool("NormRow.centred", self.centred))
        object.__setattr__(self, "s_min", low)
        object.__setattr__(self, "s_max", high)

    def bounds(self) -> tuple[int, int]:
        return self.s_min, self.s_max

    def check_shape(self, population: str, shape: tuple[int, ...]) -> None:
        super().check_shape(population, shape)
        if shape[-1] > MAX_WIDTH:
            raise ParameterError(f"Population({population!r}): a NormRow of {shape[-1]} units is wider than {MAX_WIDTH}. Split the rows.")

    def operations(self, width: int) -> dict[str, int]:
        # per unit: two sums, centre, offset; square, n * acc, gain; one division. Once per row: square root
        scaled = width if np.any(self.scale != 1) else 0
        adds = 4 * width if self.centred else 2 * width
        return {"state_reads": width, "adds": adds, "multiplies": 3 * width + scaled, "divides": width + 1}

    def flat(self, width: int) -> np.ndarray:
        rows = [per_channel(f"NormRow.{field}", getattr(self, field), width) for field in ("gain", "offset", "scale")]
        return np.concatenate([[self.s_min, self.s_max, self.epsilon, self.centred, self.fraction], *rows]).astype(np.int64)

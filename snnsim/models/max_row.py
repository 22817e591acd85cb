"""A maximum as a group of cooperating integer units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.kernels.integer_units import max_row
from snnsim.models.integer import IntegerUnit, check_levels


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class MaxRow(IntegerUnit):
    r"""Maximum of a row (the last axis): its first unit answers, the others stay silent. A group unit, for max pooling.

    .. math:: g_0 = \mathrm{clip}(\max_j acc_j, s_{min}, s_{max}), \quad g_{i > 0} = 0

    Parameters
    ----------
    s_min, s_max : int   range of the output
    """

    label = "group"
    role = "group"
    g = max_row

    s_min: Any = -127
    s_max: Any = 127

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = check_levels("MaxRow", self.s_min, self.s_max)
        object.__setattr__(self, "s_min", low)
        object.__setattr__(self, "s_max", high)

    def bounds(self) -> tuple[int, int]:
        return self.s_min, self.s_max

    def operations(self, width: int) -> dict[str, int]:
        return {"state_reads": width, "adds": width}  # one comparison for each

    def flat(self, width: int) -> np.ndarray:
        return np.array([self.s_min, self.s_max], dtype=np.int64)

"""The input of a network of integer units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.kernels.integer_units import keep
from snnsim.models.integer import IntegerUnit, check_levels


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerInput(IntegerUnit):
    """Emits the integers given to ``simulate(inputs=...)``.

    Parameters
    ----------
    s_min, s_max : int   range of valid inputs
    """

    label = "input"
    is_source = True
    g = keep

    s_min: Any = 0
    s_max: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bias.any():
            raise ParameterError(f"IntegerInput.bias = {int(self.bias.flat[0])} must be 0: an input adds up nothing. Leave it out.")
        low, high = check_levels("IntegerInput", self.s_min, self.s_max)
        object.__setattr__(self, "s_min", low)
        object.__setattr__(self, "s_max", high)

    def bounds(self) -> tuple[int, int]:
        return self.s_min, self.s_max

    def flat(self, width: int) -> np.ndarray:
        return np.zeros(0, dtype=np.int64)

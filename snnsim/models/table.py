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

    .. math:: g(acc) = \mathrm{clip}(\lfloor gain \cdot values[k] / 2^{shift} + 1/2 \rfloor, s_{min}, s_{max}), \quad
              k = \mathrm{clip}(\lfloor acc / \theta + 1/2 \rfloor, low, low + n - 1) - low

    Parameters
    ----------
    theta : int or int[width]   accumulator units per table entry, >= 1
    low : int                   argument of the first entry, <= 0
    values : int[n]             what the neuron has emitted at each argument, n <= 4096; the entry at 0 may differ from 0
    gain, shift : int           a step of its own for every channel, int or int[width], within 2^31, and 0 .. 30; default 1, 0
    s_min, s_max : int or int[width]   fewest and most net spikes; default those of the table
    """

    label = "spiking"
    role = "lookup"
    g = table

    theta: Any
    low: Any
    values: Any
    gain: Any = 1
    shift: Any = 0
    s_min: Any = None
    s_max: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "theta", integer_array("Table.theta", self.theta, low=1))
        object.__setattr__(self, "low", check_integer("Table.low", self.low, low=-(2**30), high=0))
        values = integer_array("Table.values", self.values, low=-(2**30), high=2**30)
        if values.ndim != 1 or not 2 <= values.size <= 4096:
            raise ParameterError(f"Table.values has shape {values.shape} but must be a list of 2 .. 4096 whole numbers.")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "gain", integer_array("Table.gain", self.gain))
        object.__setattr__(self, "shift", check_integer("Table.shift", self.shift, low=0, high=30))
        emitted = (np.array([values.min(), values.max()])[:, None] * self.gain.reshape(-1) + (1 << self.shift >> 1)) >> self.shift
        low = integer_array("Table.s_min", min(0, int(emitted.min())) if self.s_min is None else self.s_min, low=-(2**30), high=0)
        high = integer_array("Table.s_max", max(1, int(emitted.max())) if self.s_max is None else self.s_max, low=0, high=2**30)
        if np.any(low == high):
            raise ParameterError("Table.s_min = s_max = 0 leaves nothing to emit: a unit needs at least two levels. Widen the range.")
        object.__setattr__(self, "s_min", low)
        object.__setattr__(self, "s_max", high)

    def bounds(self) -> tuple[int, int]:
        return int(self.s_min.min()), int(self.s_max.max())

    @property
    def n_levels(self) -> int:
        """The most values that one unit can take."""
        return int((self.s_max - self.s_min).max()) + 1

    def operations(self, width: int) -> dict[str, int]:
        counts = {"state_reads": width, "adds": width, "tables": width}
        scaled = self.shift > 0 or np.any(self.gain != 1)
        return counts | ({"multiplies": width, "shifts": width} if scaled else {})

    def flat(self, width: int) -> np.ndarray:
        rows = [per_channel(f"Table.{field}", getattr(self, field), width) for field in ("theta", "gain", "s_min", "s_max")]
        return np.concatenate([[self.low, len(self.values), self.shift], *rows, self.values]).astype(np.int64)

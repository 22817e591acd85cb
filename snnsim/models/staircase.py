"""Signed integrate-and-fire with a spike counter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.kernels.integer_units import staircase
from snnsim.models.integer import IntegerUnit, check_levels, integer_array, per_channel


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Staircase(IntegerUnit):
    r"""Signed integrate-and-fire neuron; at rest it has emitted a clipped, rounded quotient.

    .. math:: g(acc) = \mathrm{clip}(\lfloor acc / \theta + 1/2 \rfloor, s_{min}, s_{max})

    Starting from ``v = theta / 2``, the neuron emits +1 and loses theta while ``v >= theta`` and ``s < s_max``, and
    emits -1 and gains theta while ``v < 0`` and ``s > s_min``; ``v + theta * s = acc + theta / 2`` never changes.
    Ties round up.

    Parameters
    ----------
    theta : int or int[width]   threshold, >= 1; one per channel where it differs
    s_min, s_max : int          fewest and most net spikes; s_min <= 0 <= s_max

    Source: the ST-BIF+ neuron of You et al. (2024), SpikeZIP-TF.
    """

    label = "spiking"
    g = staircase

    theta: Any
    s_min: Any = -127
    s_max: Any = 127

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = check_levels("Staircase", self.s_min, self.s_max)
        object.__setattr__(self, "theta", integer_array("Staircase.theta", self.theta, low=1))
        object.__setattr__(self, "s_min", low)
        object.__setattr__(self, "s_max", high)

    def bounds(self) -> tuple[int, int]:
        return self.s_min, self.s_max

    def operations(self, width: int) -> dict[str, int]:
        return {"state_reads": width, "adds": width}  # compare with the threshold

    def flat(self, width: int) -> np.ndarray:
        theta = per_channel("Staircase.theta", self.theta, width)
        return np.concatenate([[self.s_min, self.s_max], theta]).astype(np.int64)

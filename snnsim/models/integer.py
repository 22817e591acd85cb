"""Integer units: what a converted network is made of.

A unit accumulates integer input ``acc``, has emitted ``s``, and emits events until ``s == g(acc)``. On a directed
acyclic graph the network falls silent in the unique state ``s_i = g_i(W s)``, for every order and delay of events
(docs/decisions/settling.md). A unit file holds one ``g``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from snnsim.errors import WiringError
from snnsim.models.base import Model
from snnsim.units import as_integers, check_integer

Label = Literal["spiking", "group", "readout", "input"]


INT32 = 2**31 - 1


def integer_array(owner: str, value: Any, *, low: int = -INT32, high: int = INT32) -> np.ndarray:
    """Return `value` as a read-only int64 array. Raises ParameterError for other types or entries outside low .. high."""
    array = as_integers(owner, value, low=low, high=high)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerUnit(Model):
    """Base of all integer units.

    Attributes
    ----------
    label : 'spiking' | 'group' | 'readout' | 'input'
        spiking: a neuron with its own thresholds; group: g reads a whole row, so neurons must cooperate
    role : str                   who pays for an update, a name of `results.ROLES`
    g : kernel                   see kernels/integer_units.py for the signature
    bias : int or int[...]       initial accumulator, broadcast to the population shape
    """

    domain = "integer"
    label: ClassVar[Label]
    role: ClassVar[str] = "neuron"
    g: ClassVar[Callable]

    bias: Any = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bias", integer_array(f"{type(self).__name__}.bias", self.bias))

    def check_shape(self, population: str, shape: tuple[int, ...]) -> None:
        super().check_shape(population, shape)
        try:
            np.broadcast_to(self.bias, shape)
        except ValueError:
            raise WiringError(f"Population({population!r}).model.bias has shape {self.bias.shape}, which does not fit {shape}.") from None

    def bounds(self) -> tuple[int, int]:
        """Return the smallest and largest value the unit can emit."""
        raise NotImplementedError(f"{type(self).__name__}.bounds")

    @property
    def n_levels(self) -> int:
        """The most values that one unit can take."""
        low, high = self.bounds()
        return high - low + 1

    def largest_acc(self, width: int) -> int:
        """Return the largest magnitude of an accumulator for which g is exact, for rows of `width` units."""
        return 2**31 - 1

    def operations(self, width: int) -> dict[str, int]:
        """Return the operations of one evaluation of g on a row of `width` units, by kind."""
        return {}

    def flat(self, width: int) -> np.ndarray:
        """Return the parameters of g as int64[n], for rows of `width` units."""
        raise NotImplementedError(f"{type(self).__name__}.flat")


def per_channel(owner: str, values: np.ndarray, width: int) -> np.ndarray:
    """Return int64[width] from one number or one number per channel. Raises WiringError otherwise."""
    if values.ndim == 0:
        return np.full(width, values, dtype=np.int64)
    if values.shape != (width,):
        raise WiringError(f"{owner} has shape {values.shape} but rows hold {width} units. Give one number, or one per channel.")
    return values


def check_levels(owner: str, s_min: Any, s_max: Any) -> tuple[int, int]:
    """Return (s_min, s_max) as ints. Raises ParameterError unless s_min <= 0 <= s_max and s_min < s_max."""
    low = check_integer(f"{owner}.s_min", s_min, low=-(2**30), high=0, why="a silent unit has emitted 0")
    high = check_integer(f"{owner}.s_max", s_max, low=max(0, low + 1), high=2**30, why="a unit needs at least two levels")
    return low, high

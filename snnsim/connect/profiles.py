"""Probability of a synapse by distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.units import check_fields, param

#: A uniform double is below a smaller probability only when it is 0: no network ever shows what lies beyond.
_NEVER = 2.0**-53


class Profile:
    """Base of all profiles: a frozen dataclass of numbers, called with distances.

    reach : float   distance beyond which no synapse is made; it bounds the search
    """

    def __post_init__(self) -> None:
        check_fields(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                raise ParameterError(f"{type(self).__name__}.{name} = {value!r} must be one number. Give a float.")

    @property
    def reach(self) -> float:
        raise NotImplementedError(f"{type(self).__name__}.reach")

    def __call__(self, distance: np.ndarray) -> np.ndarray:
        """Return the probability of a synapse at each distance."""
        raise NotImplementedError(f"{type(self).__name__}.__call__")


@final
@dataclass(frozen=True, kw_only=True)
class GaussianProfile(Profile):
    r"""A bell.

    .. math:: p(d) = peak \cdot e^{-d^2 / 2 sigma^2}
    """

    sigma: float = param(gt=0.0, doc="width, in the unit of the positions")
    peak: float = param(1.0, gt=0.0, le=1.0, doc="probability at distance 0")

    @property
    def reach(self) -> float:
        return self.sigma * math.sqrt(2.0 * max(0.0, math.log(self.peak / _NEVER)))

    def __call__(self, distance: np.ndarray) -> np.ndarray:
        return self.peak * np.exp(-0.5 * (distance / self.sigma) ** 2)


@final
@dataclass(frozen=True, kw_only=True)
class ExponentialProfile(Profile):
    r"""An exponential decay.

    .. math:: p(d) = peak \cdot e^{-d / length}
    """

    length: float = param(gt=0.0, doc="distance of a decay by e, in the unit of the positions")
    peak: float = param(1.0, gt=0.0, le=1.0, doc="probability at distance 0")

    @property
    def reach(self) -> float:
        return self.length * max(0.0, math.log(self.peak / _NEVER))

    def __call__(self, distance: np.ndarray) -> np.ndarray:
        return self.peak * np.exp(-distance / self.length)


@final
@dataclass(frozen=True, kw_only=True)
class BallProfile(Profile):
    """One probability up to a radius, its surface included, and none beyond."""

    radius: float = param(gt=0.0, doc="in the unit of the positions")
    peak: float = param(1.0, gt=0.0, le=1.0, doc="probability within the ball")

    @property
    def reach(self) -> float:
        return self.radius

    def __call__(self, distance: np.ndarray) -> np.ndarray:
        return np.where(distance <= self.radius, self.peak, 0.0)

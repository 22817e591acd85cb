"""Distributions that weights, delays and parameters of neurons are drawn from.

What is drawn is a function of the distribution, of how many numbers are asked for and of the state of the generator. Numbers
are drawn in chunks of `_CHUNK`, each redrawn until it lies within the bounds: the chunk belongs to the definition.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.units import check_fields, param

_CHUNK = 1 << 16  # part of what a seed gives; half a megabyte of doubles stays in the cache
_LEAST = 0.01  # share of the draws that bounds must keep: redrawing stays cheap


class Distribution:
    """Base of all distributions: a frozen dataclass of numbers.

    low, high : float or None   values outside are drawn again, so the shape within is kept; nothing is clipped
    step : float or None        values are rounded to its nearest multiple first, as delays on the clock must be
    """

    low: float | None
    high: float | None
    step: float | None

    def __post_init__(self) -> None:
        check_fields(self)
        owner = type(self).__name__
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                raise ParameterError(f"{owner}.{name} = {value!r} must be one number. Give a float.")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ParameterError(f"{owner}.low = {self.low:g} must be < high = {self.high:g}. Exchange them.")
        low, high = self.bounds
        if low > high:
            raise ParameterError(f"{owner}.step = {self.step:g} has no multiple between low = {self.low:g} and high = {self.high:g}.")
        kept = self._below(high) - self._below(low) if self.step is None else self._below(high + 0.5) - self._below(low - 0.5)
        if kept < _LEAST:
            raise ParameterError(
                f"{owner} has {100 * kept:.2g} % of its draws within low = {self.low} and high = {self.high}; it must be >= 1 %. "
                "Move the bounds."
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest value, in steps where there is a step."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if self.step is None:
            return low, high
        # A bound within rounding of a multiple is that multiple.
        first = math.ceil(low / self.step - 1e-9) if math.isfinite(low) else low
        last = math.floor(high / self.step + 1e-9) if math.isfinite(high) else high
        return first, last

    @property
    def positive(self) -> bool:
        """Whether every value it can give is > 0."""
        return self.bounds[0] > 0.0

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        """Return n values without bounds or rounding, float64[n]."""
        raise NotImplementedError(f"{type(self).__name__}.draw")

    def below(self, x: float) -> float:
        """Return the probability of a value below x, without bounds or rounding."""
        raise NotImplementedError(f"{type(self).__name__}.below")

    def _below(self, x: float) -> float:
        return self.below(x if self.step is None else x * self.step)


@final
@dataclass(frozen=True, kw_only=True)
class Normal(Distribution):
    """Normal numbers."""

    mean: float = param(doc="in the unit of what is drawn")
    std: float = param(gt=0.0, doc="standard deviation")
    low: float | None = param(None, doc="least value")
    high: float | None = param(None, doc="greatest value")
    step: float | None = param(None, gt=0.0, doc="grid of the values")

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        return random.normal(self.mean, self.std, n)

    def below(self, x: float) -> float:
        return _normal_below((x - self.mean) / self.std)


@final
@dataclass(frozen=True, kw_only=True)
class LogNormal(Distribution):
    r"""Numbers whose logarithm is normal.

    .. math:: x = median \cdot e^{sigma \cdot z}, \quad z \sim N(0, 1)

    A negative median gives negative numbers, for inhibition. The mean is median * exp(sigma^2 / 2).
    """

    median: float = param(doc="in the unit of what is drawn, not 0")
    sigma: float = param(gt=0.0, le=10.0, doc="standard deviation of the logarithm")
    low: float | None = param(None, doc="least value")
    high: float | None = param(None, doc="greatest value")
    step: float | None = param(None, gt=0.0, doc="grid of the values")

    def __post_init__(self) -> None:
        if np.ndim(self.median) == 0 and self.median == 0.0:
            raise ParameterError("LogNormal.median = 0 must be > 0, or < 0 for negative numbers. Choose another value.")
        super().__post_init__()

    @property
    def positive(self) -> bool:
        return super().positive or (self.median > 0.0 and self.step is None)

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        return self.median * np.exp(self.sigma * random.standard_normal(n))

    def below(self, x: float) -> float:
        ratio = x / self.median
        share = _normal_below(math.log(ratio) / self.sigma) if ratio > 0.0 else 0.0
        return share if self.median > 0.0 else 1.0 - share


@final
@dataclass(frozen=True, kw_only=True)
class Uniform(Distribution):
    """Numbers spread evenly over [low, high)."""

    low: float = param(doc="least value")
    high: float = param(doc="greatest value")
    step: float | None = param(None, gt=0.0, doc="grid of the values")

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        return random.uniform(self.low, self.high, n)

    def below(self, x: float) -> float:
        return min(1.0, max(0.0, (x - self.low) / (self.high - self.low)))


def sample(distribution: Distribution, n: int, random: np.random.Generator) -> np.ndarray:
    """Return n independent values of `distribution`, float64[n]."""
    values, grid = np.empty(n), distribution.step
    for part, drawn in _chunks(distribution, n, random):
        values[part] = drawn if grid is None else drawn * grid + 0.0  # + 0.0 turns -0 into 0
    return values


def draw_single(distribution: Distribution, n: int, random: np.random.Generator) -> np.ndarray:
    """Return what `sample` returns as float32[n], within the bounds, without a float64 array of that length.

    A drawn weight is a number of single precision by definition: unlike one that was given, it has no exact value to lose.

    Raises ParameterError where single precision has no number between the bounds, or none that large.
    """
    owner, grid = type(distribution).__name__, distribution.step or 1.0
    low, high = (bound * grid for bound in distribution.bounds)
    with np.errstate(over="ignore"):
        least, most = np.float32(low), np.float32(high)
        # Rounding must not carry a number over a bound: the nearest single on its inner side is the bound.
        least = np.nextafter(least, np.float32(np.inf)) if float(least) < low else least
        most = np.nextafter(most, np.float32(-np.inf)) if float(most) > high else most
        if least > most:
            raise ParameterError(
                f"{owner} = {distribution!r} must have a number of single precision between its bounds: its draws are kept so. "
                "Move the bounds apart, or give an array."
            )
        values = np.empty(n, dtype=np.float32)
        for part, drawn in _chunks(distribution, n, random):
            np.multiply(drawn, grid, out=values[part], casting="same_kind")
            np.clip(values[part], least, most, out=values[part])
    if not np.all(np.isfinite(values)):
        raise ParameterError(
            f"{owner} = {distribution!r} must stay below 3.4e38, the largest number of single precision. Give it low= or high=."
        )
    values += np.float32(0.0)  # turns -0 into 0
    return values


def draw_steps(distribution: Distribution, n: int, random: np.random.Generator) -> np.ndarray:
    """Return what `sample` returns in units of `distribution.step`: the narrowest unsigned integers that hold them, [n].

    Raises ParameterError for a distribution without a step, and for draws below 0.
    """
    owner = type(distribution).__name__
    if distribution.step is None:
        raise ParameterError(f"{owner}.step = None must be a number to count in. Give it step=.")
    steps = np.empty(n, dtype=np.uint8)
    for part, drawn in _chunks(distribution, n, random):
        least, most = drawn.min(), drawn.max()
        if least < 0.0:
            raise ParameterError(f"{owner} gave {least * distribution.step:g}, which must be >= 0 to be counted in steps. Give it low=0.")
        if most > np.iinfo(steps.dtype).max:
            steps = steps.astype(np.min_scalar_type(int(most)))
        steps[part] = drawn
    return steps


def _chunks(distribution: Distribution, n: int, random: np.random.Generator) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield consecutive slices of n values with what is drawn for them: in steps, where there is a step."""
    low, high = distribution.bounds
    for first in range(0, n, _CHUNK):
        values = _draw(distribution, min(_CHUNK, n - first), random)
        missing = np.flatnonzero((values < low) | (values > high))
        while missing.size:
            drawn = _draw(distribution, missing.size, random)
            values[missing] = drawn
            missing = missing[(drawn < low) | (drawn > high)]
        yield slice(first, first + len(values)), values


def _draw(distribution: Distribution, n: int, random: np.random.Generator) -> np.ndarray:
    values = distribution.draw(n, random)
    return values if distribution.step is None else np.rint(values / distribution.step)


def _normal_below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))

"""Which scalar functions a rate can stand for: those that rise from rest in a straight line, clipped or in steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.graph.functions import Expression, evaluate

_FAR = 2.0**10  # kinks lie nearer
_POINTS = 6007  # tried about the kinks; prime, so that they do not fall on the edges of steps
_MOST_LEVELS = 1024
_TOLERANCE = 1e-9


@final
@dataclass(frozen=True)
class Rectifier:
    """y = max(x, 0), not above `top`, in `levels` equal steps that are rounded to.

    top : float or None    None: without end
    levels : int or None   None: no steps

    Source: the steps are those of Bu et al. (2022), ICLR, with shift 1/2.
    """

    top: float | None = None
    levels: int | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if self.levels is not None and self.top is not None:
            return self.top / self.levels * np.clip(np.floor(x * (self.levels / self.top) + 0.5), 0, self.levels)
        return np.maximum(x, 0.0) if self.top is None else np.clip(x, 0.0, self.top)


@final
@dataclass(frozen=True)
class Rectified:
    """y = rest + sign * rectifier(slope * x + shift), with sign 1 or -1."""

    rectifier: Rectifier
    slope: float = 1.0
    shift: float = 0.0
    sign: float = 1.0
    rest: float = 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.rest + self.sign * self.rectifier(self.slope * x + self.shift)


def rectified(function: Expression) -> Rectified | None:
    """Return the rectifier that an expression is, or None. It is asked for its values, however it is written."""

    def f(x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.asarray(evaluate(function, x), dtype=np.float64), x.shape)

    with np.errstate(all="ignore"):
        ends = f(_FAR * np.array([-2.0, -1.0, 1.0, 2.0]))
        if not np.isfinite(ends).all():
            return None
        flat = ends[0] == ends[1], ends[2] == ends[3]
        found = _bounded(f, ends[0], ends[3]) if all(flat) else _unbounded(ends, flat)
        return found if found is not None and _same(f, found) else None


def _unbounded(ends: np.ndarray, flat: tuple[bool, bool]) -> Rectified | None:
    if not any(flat):
        return None
    side = 1.0 if flat[0] else -1.0
    rest, near, far = (float(end) for end in ends[:: int(side)][[0, 2, 3]])
    rise = (far - near) / _FAR
    shift = (near - rest) / abs(rise) * np.sign(rise) - _FAR
    shift = 0.0 if abs(shift) < _TOLERANCE else shift
    return Rectified(Rectifier(), side * abs(rise), abs(rise) * shift, float(np.sign(rise)), float(rest))


def _bounded(f: Callable[[np.ndarray], np.ndarray], left: float, right: float) -> Rectified | None:
    if left == right:
        return None
    first, last = _edge(f, left, -1.0), _edge(f, right, 1.0)
    if not first < last:
        return None
    width = last - first
    beyond = width / _POINTS  # both ends are values of their own
    steps = len(np.unique(f(np.linspace(first - beyond, last + beyond, _POINTS)).round(12))) - 1
    levels = steps if 1 < steps <= _MOST_LEVELS else None
    if levels is not None:  # the first and the last step lie half a level from the ends
        width *= levels / (levels - 1)
        first -= width / (2 * levels)
    side = 1.0 if abs(left) <= abs(right) else -1.0  # at rest it is nearer to 0
    left, right = float(left), float(right)
    rest, top, begin = (left, right, first) if side > 0 else (right, left, first + width)
    slope = side * abs(right - left) / width
    shift = -slope * begin
    shift = 0.0 if abs(shift) < _TOLERANCE * abs(right - left) else shift
    return Rectified(Rectifier(abs(right - left), levels), slope, shift, float(np.sign(top - rest)), rest)


def _edge(f: Callable[[np.ndarray], np.ndarray], value: float, side: float) -> float:
    """Return where a function that has `value` far on one side leaves it, by bisection."""
    inside, outside = -side * 2.0 * _FAR, side * 2.0 * _FAR
    for _ in range(80):
        middle = (inside + outside) / 2.0
        if f(np.array([middle]))[0] == value:
            outside = middle
        else:
            inside = middle
    return (inside + outside) / 2.0


def _same(f: Callable[[np.ndarray], np.ndarray], found: Rectified) -> bool:
    top = found.rectifier.top or 8.0
    x = (np.linspace(-top, 2.0 * top, _POINTS) - found.shift) / found.slope
    x = np.concatenate([x, [-(2.0**40), 2.0**40]])
    wanted = f(x)
    return bool(np.all(np.abs(wanted - found(x)) <= _TOLERANCE * np.maximum(np.abs(wanted), top)))

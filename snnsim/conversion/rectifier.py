"""Which scalar functions a rate can stand for: those that rise from 0 in a straight line, clipped or in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.graph.functions import Expression, evaluate

_FAR = 2.0**40
_POINTS = 6007  # tried between -top and 2 top; prime, so that they do not fall on the edges of the steps
_TOLERANCE = 1e-9


@final
@dataclass(frozen=True)
class Rectifier:
    """y = max(x, 0), not above `top`, in `levels` equal steps that are rounded to.

    top : float or None    None: without end
    levels : int or None   None: no steps

    Source: the steps are those of Bu et al. (2022), ICLR, eq. 15, with shift 1/2.
    """

    top: float | None = None
    levels: int | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if self.levels is not None and self.top is not None:
            return self.top / self.levels * np.clip(np.floor(x * (self.levels / self.top) + 0.5), 0, self.levels)
        return np.maximum(x, 0.0) if self.top is None else np.clip(x, 0.0, self.top)


def rectifier(function: Expression) -> Rectifier | None:
    """Return the rectifier that an expression is, or None. It is asked for its values, however it is written."""
    with np.errstate(all="ignore"):
        top = float(np.max(evaluate(function, np.array([_FAR]))))
        if top == _FAR:
            x = np.concatenate([np.linspace(-8.0, 8.0, _POINTS), [-_FAR]])
            found = Rectifier()
        elif 0.0 < top < _FAR:
            x = np.concatenate([np.linspace(-top, 2.0 * top, _POINTS), [-_FAR]])
            levels = len(np.unique(np.broadcast_to(evaluate(function, x), x.shape).round(12))) - 1
            found = Rectifier(top, levels if levels < _POINTS // 4 else None)
        else:
            return None
        difference = np.abs(evaluate(function, x) - found(x))
    return found if bool(np.all(difference <= _TOLERANCE * (found.top or 1.0))) else None

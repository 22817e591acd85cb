"""A current that steps from value to value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.currents.base import Signal, SignalForm, pieces
from snnsim.errors import ParameterError, WiringError
from snnsim.units import check_number, show


class Steps(Signal):
    """Base of the signals that are constant in pieces; both engines run them."""

    def in_pieces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return when each piece begins, float64[k] ms, and its value, float64[k, w]. Before the first it is 0."""
        raise NotImplementedError(f"{type(self).__name__}.in_pieces")

    def clock_form(self, dt: float) -> SignalForm:
        """Return pieces in steps."""
        from snnsim.kernels.current import PIECES  # numba is loaded when something runs, not by import snnsim

        steps, values = pieces(*self.in_pieces(), dt)
        return SignalForm(PIECES, values, steps)

    def event_form(self) -> SignalForm:
        """Return pieces in ms."""
        from snnsim.kernels.current import PIECES

        times, values = self.in_pieces()
        return SignalForm(PIECES, values, times)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class StepCurrent(Steps):
    r"""A current that is constant between times of change.

    .. math:: I(t) = values_k \quad \text{for} \quad times_k \le t < times_{k+1}

    Parameters
    ----------
    times : float[m]                       ms, >= 0, rising strictly; before the first the current is 0, the last one lasts
    values : float[m] or float[m, *shape]  pA: for all neurons, or for each

    A change between two grid points of the clock gives that step the mean of the current over it.
    """

    times: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        times = np.array(np.atleast_1d(check_number("StepCurrent.times", self.times, unit="ms", ge=0.0)))
        values = np.array(np.atleast_1d(check_number("StepCurrent.values", self.values, unit="pA")))
        if times.ndim != 1 or not times.size or values.shape[:1] != times.shape:
            raise ParameterError(
                f"StepCurrent.values has shape {values.shape} but must begin with that of times, {times.shape}: one value per time, and "
                "at least one. Correct its length."
            )
        if np.any(np.diff(times) <= 0.0):
            raise ParameterError(f"StepCurrent.times = {show(times)} ms must rise strictly: a current has one value at a time. Sort it.")
        for name, array in (("times", times), ("values", values)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def alike(self) -> bool:
        """Whether all neurons get the same current."""
        return self.values.ndim == 1

    def check_shape(self, where: str, shape: tuple[int, ...]) -> None:
        """Refuse values of neurons that are not there."""
        check_rows(self, where, shape)

    def in_pieces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return times and values."""
        return self.times, self.values.reshape(len(self.times), -1)


def check_rows(signal: StepCurrent | Steps, where: str, shape: tuple[int, ...]) -> None:
    """Refuse values that hold neither one number per row nor one per neuron of `shape`."""
    values: np.ndarray = signal.values  # type: ignore[union-attr]
    if values.ndim > 1 and values.shape[1:] != shape:
        raise WiringError(
            f"{where}: {type(signal).__name__}.values has shape {values.shape} but must be {values.shape[:1]}, or "
            f"{(len(values), *shape)} with one value per neuron. Reshape it."
        )

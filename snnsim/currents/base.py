"""What every signal of a current declares: its values per neuron, and how each engine evaluates it."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from snnsim.errors import ParameterError, WiringError
from snnsim.units import check_fields, check_given, check_number, show

_ON_GRID = 1e-9  # relative distance from a grid point that counts as rounding


class SignalForm(NamedTuple):
    """A signal as the kernels evaluate it, see kernels/current.py.

    kind : int                 PIECES, SINE or NOISE
    table : float64[rows, w]   w is 1, or the neurons it flows into
    change : int64[k] steps (clock) or float64[k] ms (event), ascending
    interval : int             steps, NOISE alone
    shared : bool              NOISE alone: one number for all neurons
    """

    kind: int
    table: np.ndarray
    change: np.ndarray
    interval: int = 1
    shared: bool = False


class Signal:
    """Base of all signals: a frozen dataclass of numbers. Values are in the unit of i_ext of the neurons, mostly pA.

    On the clock a step from t to t + dt takes the mean of the signal over it. Off the clock a signal without a form there
    cannot run.

    Attributes
    ----------
    values_per_neuron : tuple of str   fields that hold one number, or one per neuron
    """

    values_per_neuron: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *_: Any, **given: Any) -> Self:
        check_given(cls, given)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def alike(self) -> bool:
        """Whether all neurons get the same current."""
        return not any(isinstance(getattr(self, name), np.ndarray) for name in self.values_per_neuron)

    def check_shape(self, where: str, shape: tuple[int, ...]) -> None:
        """Refuse values that are neither one nor one per neuron of `shape`."""
        for name in self.values_per_neuron:
            value = getattr(self, name)
            if isinstance(value, np.ndarray) and value.shape != shape:
                raise WiringError(
                    f"{where}: {type(self).__name__}.{name} has shape {value.shape} but must be one number, or one per neuron: {shape}."
                )

    def clock_form(self, dt: float) -> SignalForm:
        """Return the signal in steps of `dt` ms."""
        raise NotImplementedError(f"{type(self).__name__}.clock_form")

    def event_form(self) -> SignalForm | None:
        """Return the signal in ms; None when it changes all the time, or at random."""
        return None

    def changes(self, duration: float) -> float:
        """Return how often it changes within the first `duration` ms; a rough figure that steers ``engine="auto"``."""
        return 0.0 if self.event_form() is None else float(np.searchsorted(self.event_form().change, duration))  # type: ignore[union-attr]

    def table(self, *rows: Any) -> np.ndarray:
        """Stack rows of numbers, or of one number per neuron, into float64[k, w]."""
        width = max(np.size(row) for row in rows)
        return np.ascontiguousarray([np.broadcast_to(np.ravel(row), width) for row in rows], dtype=np.float64)


def check_span(signal: Any) -> None:
    """Check start and stop, ms: single numbers, 0 <= start < stop; stop may be infinite."""
    owner = type(signal).__name__
    single(signal, "start")
    if isinstance(signal.stop, (int, float, np.floating)) and signal.stop == math.inf:
        object.__setattr__(signal, "stop", math.inf)
        return
    stop = check_number(f"{owner}.stop", signal.stop, unit="ms", gt=0.0)
    object.__setattr__(signal, "stop", stop)
    single(signal, "stop")
    if signal.stop <= signal.start:
        raise ParameterError(f"{owner}.stop = {signal.stop:g} ms must be > start = {signal.start:g} ms. Correct one of them.")


def single(signal: Any, name: str) -> None:
    """Refuse a field that is an array."""
    value = getattr(signal, name)
    if isinstance(value, np.ndarray):
        raise ParameterError(f"{type(signal).__name__}.{name} = {show(value)} must be one number. Give a float.")


def in_steps(times: Any, dt: float) -> np.ndarray:
    """Return times in steps, float64; what is within rounding of a grid point lies on it."""
    steps = np.asarray(times, dtype=np.float64) / dt
    whole = np.rint(np.where(np.isfinite(steps), steps, 0.0))
    return np.where(np.abs(steps - whole) <= _ON_GRID * np.maximum(whole, 1.0), whole, steps)


#: A step or time that is never reached, and still leaves room to add to.
NEVER = 1 << 60


def capped(steps: Any) -> np.ndarray:
    """Return whole steps as int64, infinity as `NEVER`."""
    return np.minimum(np.asarray(steps, dtype=np.float64), float(NEVER)).astype(np.int64)


def pieces(times: np.ndarray, values: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (steps, values) of the mean over each step of a signal that is values[k] from times[k] on, 0 before.

    A step in which the signal changes becomes a piece of its own.

    times : float64[k], ascending, ms; values : float64[k, w]
    """
    steps = in_steps(times, dt)
    floor = np.floor(steps)
    inside = steps > floor
    first = np.unique(np.concatenate([floor, floor[inside] + 1.0]))
    padded = np.concatenate([np.zeros((1, values.shape[1])), values])
    # Just before its beginning the k-th change has not happened; `first` may lie between two changes.
    out = padded[np.searchsorted(steps, first, side="right")]
    jump = np.diff(padded, axis=0)[inside]
    np.add.at(out, np.searchsorted(first, floor[inside]), jump * (floor[inside] + 1.0 - steps[inside])[:, None])
    return capped(first), out

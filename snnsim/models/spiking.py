"""What a spiking model declares beside its parameters: how each engine runs it.

Engines and compiler read these forms and know no model by name, so a new model is one file here and one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.base import Domain, Model
from snnsim.models.drawn import on_numbers

_ON_GRID = 1e-9  # relative distance of a time from a multiple of dt that counts as rounding


#: Rows of coefficients that a current enters, and how much 1 unit of it adds there.
Inflow = tuple[tuple[int, float | np.ndarray], ...]


class ClockForm(NamedTuple):
    """How a population takes steps.

    step : CLOCK_STEP kernel
    state : float64[rows, n], first rows as in `states`
    coef : float64[rows, any]         one column for all neurons, or one each
    lands : rows of `state` or None   per input channel the row that input is added to after the step, and a factor; the
                                      kernel must then accept inputs without columns, and the driver may add them itself
    cut : function or None            (low, high) -> coef of those neurons, where columns are not neurons
    helpers : int                     last rows of `state` that only speed up the kernel: they are not saved
    current : (row, scale) or None    rows of `coef` that i_ext enters, and what 1 unit of it adds there: a number, or one per
                                      neuron. The driver writes them when a `Current` changes; None: the model takes none
    """

    step: Any
    state: np.ndarray
    coef: np.ndarray
    lands: tuple[tuple[int, float], ...] | None = None
    cut: Callable[[int, int], np.ndarray] | None = None
    helpers: int = 0
    current: Inflow | None = None

    def part(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """Return state and coef of the neurons low .. high - 1."""
        if self.cut is not None:
            return self.state[:, low:high], self.cut(low, high)
        return self.state[:, low:high], self.coef if self.coef.shape[1] == 1 else self.coef[:, low:high]


class EventForm(NamedTuple):
    """advance, peek : EVENT_ADVANCE and EVENT_PEEK kernels; state, coef as in `ClockForm`.

    fade : float or None   1/ms; a number for a model whose neurons cannot fire by themselves and are kept frozen, as in
                           kernels/frozen.py. The first row of its coefficients is the distance to threshold
    current                as in `ClockForm`. Called for a neuron that is not touched by anything else, `advance` must find its
                           due time anew, also while it is refractory
    """

    advance: Any
    peek: Any
    state: np.ndarray
    coef: np.ndarray
    fade: float | None = None
    current: Inflow | None = None


class NeuronModel(Model):
    """A model in continuous time.

    A parameter is one number, an array with one per neuron, or a `Distribution`, drawn once per neuron when a network is
    compiled. A class checks its parameters in `__post_init__`, which is called with numbers and arrays alone.

    Attributes
    ----------
    channels : int       kinds of input: 1, or 2 when excitatory and inhibitory synapses act differently
    event_cost : float   a rough figure for the time of one event of the event engine, in steps of one neuron of the clock
                         engine; it only steers ``engine="auto"``
    slow : tuple of str  states that outlast a trial, see `Trials`
    update_operations : mapping of 'clock' and 'event' to mapping of str to int
        operations of one update of one neuron, by engine and by kind (`results.OPERATIONS`), on the longest path without a
        spike: reading and clearing the input, arithmetic, and the threshold test as an addition. A look-up stands for an
        exponential or a logarithm. Sources, which stand for the world outside, are not updated: their spikes alone count
    """

    domain: ClassVar[Domain] = "spiking"
    channels: ClassVar[int] = 1
    event_cost: ClassVar[float] = 100.0
    slow: ClassVar[tuple[str, ...]] = ()
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "__post_init__" in vars(cls):
            cls.__post_init__ = on_numbers(cls.__post_init__)  # type: ignore[method-assign]

    @on_numbers
    def __post_init__(self) -> None:
        super().__post_init__()

    def check_step(self, dt: float) -> None:
        """Raise ParameterError when this model cannot take steps of `dt` ms; most can take any."""

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return how `n` neurons take steps of `dt` ms."""
        raise NotImplementedError(f"{type(self).__name__}.clock_form")

    def event_form(self, n: int) -> EventForm | None:
        """Return how `n` neurons fly between events; None when the model has no closed form."""
        return None

    def driven_form(self, n: int) -> EventForm | None:
        """Return `event_form` for neurons into which a `Current` flows: they may fire by themselves, and are never frozen."""
        return self.event_form(n)

    def expected_rate(self, duration: float) -> float:
        """Return the rate per neuron that `engine="auto"` should expect, Hz. A neuron's own rate is unknown: 10 Hz."""
        return 10.0


def rows(n: int, *values: float | np.ndarray) -> np.ndarray:
    """Stack parameters into float64[k, 1] when all are single numbers, else float64[k, n]."""
    width = n if any(isinstance(value, np.ndarray) for value in values) else 1
    return np.ascontiguousarray([np.broadcast_to(np.ravel(value), width) for value in values], dtype=np.float64)


def filled(n: int, *values: float | np.ndarray) -> np.ndarray:
    """Stack initial values into float64[k, n]."""
    return np.ascontiguousarray([np.broadcast_to(np.ravel(value), n) for value in values], dtype=np.float64)


#: float64 counts steps exactly up to here
_MOST_STEPS = 2.0**53


def off_grid(value: float, dt: float) -> bool:
    """Whether a time is no multiple >= 1 of `dt`, rounding aside."""
    steps = np.rint(value / dt)
    return bool(steps < 1.0 or abs(value / dt - steps) > _ON_GRID * steps)


def whole_steps(owner: str, value: float | np.ndarray, dt: float, *, least: int) -> np.ndarray:
    """Return a time in whole steps of `dt` ms, int64[1 or n], >= `least`. Raises ParameterError when it is no multiple of dt."""
    ratio = np.atleast_1d(np.asarray(value, dtype=np.float64)) / dt
    whole = np.rint(ratio)
    if np.any(whole > _MOST_STEPS):
        raise ParameterError(
            f"{owner} = {float(np.max(ratio)) * dt:g} ms must be at most {_MOST_STEPS:g} steps of dt = {dt:g} ms, "
            "which are counted exactly. Choose a shorter time or a longer dt."
        )
    bad = (whole < least) | (np.abs(ratio - whole) > _ON_GRID * np.maximum(whole, 1.0))
    if np.any(bad):
        rule = "0 or a multiple" if least == 0 else f"a multiple >= {least}"
        drawn = f" (of a Distribution: step={dt:g})" if ratio.size > 1 else ""
        raise ParameterError(
            f"{owner} = {float(ratio[bad][0] * dt):g} ms must be {rule} of dt = {dt:g} ms for the clock engine. "
            f'Round it{drawn}, choose a dt that divides it, or use engine="event".'
        )
    return whole.astype(np.int64)

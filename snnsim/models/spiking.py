"""What a spiking model declares beside its parameters: how each engine runs it.

Engines and compiler read these forms and know no model by name, so a new model is one file here and one kernel.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.base import Domain, Model
from snnsim.units import show


class ClockForm(NamedTuple):
    """step : CLOCK_STEP kernel; state : float64[rows, any], first rows as in `states`; coef : float64[rows, any]."""

    step: Any
    state: np.ndarray
    coef: np.ndarray


class EventForm(NamedTuple):
    """advance, peek : EVENT_ADVANCE and EVENT_PEEK kernels; state, coef as in `ClockForm`."""

    advance: Any
    peek: Any
    state: np.ndarray
    coef: np.ndarray


class NeuronModel(Model):
    """A model in continuous time.

    Attributes
    ----------
    channels : int       kinds of input: 1, or 2 when excitatory and inhibitory synapses act differently
    event_cost : float   measured time of one event of the event engine, in steps of one neuron of the clock engine
    """

    domain: ClassVar[Domain] = "spiking"
    channels: ClassVar[int] = 1
    event_cost: ClassVar[float] = 100.0

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return how `n` neurons take steps of `dt` ms."""
        raise NotImplementedError(f"{type(self).__name__}.clock_form")

    def event_form(self, n: int) -> EventForm | None:
        """Return how `n` neurons fly between events; None when the model has no closed form."""
        return None

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


def check_below_threshold(owner: str, field: str, value: float | np.ndarray, v_th: float | np.ndarray, why: str) -> None:
    """Raise ParameterError unless value < v_th for every neuron."""
    try:
        bad = np.asarray(value) >= np.asarray(v_th)
    except ValueError:
        return  # Arrays of different shape: check_shape reports them by name.
    if np.any(bad):
        worst, limit = (float(np.broadcast_to(x, bad.shape)[bad].ravel()[0]) for x in (np.asarray(value), np.asarray(v_th)))
        raise ParameterError(f"{owner}.{field} = {show(worst)} mV must be < v_th = {show(limit)} mV: {why}. Lower {field} or raise v_th.")

"""Source whose spikes are asked for while the network runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.spiking import ClockForm, EventForm, NeuronModel, whole_steps
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LiveSource(NeuronModel):
    """Spikes from outside, fetched while the network runs: a robot, another program, a feedback loop.

    Parameters
    ----------
    read : function (begin, end) -> (times, indices) or None
        called before the network passes `begin`; returns the spikes in (begin, end], ms, and their neurons, in any order, or
        None for no spike. With `hears` it is called with (begin, end, heard): `heard` maps each of these populations to
        (times, indices) of its spikes since the last call
    interval : float          ms between calls, which fall on its multiples; a multiple of dt on the clock
    hears : tuple of str      populations that `read` listens to

    A run that ends, or begins, between two multiples asks for the part of the interval that it plays. What `read` keeps is not
    part of `Result.state`. No bit depends on threads, nor on the pieces in which a run is made.

    An exception in `read` ends the run and says at which time; Ctrl-C in it cuts the run, as anywhere else.
    """

    is_source: ClassVar[bool] = True
    channels: ClassVar[int] = 0

    read: Callable[..., Any]
    interval: float = param(10.0, unit="ms", gt=0.0, doc="simulated time between calls")
    hears: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.read) or not hasattr(self.read, "__qualname__") or isinstance(self.read, type):
            raise ParameterError(f"LiveSource.read = {self.read!r} must be a function or a method of (begin, end). Give its name.")
        if isinstance(self.interval, np.ndarray):
            raise ParameterError(f"LiveSource.interval = {self.interval!r} must be one number in ms. Give a float.")
        if isinstance(self.hears, str) or not all(isinstance(name, str) for name in self.hears):
            raise ParameterError(f"LiveSource.hears = {self.hears!r} must be names of populations. Give a tuple such as ('exc',).")
        object.__setattr__(self, "hears", tuple(dict.fromkeys(self.hears)))

    def check_step(self, dt: float) -> None:
        """Refuse an interval off the grid."""
        whole_steps("LiveSource.interval", self.interval, dt, least=1)

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return a list of spikes, empty until `engines.live` fills it."""
        from snnsim.kernels.spike_list import step_list  # numba is loaded when something runs, not by import snnsim

        self.check_step(dt)
        nothing = np.array([[np.inf], [0.0], [0.0]])
        return ClockForm(step_list, np.empty((0, n)), nothing, cut=lambda low, high: nothing)

    def event_form(self, n: int) -> EventForm:
        """Return a list of times, empty until `engines.live` fills it."""
        from snnsim.kernels.random import peek_nothing
        from snnsim.kernels.spike_list import advance_list

        return EventForm(advance_list, peek_nothing, np.zeros((2, n)), np.full((1, 1), np.inf))

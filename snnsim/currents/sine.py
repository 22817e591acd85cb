"""A sinusoidal current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.currents.base import Signal, SignalForm, capped, check_span, in_steps
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SineCurrent(Signal):
    r"""A sinusoidal current with an offset, between start and stop; 0 elsewhere. It runs on the clock.

    .. math:: I(t) = offset + amplitude \, \sin(2 \pi \, frequency \, t + phase), \qquad start \le t < stop

    t is the time of the run, not that since start. A step of the clock takes the mean over it, so that the response of a
    linear membrane errs by the square of dt alone; a value at one end of the step would also be dt / 2 early or late.
    """

    values_per_neuron: ClassVar[tuple[str, ...]] = ("amplitude", "frequency", "phase", "offset")

    amplitude: float = param(unit="pA", doc="largest distance from the offset")
    frequency: float = param(unit="Hz", gt=0.0, doc="cycles per second")
    phase: float = param(0.0, unit="rad", doc="phase at 0 ms")
    offset: float = param(0.0, unit="pA", doc="mean over a cycle")
    start: float = param(0.0, unit="ms", ge=0.0, doc="time at which it sets in")
    stop: float = np.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        check_span(self)

    def clock_form(self, dt: float) -> SignalForm:
        """Return the mean over steps of `dt` ms."""
        from snnsim.kernels.current import SINE  # numba is loaded when something runs, not by import snnsim

        angle = 2e-3 * np.pi * np.asarray(self.frequency) * dt
        mean = np.asarray(self.amplitude) * np.sinc(angle / (2.0 * np.pi))
        span = np.minimum(in_steps([self.start, self.stop], dt), 2.0**60)
        table = self.table(mean, self.amplitude, angle, self.phase, self.offset, *span)
        return SignalForm(SINE, table, capped([np.floor(span[0]), np.ceil(span[1])]))

"""A noisy current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.currents.base import NEVER, Signal, SignalForm, check_span, single
from snnsim.models.spiking import whole_steps
from snnsim.units import check_bool, param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseCurrent(Signal):
    r"""A Gaussian current, constant over each interval, between start and stop; 0 elsewhere. It runs on the clock.

    .. math:: I_k = mean + std \, x_k, \qquad x_k = a \, x_{k-1} + \sqrt{1 - a^2} \, \xi_k, \qquad a = e^{-interval / tau}

    with independent standard normal :math:`\xi_k`, and :math:`x_0 = \xi_0`. Without tau, a is 0: intervals are independent, and
    std :math:`= \sqrt{2 D / interval}` stands for white noise of intensity D. With tau it is an Ornstein-Uhlenbeck process,
    exact at the beginnings of intervals. Every neuron has its own noise unless `shared`. A number is a function of the
    seed, the place of the current in the network, the neuron's place in its population and k.

    Parameters
    ----------
    interval : float or None   ms, a multiple of dt; None means dt
    tau : float or None        ms, > 0, correlation time; None means white noise
    shared : bool              all neurons get the same noise

    Source: Gillespie (1996), Phys. Rev. E 54:2084, eq. 1.9.
    """

    values_per_neuron: ClassVar[tuple[str, ...]] = ("mean", "std")

    mean: float = param(0.0, unit="pA", doc="mean")
    std: float = param(unit="pA", ge=0.0, doc="standard deviation")
    interval: float | None = param(None, unit="ms", gt=0.0, doc="time for which a value is held")
    tau: float | None = param(None, unit="ms", gt=0.0, doc="correlation time")
    start: float = param(0.0, unit="ms", ge=0.0, doc="time at which it sets in, a multiple of dt")
    stop: float = np.inf
    shared: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        single(self, "interval")
        single(self, "tau")
        check_span(self)
        check_bool("NoiseCurrent.shared", self.shared)

    @property
    def alike(self) -> bool:
        """Whether all neurons get the same current."""
        return self.shared and super().alike

    def clock_form(self, dt: float) -> SignalForm:
        """Return intervals in steps."""
        from snnsim.kernels.current import NOISE  # numba is loaded when something runs, not by import snnsim

        interval = dt if self.interval is None else self.interval
        steps = int(whole_steps("NoiseCurrent.interval", interval, dt, least=1)[0])
        start = int(whole_steps("NoiseCurrent.start", self.start, dt, least=0)[0])
        stop = NEVER if self.stop == np.inf else int(whole_steps("NoiseCurrent.stop", self.stop, dt, least=1)[0])
        kept = 0.0 if self.tau is None else np.exp(-interval / self.tau)
        new = 1.0 if self.tau is None else np.sqrt(-np.expm1(-2.0 * interval / self.tau))
        return SignalForm(NOISE, self.table(self.mean, self.std, kept, new), np.array([start, stop]), steps, self.shared)

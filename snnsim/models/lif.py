"""Leaky integrate-and-fire neuron with delta synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.spiking import ClockForm, EventForm, NeuronModel, check_below_threshold, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(NeuronModel):
    r"""Leaky integrate-and-fire neuron, integrated exactly; an arriving spike lifts v by its weight (mV).

    .. math:: \tau_m \dot v = v_{rest} - v + r_m i_{ext}, \qquad r_m = \tau_m / c_m

    When :math:`v \ge v_{th}` it fires, v is set to v_reset and held there for t_ref; input meanwhile is lost.
    On the clock, input is added before the threshold test of its arrival step and a spike is stamped with the end of its step.

    Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381; NEST models iaf_psc_delta and iaf_psc_delta_ps.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)

    tau_m: float = param(20.0, unit="ms", gt=0.0, doc="membrane time constant")
    v_rest: float = param(-65.0, unit="mV", doc="resting potential")
    v_th: float = param(-50.0, unit="mV", doc="firing threshold")
    v_reset: float = param(-65.0, unit="mV", doc="potential after a spike")
    t_ref: float = param(2.0, unit="ms", ge=0.0, doc="refractory period")
    c_m: float = param(200.0, unit="pF", gt=0.0, doc="membrane capacitance")
    i_ext: float = param(0.0, unit="pA", doc="constant input current")
    v_init: float | None = param(None, unit="mV", doc="potential at the start; None means v_rest")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_below_threshold("LIF", "v_reset", self.v_reset, self.v_th, "a neuron reset above threshold would fire forever")
        if self.v_init is not None:
            check_below_threshold("LIF", "v_init", self.v_init, self.v_th, "a run starts below threshold")

    @property
    def v_inf(self) -> float | np.ndarray:
        """Potential approached without spikes, mV."""
        return self.v_rest + self.i_ext * (self.tau_m / self.c_m)

    def _start(self) -> float | np.ndarray:
        return self.v_rest if self.v_init is None else self.v_init

    def clock_form(self, n: int, dt: float) -> ClockForm:
        from snnsim.kernels.lif import step_delta  # numba is loaded when something runs, not by import snnsim

        coef = rows(n, self.v_inf, np.exp(-dt / np.asarray(self.tau_m)), self.v_th, self.v_reset, np.rint(self.t_ref / dt))
        return ClockForm(step_delta, filled(n, self._start(), 0.0), coef)

    def event_form(self, n: int) -> EventForm:
        from snnsim.kernels.lif import advance_delta, peek_delta

        coef = rows(n, self.v_inf, self.tau_m, self.v_th, self.v_reset, self.t_ref)
        return EventForm(advance_delta, peek_delta, filled(n, self._start()), coef)

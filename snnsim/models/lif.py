"""Leaky integrate-and-fire neuron with delta synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.leaky import LeakyNeuron
from snnsim.models.spiking import ClockForm, EventForm, filled, rows


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(LeakyNeuron):
    r"""Leaky integrate-and-fire neuron, integrated exactly; an arriving spike lifts v by its weight (mV).

    .. math:: \tau_m \dot v = v_{rest} - v + r_m i_{ext}, \qquad r_m = \tau_m / c_m

    When :math:`v \ge v_{th}` it fires and v is held at v_reset for t_ref. Input that arrives meanwhile is lost, up to and
    including t_spike + t_ref. On the clock, input is added before the threshold test of its arrival step and a spike is
    stamped with the end of its step.

    Parameters of the membrane: `LeakyNeuron`.

    Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381; NEST models iaf_psc_delta and iaf_psc_delta_ps.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    # The refractory count or clock, the input and (event) the times of v and of the next spike are state beside v.
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 5, "multiplies": 1, "state_reads": 3, "state_writes": 3},
        "event": {"adds": 8, "multiplies": 2, "divides": 2, "tables": 2, "state_reads": 5, "state_writes": 4},
    }

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return exact steps: the propagators of `dt`."""
        from snnsim.kernels.lif import step_delta  # numba is loaded when something runs, not by import snnsim
        from snnsim.kernels.threshold import UNKNOWN

        coef = rows(n, self.v_inf, np.exp(-dt / np.asarray(self.tau_m)), self.v_th, self.v_reset, self.refractory_steps(dt))
        return ClockForm(step_delta, filled(n, self.v_start, 0.0, UNKNOWN), coef, helpers=1, current=self.inflow)

    def event_form(self, n: int) -> EventForm:
        """Return the flight between inputs, and its first crossing of threshold.

        Neurons of one tau_m that rest below threshold cannot fire by themselves, and are kept frozen between inputs.
        """
        v_inf, v_th, tau_m = self.v_inf, self.v_th, np.ravel(self.tau_m)
        if np.all(v_inf < v_th) and np.all(tau_m == tau_m[0]):
            from snnsim.kernels.frozen import advance_frozen, peek_frozen

            fade = 1.0 / float(tau_m[0])
            coef = rows(n, v_th - v_inf, self.v_reset - v_inf, v_inf, fade, self.t_ref)
            return EventForm(advance_frozen, peek_frozen, filled(n, self.v_start - v_inf), coef, fade)
        return self.driven_form(n)

    def driven_form(self, n: int) -> EventForm:
        """Return the flight between inputs of neurons that may fire by themselves."""
        from snnsim.kernels.delta_flight import advance_delta, peek_delta

        coef = rows(n, self.v_inf, self.tau_m, self.v_th, self.v_reset, self.t_ref)
        return EventForm(advance_delta, peek_delta, filled(n, self.v_start), coef, current=self.inflow)

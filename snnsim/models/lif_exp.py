"""Leaky integrate-and-fire neuron with exponential synaptic currents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.leaky import LeakyNeuron
from snnsim.models.spiking import ClockForm, EventForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIFExp(LeakyNeuron):
    r"""Leaky integrate-and-fire neuron, integrated exactly; an arriving spike lifts a current by its weight (pA).

    .. math::
        c_m \dot v = \tfrac{c_m}{\tau_m} (v_{rest} - v) + i_{ext} + i_{syn,exc} + i_{syn,inh}, \qquad
        \tau_{syn} \dot i_{syn} = -i_{syn}

    Weights >= 0 add to i_syn_exc, weights < 0 to i_syn_inh. When :math:`v \ge v_{th}` it fires and v is held at v_reset for
    t_ref while the currents flow on: no input is lost. On the clock, input acts from the step after its arrival and a spike
    is stamped with the end of its step; off the clock the first crossing is found without missing any.

    Parameters of the membrane: `LeakyNeuron`.

    Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381; NEST models iaf_psc_exp and iaf_psc_exp_ps_lossless.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i_syn_exc", "i_syn_inh")
    channels: ClassVar[int] = 2
    event_cost: ClassVar[float] = 2000.0
    # The event figures end with the bound that rules most crossings out; the search for one that may come is not counted.
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 8, "multiplies": 5, "state_reads": 6, "state_writes": 6},
        "event": {"adds": 17, "multiplies": 22, "divides": 5, "tables": 9, "state_reads": 8, "state_writes": 7},
    }

    tau_syn_exc: float = param(5.0, unit="ms", gt=0.0, doc="decay of the excitatory current")
    tau_syn_inh: float = param(10.0, unit="ms", gt=0.0, doc="decay of the inhibitory current")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return exact steps: the propagators of `dt`."""
        from snnsim.kernels.lif import step_exp  # numba is loaded when something runs, not by import snnsim
        from snnsim.kernels.threshold import UNKNOWN

        tau_m, exc, inh = np.asarray(self.tau_m), np.asarray(self.tau_syn_exc), np.asarray(self.tau_syn_inh)
        fixed = (self.v_inf, np.exp(-dt / tau_m), self.v_th, self.v_reset, self.refractory_steps(dt))
        synapses = (_overlap(dt, tau_m, exc) / self.c_m, np.exp(-dt / exc), _overlap(dt, tau_m, inh) / self.c_m, np.exp(-dt / inh))
        state, coef = filled(n, self.v_start, 0.0, 0.0, 0.0, UNKNOWN), rows(n, *fixed, *synapses)
        return ClockForm(step_exp, state, coef, lands=((1, 1.0), (2, 1.0)), helpers=1, current=self.inflow)

    def event_form(self, n: int) -> EventForm:
        """Return the flight between inputs, and its first crossing of threshold."""
        from snnsim.kernels.lif_flight import advance_exp, peek_exp

        tau_m, exc, inh = np.asarray(self.tau_m), np.asarray(self.tau_syn_exc), np.asarray(self.tau_syn_inh)
        fixed = (self.v_inf, 1.0 / tau_m, self.v_th, self.v_reset, self.t_ref, 1.0 / exc, 1.0 / inh, self.c_m)
        peaks = (_peak(tau_m, exc), _peak(tau_m, inh))
        coef = rows(n, *fixed, *peaks)
        return EventForm(advance_exp, peek_exp, filled(n, self.v_start, 0.0, 0.0), coef, current=self.inflow)


def _overlap(t: float | np.ndarray, tau_a: np.ndarray, tau_b: np.ndarray) -> np.ndarray:
    """Return the convolution of exp(-t / tau_a) and exp(-t / tau_b) at t, ms; stable where the two (nearly) meet."""
    gap = np.abs(1.0 / tau_a - 1.0 / tau_b)
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = np.where(gap * t == 0.0, t, -np.expm1(-gap * t) / gap)
    return np.exp(-t / np.maximum(tau_a, tau_b)) * shape


def _peak(tau_a: np.ndarray, tau_b: np.ndarray) -> np.ndarray:
    """Return an upper bound of `_overlap` over all t, tight to rounding: its value at log(tau_a / tau_b) / (1 / tau_b - 1 / tau_a)."""
    ratio = np.log(tau_a / tau_b)
    gap = 1.0 / tau_b - 1.0 / tau_a
    with np.errstate(invalid="ignore", divide="ignore"):
        at = np.where(np.abs(ratio) < 1e-6, np.sqrt(tau_a * tau_b), ratio / gap)
    return _overlap(at, tau_a, tau_b) * (1.0 + 1e-9)

"""Hodgkin and Huxley's neuron with alpha synaptic currents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.limits import refractory_steps
from snnsim.models.spiking import ClockForm, NeuronModel, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class HodgkinHuxley(NeuronModel):
    r"""Hodgkin and Huxley's neuron; an arriving spike starts a current that peaks at its weight (pA) after tau_syn.

    .. math::
        c_m \dot v &= g_{na} m^3 h (e_{na} - v) + g_k n^4 (e_k - v) + g_{leak} (v_{leak} - v) + i_{ext} + i_{syn,exc} + i_{syn,inh} \\
        \dot x &= \alpha_x(v) (1 - x) - \beta_x(v) x \quad (x = m, h, n), \qquad
        i_{syn}(t) = w \tfrac{t}{\tau_{syn}} e^{1 - t / \tau_{syn}}

    It fires in the step in which v, at 0 mV or more, has begun to fall, and is then deaf to further peaks for t_ref; nothing
    is reset. Weights >= 0 add to i_syn_exc, weights < 0 to i_syn_inh. Input acts from the step after its arrival; a spike is
    stamped with the end of its step. Runs on the clock, by RKF45 with a local error of at most 1e-6 (mV, gates).

    Source: Hodgkin & Huxley (1952), J. Physiol. 117:500, shifted to a rest of -65 mV; NEST model hh_psc_alpha.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "m", "h", "n", "i_syn_exc", "i_syn_inh")
    channels: ClassVar[int] = 2
    # One step of the scheme of six stages; a spike takes some more of them.
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 276, "multiplies": 360, "divides": 25, "tables": 25, "state_reads": 12, "state_writes": 12},
    }

    c_m: float = param(100.0, unit="pF", gt=0.0, doc="membrane capacitance")
    g_na: float = param(12000.0, unit="nS", ge=0.0, doc="sodium conductance")
    g_k: float = param(3600.0, unit="nS", ge=0.0, doc="potassium conductance")
    g_leak: float = param(30.0, unit="nS", ge=0.0, doc="leak conductance")
    e_na: float = param(50.0, unit="mV", doc="reversal potential of sodium")
    e_k: float = param(-77.0, unit="mV", doc="reversal potential of potassium")
    v_leak: float = param(-54.402, unit="mV", doc="reversal potential of the leak")
    t_ref: float = param(2.0, unit="ms", ge=0.0, doc="least time between spikes; 0 or a multiple of dt")
    i_ext: float = param(0.0, unit="pA", doc="constant input current")
    tau_syn_exc: float = param(0.2, unit="ms", gt=0.0, doc="time to the peak of the excitatory current")
    tau_syn_inh: float = param(2.0, unit="ms", gt=0.0, doc="time to the peak of the inhibitory current")
    v_init: float = param(-65.0, unit="mV", ge=-200.0, le=200.0, doc="potential at the start; the gates start at rest there")

    def check_step(self, dt: float) -> None:
        """Refuse a step that does not divide t_ref."""
        refractory_steps(self, dt)

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.hodgkin_huxley import rates, step_hh  # numba is loaded when something runs, not by import snnsim

        alpha_m, beta_m, alpha_h, beta_h, alpha_n, beta_n = np.array([rates(v) for v in np.ravel(self.v_init)]).T
        gates = (alpha_m / (alpha_m + beta_m), alpha_h / (alpha_h + beta_h), alpha_n / (alpha_n + beta_n))
        exc, inh = np.asarray(self.tau_syn_exc), np.asarray(self.tau_syn_inh)
        membrane = (self.c_m, self.g_na, self.g_k, self.g_leak, self.e_na, self.e_k, self.v_leak, self.i_ext)
        coef = rows(n, *membrane, 1.0 / exc, 1.0 / inh, np.exp(-dt / exc), np.exp(-dt / inh), refractory_steps(self, dt), dt)
        return ClockForm(step_hh, filled(n, self.v_init, *gates, 0.0, 0.0, 0.0, 0.0, 0.0, dt), coef, current=((7, 1.0),))

"""Adaptive leaky integrate-and-fire neuron: spike-triggered current and moving threshold, with delta synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.leaky import LeakyNeuron
from snnsim.models.lif_alpha import moment
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ALIF(LeakyNeuron):
    r"""Adaptive leaky integrate-and-fire neuron, integrated exactly; an arriving spike lifts v by its weight (mV).

    .. math::
        c_m \dot v = \tfrac{c_m}{\tau_m} (v_{rest} - v) + i_{ext} - w, \qquad
        \tau_w \dot w = -w, \qquad \tau_\theta \dot \theta = -\theta

    When :math:`v \ge v_{th} + \theta` it fires, w grows by b, theta by q, and v is held at v_reset for t_ref while w and theta
    decay. Input that arrives meanwhile is lost. Input is added before the threshold test of its arrival step; a spike is
    stamped with the end of its step. Runs on the clock. With b = 0 or q = 0 one of the two adaptations alone remains.

    Parameters of the membrane: `LeakyNeuron`.

    Source: Mensi et al. (2012), J. Neurophysiol. 107:1756, with one exponential each and no noise; with b = 0 the neuron of
    Bellec et al. (2018), NeurIPS 31, but reset to a fixed potential.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "w", "theta")
    slow: ClassVar[tuple[str, ...]] = ("theta",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 7, "multiplies": 4, "state_reads": 5, "state_writes": 5},
    }

    b: float = param(20.0, unit="pA", doc="jump of the adaptation current at a spike")
    tau_w: float = param(100.0, unit="ms", gt=0.0, doc="decay of the adaptation current")
    q: float = param(2.0, unit="mV", ge=0.0, doc="jump of the threshold at a spike")
    tau_theta: float = param(50.0, unit="ms", gt=0.0, doc="decay of the threshold")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return exact steps: the propagators of `dt`."""
        from snnsim.kernels.adaptive import step_adaptive  # numba is loaded when something runs, not by import snnsim

        tau_m, tau_w = np.asarray(self.tau_m), np.asarray(self.tau_w)
        membrane = (self.v_inf, np.exp(-dt / tau_m), self.v_th, self.v_reset, self.refractory_steps(dt))
        current = (moment(0, dt, tau_m, tau_w) / self.c_m, np.exp(-dt / tau_w), self.b)
        coef = rows(n, *membrane, *current, np.exp(-dt / np.asarray(self.tau_theta)), self.q)
        return ClockForm(step_adaptive, filled(n, self.v_start, 0.0, 0.0, 0.0), coef, current=self.inflow)

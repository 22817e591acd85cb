"""Leaky integrate-and-fire neuron with alpha synaptic currents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.leaky import LeakyNeuron
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param

_NEAR = 0.5  # |dt (1 / tau_syn - 1 / tau_m)| below which the power series is used


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIFAlpha(LeakyNeuron):
    r"""Leaky integrate-and-fire neuron, integrated exactly; a spike starts a current that peaks at its weight (pA) after tau_syn.

    .. math::
        c_m \dot v = \tfrac{c_m}{\tau_m} (v_{rest} - v) + i_{ext} + i_{syn,exc} + i_{syn,inh}, \qquad
        i_{syn}(t) = w \tfrac{t}{\tau_{syn}} e^{1 - t / \tau_{syn}}

    Weights >= 0 add to i_syn_exc, weights < 0 to i_syn_inh. When :math:`v \ge v_{th}` it fires and v is held at v_reset for
    t_ref while the currents flow on. Input acts from the step after its arrival; a spike is stamped with the end of its
    step. Runs on the clock.

    Parameters of the membrane: `LeakyNeuron`.

    Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381; NEST model iaf_psc_alpha.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i_syn_exc", "i_syn_inh")
    channels: ClassVar[int] = 2
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 12, "multiplies": 13, "state_reads": 8, "state_writes": 8},
    }

    tau_syn_exc: float = param(2.0, unit="ms", gt=0.0, doc="time to the peak of the excitatory current")
    tau_syn_inh: float = param(2.0, unit="ms", gt=0.0, doc="time to the peak of the inhibitory current")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return exact steps: the propagators of `dt`, also where tau_syn and tau_m (nearly) meet."""
        from snnsim.kernels.alpha import step_alpha  # numba is loaded when something runs, not by import snnsim

        tau_m = np.asarray(self.tau_m)
        coef = [self.v_inf, np.exp(-dt / tau_m), self.v_th, self.v_reset, self.refractory_steps(dt)]
        for tau in (np.asarray(self.tau_syn_exc), np.asarray(self.tau_syn_inh)):
            coef += [moment(0, dt, tau_m, tau) / self.c_m, moment(1, dt, tau_m, tau) / self.c_m, np.exp(-dt / tau), np.e / tau]
        return ClockForm(step_alpha, filled(n, self.v_start, 0.0, 0.0, 0.0, 0.0, 0.0), rows(n, *coef, dt), current=self.inflow)


def moment(order: int, t: float, tau_m: np.ndarray, tau_s: np.ndarray) -> np.ndarray:
    """Return the convolution of exp(-s / tau_m) and s^order exp(-s / tau_s) at t, for order 0 or 1; stable where both tau meet."""
    x = np.asarray(t * (1.0 / tau_s - 1.0 / tau_m))
    series, term = np.zeros(x.shape), np.ones(x.shape)
    for k in range(20):
        series += term / (k + 1 + order)
        term = term * -np.where(np.abs(x) < _NEAR, x, 0.0) / (k + 1)
    far = np.where(np.abs(x) < _NEAR, 1.0, x)
    small = np.abs(far)  # Both closed forms without a growing exponential: the slower decay is taken out.
    if order == 0:
        closed = -np.expm1(-small) / small
        scale = np.exp(-t / np.maximum(tau_m, tau_s))
    else:
        closed = np.where(far > 0.0, 1.0 - (1.0 + small) * np.exp(-small), np.expm1(-small) + small) / small**2
        scale = np.exp(-t / np.maximum(tau_m, tau_s))
    return t ** (1 + order) * np.where(np.abs(x) < _NEAR, np.exp(-t / tau_m) * series, scale * closed)

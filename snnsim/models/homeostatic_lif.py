"""Leaky integrate-and-fire neuron with delta synapses, whose threshold drifts until it fires at a target rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.leaky import LeakyNeuron
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class HomeostaticLIF(LeakyNeuron):
    r"""Leaky integrate-and-fire neuron that moves its threshold until its mean rate is a target; an arriving spike lifts v by its weight.

    .. math::
        \tau_m \dot v = v_{rest} - v + r_m i_{ext}, \qquad
        \dot \theta = \eta \Big( \sum_k \delta(t - t_k) - r \Big)

    When :math:`v \ge v_{th} + \theta` it fires at t_k, theta grows by eta, and v is held at v_reset for t_ref. Between spikes theta
    falls, down to theta_min. Input that arrives while v is held is lost. Input is added before the threshold test of its arrival
    step; a spike is stamped with the end of its step. Runs on the clock.

    Above theta_min, theta(T) - theta(0) = eta (n - r T) for n spikes in T: while theta stays bounded, the mean rate is r.

    Parameters of the membrane: `LeakyNeuron`.

    Source: intrinsic plasticity of Lazar, Pipa & Triesch (2009), Front. Comput. Neurosci. 3:23, in continuous time.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "theta")
    slow: ClassVar[tuple[str, ...]] = ("theta",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 8, "multiplies": 1, "state_reads": 4, "state_writes": 4},
    }

    rate: float = param(10.0, unit="Hz", ge=0.0, doc="mean rate that the threshold aims at")
    eta: float = param(0.05, unit="mV", ge=0.0, doc="jump of the threshold at a spike")
    theta_min: float = param(-8.0, unit="mV", le=0.0, doc="how far the threshold may fall; v_th + theta_min must stay above v_reset")

    def __post_init__(self) -> None:
        super().__post_init__()
        lowest, reset = np.asarray(self.v_th) + np.asarray(self.theta_min), np.asarray(self.v_reset)
        if np.any(lowest.min() <= reset.max()):
            raise ParameterError(
                f"HomeostaticLIF.theta_min = {np.min(self.theta_min):g} mV must keep v_th + theta_min = {lowest.min():g} mV above "
                f"v_reset = {reset.max():g} mV: a neuron reset above threshold would fire forever. Raise theta_min."
            )

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return exact steps: the propagators of `dt`."""
        from snnsim.kernels.homeostatic import step_homeostatic  # numba is loaded when something runs, not by import snnsim

        membrane = (self.v_inf, np.exp(-dt / np.asarray(self.tau_m)), self.v_th, self.v_reset, self.refractory_steps(dt))
        coef = rows(n, *membrane, self.eta, np.asarray(self.eta) * self.rate * (1e-3 * dt), self.theta_min)
        return ClockForm(step_homeostatic, filled(n, self.v_start, 0.0, 0.0), coef, current=self.inflow)

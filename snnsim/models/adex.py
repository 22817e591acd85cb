"""Adaptive exponential integrate-and-fire neuron with exponential conductances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.limits import check_below, refractory_steps
from snnsim.models.spiking import ClockForm, NeuronModel, filled, rows
from snnsim.units import param

_STEEPEST = 600.0  # exp of more nears the largest double


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class AdEx(NeuronModel):
    r"""Adaptive exponential integrate-and-fire neuron; an arriving spike opens a conductance by its weight (nS).

    .. math::
        c_m \dot v &= g_{leak} (v_{rest} - v) + g_{leak} \Delta_T e^{(v - v_{th}) / \Delta_T} - w + i_{ext}
            + g_{exc} (e_{exc} - v) + g_{inh} (e_{inh} - v) \\
        \tau_w \dot w &= a (v - v_{rest}) - w, \qquad \tau_{syn} \dot g = -g

    When :math:`v \ge v_{peak}` it fires, w grows by b and v is held at v_reset for t_ref. Weights >= 0 open g_exc, weights < 0
    open g_inh by their magnitude. Input acts from the step after its arrival; a spike is stamped with the end of its step, and
    there is one per step at most. Runs on the clock, by RKF45 with a local error of at most 1e-6 (mV, pA, nS).

    Source: Brette & Gerstner (2005), J. Neurophysiol. 94:3637, eq. 2-3, v_reset aside; NEST model aeif_cond_exp.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "w", "g_exc", "g_inh")
    channels: ClassVar[int] = 2
    # One step of the scheme of six stages; the upswing of a spike takes several tens of them.
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 201, "multiplies": 170, "divides": 31, "tables": 7, "state_reads": 8, "state_writes": 8},
    }

    c_m: float = param(281.0, unit="pF", gt=0.0, doc="membrane capacitance")
    g_leak: float = param(30.0, unit="nS", gt=0.0, doc="leak conductance")
    v_rest: float = param(-70.6, unit="mV", doc="resting potential")
    v_th: float = param(-50.4, unit="mV", doc="potential around which the upswing sets in")
    delta_t: float = param(2.0, unit="mV", gt=0.0, doc="sharpness of the upswing")
    v_peak: float = param(0.0, unit="mV", doc="potential at which a spike is cut off")
    v_reset: float = param(-60.0, unit="mV", doc="potential after a spike; above v_th the neuron bursts")
    t_ref: float = param(0.0, unit="ms", ge=0.0, doc="refractory period; 0 or a multiple of dt")
    a: float = param(4.0, unit="nS", doc="adaptation to v")
    b: float = param(80.5, unit="pA", doc="adaptation to spikes: jump of w")
    tau_w: float = param(144.0, unit="ms", gt=0.0, doc="time constant of adaptation")
    i_ext: float = param(0.0, unit="pA", doc="constant input current")
    e_rev_exc: float = param(0.0, unit="mV", doc="reversal potential of excitation")
    e_rev_inh: float = param(-85.0, unit="mV", doc="reversal potential of inhibition")
    tau_syn_exc: float = param(5.0, unit="ms", gt=0.0, doc="decay of the excitatory conductance")
    tau_syn_inh: float = param(10.0, unit="ms", gt=0.0, doc="decay of the inhibitory conductance")
    v_init: float | None = param(None, unit="mV", doc="potential at the start; None means v_rest")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_below(self, "v_reset", "v_peak", "a neuron reset above its peak would fire in every step")
        check_below(self, "v_th", "v_peak", "the upswing needs room below the peak")
        if self.v_init is not None:
            check_below(self, "v_init", "v_peak", "a run starts below the peak")
        self._check_steepness()

    def check_step(self, dt: float) -> None:
        """Refuse a step that does not divide t_ref."""
        refractory_steps(self, dt)

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.adex import step_adex  # numba is loaded when something runs, not by import snnsim

        membrane = (self.c_m, self.g_leak, self.v_rest, self.v_th, self.delta_t, self.v_peak, self.v_reset, self.a, self.tau_w)
        synapses = (self.e_rev_exc, self.e_rev_inh, self.tau_syn_exc, self.tau_syn_inh)
        coef = rows(n, *membrane, self.i_ext, *synapses, self.b, refractory_steps(self, dt), dt)
        start = self.v_rest if self.v_init is None else self.v_init
        return ClockForm(step_adex, filled(n, start, 0.0, 0.0, 0.0, 0.0, dt), coef, current=((9, 1.0),))

    def _check_steepness(self) -> None:
        try:
            steepness = np.max((np.asarray(self.v_peak) - self.v_th) / self.delta_t)
        except ValueError:
            return  # Arrays of different shape: check_shape reports them by name.
        if steepness > _STEEPEST:
            raise ParameterError(
                f"AdEx.delta_t = {np.min(self.delta_t):g} mV must be >= (v_peak - v_th) / {_STEEPEST:g}: the upswing would overflow. "
                "Raise delta_t or lower v_peak."
            )

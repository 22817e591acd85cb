"""Leaky integrate-and-fire neuron with exponential synaptic currents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.spiking import ClockForm, EventForm, NeuronModel, check_below_threshold, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIFExp(NeuronModel):
    r"""Leaky integrate-and-fire neuron, integrated exactly; an arriving spike lifts a current by its weight (pA).

    .. math::
        c_m \dot v = \tfrac{c_m}{\tau_m} (v_{rest} - v) + i_{ext} + i_{syn,exc} + i_{syn,inh}, \qquad
        \tau_{syn} \dot i_{syn} = -i_{syn}

    Weights >= 0 add to i_syn_exc, weights < 0 to i_syn_inh. When :math:`v \ge v_{th}` it fires and v is held at v_reset for
    t_ref while the currents flow on. On the clock, input acts from the step after its arrival and a spike is stamped
    with the end of its step; off the clock the first crossing is found without missing any.

    Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381; NEST models iaf_psc_exp and iaf_psc_exp_ps_lossless.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i_syn_exc", "i_syn_inh")
    channels: ClassVar[int] = 2
    event_cost: ClassVar[float] = 2000.0

    tau_m: float = param(20.0, unit="ms", gt=0.0, doc="membrane time constant")
    tau_syn_exc: float = param(5.0, unit="ms", gt=0.0, doc="decay of the excitatory current")
    tau_syn_inh: float = param(10.0, unit="ms", gt=0.0, doc="decay of the inhibitory current")
    v_rest: float = param(-65.0, unit="mV", doc="resting potential")
    v_th: float = param(-50.0, unit="mV", doc="firing threshold")
    v_reset: float = param(-65.0, unit="mV", doc="potential after a spike")
    t_ref: float = param(2.0, unit="ms", ge=0.0, doc="refractory period")
    c_m: float = param(200.0, unit="pF", gt=0.0, doc="membrane capacitance")
    i_ext: float = param(0.0, unit="pA", doc="constant input current")
    v_init: float | None = param(None, unit="mV", doc="potential at the start; None means v_rest")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_below_threshold("LIFExp", "v_reset", self.v_reset, self.v_th, "a neuron reset above threshold would fire forever")
        if self.v_init is not None:
            check_below_threshold("LIFExp", "v_init", self.v_init, self.v_th, "a run starts below threshold")

    @property
    def v_inf(self) -> float | np.ndarray:
        """Potential approached without spikes, mV."""
        return self.v_rest + self.i_ext * (self.tau_m / self.c_m)

    def _start(self) -> float | np.ndarray:
        return self.v_rest if self.v_init is None else self.v_init

    def clock_form(self, n: int, dt: float) -> ClockForm:
        from snnsim.kernels.lif import step_exp  # numba is loaded when something runs, not by import snnsim

        tau_m, exc, inh = np.asarray(self.tau_m), np.asarray(self.tau_syn_exc), np.asarray(self.tau_syn_inh)
        fixed = (self.v_inf, np.exp(-dt / tau_m), self.v_th, self.v_reset, np.rint(self.t_ref / dt))
        synapses = (_overlap(dt, tau_m, exc) / self.c_m, np.exp(-dt / exc), _overlap(dt, tau_m, inh) / self.c_m, np.exp(-dt / inh))
        return ClockForm(step_exp, filled(n, self._start(), 0.0, 0.0, 0.0), rows(n, *fixed, *synapses))

    def event_form(self, n: int) -> EventForm:
        from snnsim.kernels.lif import advance_exp, peek_exp

        tau_m, exc, inh = np.asarray(self.tau_m), np.asarray(self.tau_syn_exc), np.asarray(self.tau_syn_inh)
        fixed = (self.v_inf, 1.0 / tau_m, self.v_th, self.v_reset, self.t_ref, 1.0 / exc, 1.0 / inh, self.c_m)
        peaks = (_peak(tau_m, exc), _peak(tau_m, inh))
        return EventForm(advance_exp, peek_exp, filled(n, self._start(), 0.0, 0.0), rows(n, *fixed, *peaks))


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

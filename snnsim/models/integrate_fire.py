"""Integrate-and-fire neuron without leak, with delta synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.limits import check_below, refractory_steps
from snnsim.models.spiking import ClockForm, EventForm, NeuronModel, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class IF(NeuronModel):
    r"""Integrate-and-fire neuron without leak, integrated exactly; an arriving spike lifts v by its weight (mV).

    .. math:: c_m \dot v = i_{ext}

    When :math:`v \ge v_{th}` it fires and v is held at v_reset for t_ref. Input that arrives meanwhile is lost, up to and
    including t_spike + t_ref. On the clock, input is added before the threshold test of its arrival step and a spike is
    stamped with the end of its step.

    Source: Lapicque (1907), J. Physiol. Pathol. Gen. 9:620, without the leak; Gerstner & Kistler (2002), Spiking Neuron Models, 4.1.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 4, "state_reads": 3, "state_writes": 3},
        "event": {"adds": 6, "multiplies": 1, "divides": 1, "state_reads": 5, "state_writes": 4},
    }

    v_th: float = param(-50.0, unit="mV", doc="firing threshold")
    v_reset: float = param(-65.0, unit="mV", doc="potential after a spike")
    t_ref: float = param(2.0, unit="ms", ge=0.0, doc="refractory period; 0 or a multiple of dt on the clock")
    c_m: float = param(200.0, unit="pF", gt=0.0, doc="membrane capacitance")
    i_ext: float = param(0.0, unit="pA", doc="constant input current")
    v_init: float | None = param(None, unit="mV", doc="potential at the start; None means v_reset")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_below(self, "v_reset", "v_th", "a neuron reset above threshold would fire forever")
        if self.v_init is not None:
            check_below(self, "v_init", "v_th", "a run starts below threshold")

    @property
    def slope(self) -> float | np.ndarray:
        """Rise of v between inputs, mV per ms."""
        return self.i_ext / self.c_m

    @property
    def v_start(self) -> float | np.ndarray:
        """Potential at the start of a run, mV."""
        return self.v_reset if self.v_init is None else self.v_init

    def check_step(self, dt: float) -> None:
        """Refuse a step that does not divide t_ref."""
        refractory_steps(self, dt)

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return exact steps of `dt`."""
        from snnsim.kernels.integrate_fire import step_line  # numba is loaded when something runs, not by import snnsim

        coef = rows(n, self.slope * dt, self.v_th, self.v_reset, refractory_steps(self, dt))
        return ClockForm(step_line, filled(n, self.v_start, 0.0), coef, current=((0, dt / self.c_m),))

    def event_form(self, n: int) -> EventForm:
        """Return the flight between inputs, and its crossing of threshold. Without a current v does not change there."""
        if not np.any(self.slope):
            from snnsim.kernels.frozen import advance_frozen, peek_frozen

            # Frozen neurons that do not fade: the potential is measured from 0 mV.
            coef = rows(n, self.v_th, self.v_reset, 0.0, 0.0, self.t_ref)
            return EventForm(advance_frozen, peek_frozen, filled(n, self.v_start), coef, 0.0)
        return self.driven_form(n)

    def driven_form(self, n: int) -> EventForm:
        """Return the flight between inputs of neurons that may fire by themselves."""
        from snnsim.kernels.integrate_fire import advance_line, peek_line

        coef = rows(n, self.slope, self.v_th, self.v_reset, self.t_ref)
        return EventForm(advance_line, peek_line, filled(n, self.v_start), coef, current=((0, 1.0 / self.c_m),))

"""Izhikevich's neuron with delta synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.limits import check_below
from snnsim.models.spiking import ClockForm, NeuronModel, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Izhikevich(NeuronModel):
    r"""Izhikevich's two-variable neuron by forward Euler; an arriving spike lifts v by its weight (mV).

    .. math:: \dot v = 0.04 v^2 + 5 v + 140 - u + i_{ext}, \qquad \dot u = a (b v - u)

    with t in ms and v in mV. When :math:`v \ge v_{peak}` it fires, v becomes c and u grows by d. Input is added before the test of
    its arrival step; a spike is stamped with the end of its step. Runs on the clock. The parameters keep the letters of the
    paper, which is about them; its script halves the step of v alone, this one steps both variables together.

    Source: Izhikevich (2003), IEEE Trans. Neural Netw. 14:1569; NEST model izhikevich with consistent_integration.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "u")
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 9, "multiplies": 7, "state_reads": 3, "state_writes": 3},
    }

    a: float = param(0.02, unit="1/ms", gt=0.0, doc="rate of recovery")
    b: float = param(0.2, unit="1/ms", doc="sensitivity of recovery to v")
    c: float = param(-65.0, unit="mV", doc="potential after a spike")
    d: float = param(8.0, unit="mV/ms", doc="jump of u at a spike")
    v_peak: float = param(30.0, unit="mV", doc="potential at which a spike is cut off")
    i_ext: float = param(0.0, unit="mV/ms", doc="constant drive, the paper's I")
    v_init: float | None = param(None, unit="mV", doc="potential at the start; None means c")
    u_init: float | None = param(None, unit="mV/ms", doc="recovery at the start; None means b v")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_below(self, "c", "v_peak", "a neuron reset above its peak would fire in every step")
        if self.v_init is not None:
            check_below(self, "v_init", "v_peak", "a run starts below the peak")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return Euler steps of `dt`."""
        from snnsim.kernels.izhikevich import step_izhikevich  # numba is loaded when something runs, not by import snnsim

        v = self.c if self.v_init is None else self.v_init
        u = np.asarray(self.b) * v if self.u_init is None else self.u_init
        coef = rows(n, self.a, self.b, self.c, self.d, self.v_peak, self.i_ext, dt)
        return ClockForm(step_izhikevich, filled(n, v, u), coef, current=((5, 1.0),))

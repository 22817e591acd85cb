"""Leaky integrate-and-fire neuron with exponential synaptic conductances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.models.conductance import ConductanceNeuron
from snnsim.models.spiking import ClockForm, filled, rows


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIFCondExp(ConductanceNeuron):
    r"""Leaky integrate-and-fire neuron; an arriving spike opens a conductance by its weight (nS), which decays exponentially.

    .. math::
        c_m \dot v = \tfrac{c_m}{\tau_m} (v_{rest} - v) + g_{exc} (e_{exc} - v) + g_{inh} (e_{inh} - v) + i_{ext}, \qquad
        \tau_{syn} \dot g = -g

    When :math:`v \ge v_{th}` it fires and v is held at v_reset for t_ref while the conductances decay. Input acts from the step
    after its arrival; a spike is stamped with the end of its step. Runs on the clock: g in closed form, v by a Magnus scheme of
    order 6 in pieces of at most half the fastest time constant.

    Parameters: `LeakyNeuron`, `ConductanceNeuron`.

    Source: Destexhe, Mainen & Sejnowski (1998), in Methods in Neuronal Modeling, ch. 1; NEST model iaf_cond_exp.
    """

    # One piece of the scheme, the usual case: there are more where tau_syn, or c_m over the conductance, is below 2 dt.
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 33, "multiplies": 39, "state_reads": 6, "state_writes": 6},
    }

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.conductance import step_cond_exp  # numba is loaded when something runs, not by import snnsim

        coef = rows(n, *self.conductance_coefficients(dt))
        return ClockForm(step_cond_exp, filled(n, self.v_start, 0.0, 0.0, 0.0), coef, current=self.conductance_inflow(dt))

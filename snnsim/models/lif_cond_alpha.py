"""Leaky integrate-and-fire neuron with alpha synaptic conductances."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.conductance import ConductanceNeuron
from snnsim.models.spiking import ClockForm, filled, rows


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class LIFCondAlpha(ConductanceNeuron):
    r"""Leaky integrate-and-fire neuron; a spike starts a conductance that peaks at its weight (nS) after tau_syn.

    .. math::
        c_m \dot v = \tfrac{c_m}{\tau_m} (v_{rest} - v) + g_{exc} (e_{exc} - v) + g_{inh} (e_{inh} - v) + i_{ext}, \qquad
        g(t) = w \tfrac{t}{\tau_{syn}} e^{1 - t / \tau_{syn}}

    When :math:`v \ge v_{th}` it fires and v is held at v_reset for t_ref while the conductances flow on. Input acts from the step
    after its arrival; a spike is stamped with the end of its step. Runs on the clock: g in closed form, v by a Magnus scheme of
    order 6 in pieces of at most half the fastest time constant.

    Parameters: `LeakyNeuron`, `ConductanceNeuron`.

    Source: Rall (1967), J. Neurophysiol. 30:1138, for the alpha function; NEST model iaf_cond_alpha.
    """

    # One piece of the scheme, the usual case: there are more where tau_syn, or c_m over the conductance, is below 2 dt.
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 43, "multiplies": 53, "state_reads": 8, "state_writes": 8},
    }

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.conductance import step_cond_alpha  # numba is loaded when something runs, not by import snnsim

        peaks = (math.e / np.asarray(self.tau_syn_exc), math.e / np.asarray(self.tau_syn_inh))
        coef = rows(n, *self.conductance_coefficients(dt), *peaks)
        return ClockForm(step_cond_alpha, filled(n, self.v_start, 0.0, 0.0, 0.0, 0.0, 0.0), coef, current=self.conductance_inflow(dt))

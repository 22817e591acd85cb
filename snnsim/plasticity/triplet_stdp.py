"""Spike-timing dependent plasticity of triplets of spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from snnsim.plasticity.base import SpikeRule, SynapseForm
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TripletSTDP(SpikeRule):
    r"""Additive STDP of pairs and triplets of spikes, all to all, with hard bounds.

    .. math::
        \Delta w = +w_{max}\, r_1 (a_2^+ + a_3^+ o_2) \text{ at a post spike}, \qquad
        \Delta w = -w_{max}\, o_1 (a_2^- + a_3^- r_2) \text{ at a pre spike}

    .. math::
        \tau_+ \dot r_1 = -r_1, \; \tau_x \dot r_2 = -r_2, \; r \to r + 1 \text{ at a pre spike}; \qquad
        \tau_- \dot o_1 = -o_1, \; \tau_y \dot o_2 = -o_2, \; o \to o + 1 \text{ at a post spike}

    All traces are those just before the spike at hand. w is the size of the weight; its sign stays. Potentiation grows with o_2,
    the spikes that the target made before: the rule depends on rates as pairs do not. The defaults are the published fit of the
    full model to visual cortex.

    delay : 'dendritic', 'axonal'   where the delay of the projection lies; see `SpikeRule`

    Source: Pfister & Gerstner (2006), J. Neurosci. 26:9673, the full model, table 3. NEST's stdp_triplet_synapse: a2_plus, a3_plus,
    a2_minus, a3_minus are Aplus, Aplus_triplet, Aminus, Aminus_triplet over Wmax; tau_x, tau_y are tau_plus_triplet,
    tau_minus_triplet.
    """

    a2_plus: float = param(5e-10, doc="potentiation by a pair at zero lag, as a fraction of w_max")
    a3_plus: float = param(6.2e-3, doc="potentiation by a triplet post-pre-post at zero lag, as a fraction of w_max")
    a2_minus: float = param(7e-3, doc="depression by a pair at zero lag, as a fraction of w_max")
    a3_minus: float = param(2.3e-4, doc="depression by a triplet pre-post-pre at zero lag, as a fraction of w_max")
    tau_plus: float = param(16.8, unit="ms", gt=0.0, doc="time constant of r_1, pairs of potentiation")
    tau_x: float = param(101.0, unit="ms", gt=0.0, doc="time constant of r_2, triplets of depression")
    tau_minus: float = param(33.7, unit="ms", gt=0.0, doc="time constant of o_1, pairs of depression")
    tau_y: float = param(125.0, unit="ms", gt=0.0, doc="time constant of o_2, triplets of potentiation")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    delay: str = "dendritic"

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.triplet_stdp import attend_triplet, learn_triplet, replay_triplet

        amplitudes = (self.a2_plus, self.a3_plus, self.a2_minus, self.a3_minus)
        coef = (self.w_min, self.w_max, *(self.w_max * a for a in amplitudes))
        traces = (self.tau_plus, self.tau_x), (self.tau_minus, self.tau_y)
        # A bank takes potentiation of one sign.
        if self.a2_plus * self.a3_plus < 0.0:
            return SynapseForm(coef, *traces, replay_triplet)
        return SynapseForm(coef, *traces, replay_triplet, learn_triplet, attend_triplet)

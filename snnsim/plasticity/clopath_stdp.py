"""Voltage-based STDP with a fixed amplitude of depression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.errors import ParameterError
from snnsim.plasticity.base import SpikeRule, SynapseForm, Voltage
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ClopathSTDP(SpikeRule):
    r"""STDP by the postsynaptic potential u and two low-pass filters of it, instead of postsynaptic spikes.

    .. math::
        \Delta w = -A_{LTD} (\bar u_- - \theta_-)_+ \text{ at a pre spike}, \qquad
        \dot w = A_{LTP} \, \bar x \, (u - \theta_+)_+ (\bar u_+ - \theta_-)_+

    .. math::
        \tau_\pm \dot{\bar u}_\pm = u - \bar u_\pm, \qquad \tau_x \dot{\bar x} = -\bar x, \;
        \bar x \to \bar x + 1 / \tau_x \text{ at a pre spike}

    w is the size of the weight; its sign stays. u is the state v of the post population at the end of every step of dt; the filters
    take it as the potential of the whole step. A presynaptic spike that arrives at t meets u_minus of t - dt, and counts in
    x from t on. Potentiation is summed over the grid, and clipped with the weight at presynaptic spikes and when it is looked at:
    as if w stayed within its bounds all the time, since potentiation alone acts between those.

    v_spike : float or None   mV; a spike is reset within its step by most models, so that v never shows it: from the end of that
                              step on, v_spike stands for u through t_spike. None: u is v alone
    delay : 'axonal'          the delay of the projection lies before the synapse; see `SpikeRule`. No other is known here

    Runs on the clock, with post models that have a state v. The filters start at the potential at which the neurons start.

    Raises ParameterError for values outside their bounds.

    Source: Clopath, Buesing, Vasilaki & Gerstner (2010), Nat. Neurosci. 13:344, eqs. 1-4 with a fixed A_LTD; the defaults are those
    of its table 1 for visual cortex. A spike there is held at 33 mV for 2 ms.
    """

    clock_only: ClassVar[str] = "which follows the potential in every step"

    a_ltd: float = param(14e-5, unit="1/mV", ge=0.0, doc="amplitude of depression")
    a_ltp: float = param(8e-5, unit="1/mV^2", ge=0.0, doc="amplitude of potentiation")
    theta_minus: float = param(-70.6, unit="mV", doc="threshold of the filtered potentials")
    theta_plus: float = param(-45.3, unit="mV", doc="threshold of the potential")
    tau_minus: float = param(10.0, unit="ms", gt=0.0, doc="time constant of u_minus")
    tau_plus: float = param(7.0, unit="ms", gt=0.0, doc="time constant of u_plus")
    tau_x: float = param(15.0, unit="ms", gt=0.0, doc="time constant of x")
    v_spike: float | None = param(None, unit="mV", doc="what stands for the potential after a spike")
    t_spike: float = param(2.0, unit="ms", gt=0.0, doc="for how long; a multiple of dt")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    delay: str = "axonal"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delay != "axonal":
            raise ParameterError(
                f"ClopathSTDP.delay = {self.delay!r} must be 'axonal': the potential is that of the synapse, at once. Leave it out."
            )

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.clopath_stdp import attend_nothing, learn_voltage

        coef = (self.w_min, self.w_max, self.a_ltd, self.theta_minus)
        gain = self.a_ltp / self.tau_x
        heard = Voltage(self.tau_minus, self.tau_plus, self.theta_minus, self.theta_plus, gain, self.v_spike, self.t_spike)
        # The trace after x holds u_minus, which does not decay.
        return SynapseForm(coef, (self.tau_x,), (float("inf"),), None, learn_voltage, attend_nothing, voltage=heard)

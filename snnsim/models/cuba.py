"""What the current-based neurons of NIR share: a synaptic current between input and potential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snnsim.models.box import BoxNeuron
from snnsim.models.lif_exp import _overlap
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@dataclass(frozen=True, kw_only=True, eq=False)
class CubaNeuron(BoxNeuron):
    r"""Base of `CubaLIF` and `CubaLI`.

    .. math::
        \tau_{syn} \dot i_{syn} = -i_{syn} + w_{in} (i_{ext} + \sum w), \qquad \tau_m \dot v = v_{rest} - v + r \, i_{syn}

    With ``scheme="euler"`` the current takes its step first, and v sees the new one, as in Norse and snnTorch.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i_syn")
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 6, "multiplies": 5, "state_reads": 3, "state_writes": 3},
    }

    tau_syn: float = param(5.0, unit="ms", gt=0.0, doc="decay of the current")
    tau_m: float = param(10.0, unit="ms", gt=0.0, doc="membrane time constant")
    r: float = param(1.0, doc="rise of the equilibrium per unit of current")
    w_in: float = param(1.0, doc="factor of the input")
    v_rest: float = param(0.0, doc="potential at rest and at the start")

    def cuba_form(self, n: int, dt: float, limits: tuple[Any, Any, float]) -> ClockForm:
        """Return steps of `dt`. limits : v_th, v_reset, mode of reset"""
        from snnsim.kernels.box import step_cuba  # numba is loaded when something runs, not by import snnsim

        tau_m, tau_syn = np.asarray(self.tau_m), np.asarray(self.tau_syn)
        share, fade, lift = self.approach(tau_m, dt), self.decay(tau_syn, dt), self.approach(tau_syn, dt)
        if self.scheme == "exact":
            pull = _overlap(dt, tau_m, tau_syn) / tau_m
            gain = share - pull
        else:
            pull, gain = share * fade, share * lift
        pull, gain, lift = self.r * pull, self.r * (self.w_in * gain), self.w_in * lift
        moving = (self.decay(tau_m, dt), share * self.v_rest + gain * self.i_ext, gain)
        coef = rows(n, *moving, *limits, pull, fade, lift * self.i_ext, lift)
        return ClockForm(step_cuba, filled(n, self.v_rest, 0.0), coef, current=((1, gain), (8, lift)))

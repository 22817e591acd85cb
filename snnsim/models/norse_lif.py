"""Norse's LIF neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.limits import check_below
from snnsim.models.spiking import ClockForm, NeuronModel, filled, rows
from snnsim.units import param

#: A threshold that no potential of single precision exceeds: a neuron with it is a readout.
NEVER_FIRES = float(np.finfo(np.float32).max)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class NorseLIF(NeuronModel):
    r"""Norse's feed-forward LIF, spike for spike: forward Euler, dimensionless v and i; an input adds its weight to i.

    .. math::
        i' = i_{k-1} + (x_k + i_{ext}), \quad v_k = v_{k-1} + \tfrac{dt}{\tau_m} (v_{rest} - v_{k-1} + i'), \quad
        i_k = i' - \tfrac{dt}{\tau_{syn}} i'

    When :math:`v_k > v_{th}` it fires and v_k becomes v_reset. Norse's default dt of 0.001 s is ``dt=1.0`` ms here; its tau_inv are
    1000 / tau, its v_leak is v_rest. In Norse a spike passes all layers in one step: projections with a delay of 0 do so here.
    Norse's LI, which never fires, is this with ``v_th=NEVER_FIRES``.

    Source: Pehle & Pedersen (2021), Norse, doi:10.5281/zenodo.4422025; Norse 1.1, norse/torch/functional/lif.py,
    lif_feed_forward_step.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i_syn")
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 7, "multiplies": 2, "state_reads": 3, "state_writes": 3},
    }

    tau_m: float = param(10.0, unit="ms", gt=0.0, doc="membrane time constant")
    tau_syn: float = param(5.0, unit="ms", gt=0.0, doc="decay of the current")
    v_rest: float = param(0.0, doc="potential at rest and at the start")
    v_th: float = param(1.0, doc="threshold, to be exceeded")
    v_reset: float = param(0.0, doc="potential after a spike")
    i_ext: float = param(0.0, doc="constant input of every step")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_below(self, "v_reset", "v_th", "a neuron reset above threshold would fire forever", unit="")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return Euler steps of `dt`."""
        from snnsim.kernels.discrete import step_norse  # numba is loaded when something runs, not by import snnsim

        rates = dt / np.asarray(self.tau_m), dt / np.asarray(self.tau_syn)
        coef = rows(n, *rates, self.v_rest, self.v_th, self.v_reset, self.i_ext)
        return ClockForm(step_norse, filled(n, self.v_rest, 0.0), coef, current=((5, 1.0),))

"""Norse's LIF neuron without a current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.models.limits import check_below
from snnsim.models.spiking import ClockForm, NeuronModel, filled, rows
from snnsim.units import one_of, param

RESETS = ("value", "subtract")  # in the order of kernels.discrete.VALUE, SUBTRACT_TH


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class NorseLIFBox(NeuronModel):
    r"""Norse's LIFBox, spike for spike: forward Euler, dimensionless; an input acts on v in its own step alone.

    .. math:: v_k = v_{k-1} + \tfrac{dt}{\tau_m} (x_k + i_{ext} + v_{rest} - v_{k-1})

    When :math:`v_k > v_{th}` it fires and v_k becomes v_reset, or v_k - v_th with ``reset_mechanism="subtract"``. Norse's default dt
    of 0.001 s is ``dt=1.0`` ms here; its tau_mem_inv is 1000 / tau_m, its v_leak is v_rest. LIBox, which never fires, is this with
    ``v_th=NEVER_FIRES`` (norse_lif.py).

    reset_mechanism : 'value' or 'subtract'   Norse's reset_value and reset_subtract

    Source: Pehle & Pedersen (2021), Norse, doi:10.5281/zenodo.4422025; Norse 1.1, norse/torch/functional/lif_box.py,
    lif_box_feed_forward_step.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 5, "multiplies": 1, "state_reads": 2, "state_writes": 2},
    }

    tau_m: float = param(10.0, unit="ms", gt=0.0, doc="membrane time constant")
    v_rest: float = param(0.0, doc="potential at rest and at the start")
    v_th: float = param(1.0, doc="threshold, to be exceeded")
    v_reset: float = param(0.0, doc="potential after a spike, where it resets to a value")
    i_ext: float = param(0.0, doc="constant input of every step")
    reset_mechanism: str = "value"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(f"{type(self).__name__}.reset_mechanism", self.reset_mechanism, RESETS)
        check_below(self, "v_reset", "v_th", "a neuron reset above threshold would fire forever", unit="")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return Euler steps of `dt`."""
        from snnsim.kernels.discrete import step_norse_box  # numba is loaded when something runs, not by import snnsim

        reset = RESETS.index(self.reset_mechanism)
        coef = rows(n, dt / np.asarray(self.tau_m), self.v_rest, self.v_th, self.v_reset, reset, self.i_ext)
        return ClockForm(step_norse_box, filled(n, self.v_rest), coef, current=((5, 1.0),))
